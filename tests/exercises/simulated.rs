//! Exercises ten and eleven: what a simulation is made of.

use crate::stubs::oracle::{Seen, is_correct};
use crate::stubs::shrink::shrink;
use Seen::{Command, End, Reply};

#[test]
#[ignore = "exercise 10: an oracle"]
fn exercise_10_oracle_tells_right_from_wrong_dialogues() {
    let (noop, retr, quit) = (Command("NOOP"), Command("RETR x"), Command("QUIT"));
    let right: [&[Seen]; 8] = [
        &[Reply(220)],
        &[Reply(220), noop, Reply(200)],
        &[noop, noop, Reply(220), Reply(200), Reply(200)],
        &[Reply(220), retr, Reply(150), noop, Reply(226), Reply(200)],
        &[Reply(220), retr, Reply(550), retr, Reply(150), Reply(426)],
        &[Reply(220), noop, Reply(421), End],
        &[Reply(421), End],
        &[Reply(220), quit, noop, Reply(221), End],
    ];
    for dialogue in right {
        assert!(is_correct(dialogue), "this one is correct: {dialogue:?}");
    }
    let wrong: [&[Seen]; 14] = [
        &[Reply(200)],
        &[noop, Reply(200)],
        &[Reply(220), Reply(200)],
        &[Reply(220), noop, Reply(200), Reply(200)],
        &[Reply(220), noop, Reply(150), Reply(200)],
        &[Reply(220), retr, Reply(150), Reply(150), Reply(226)],
        &[Reply(220), retr, noop, Reply(200), Reply(150)],
        &[Reply(220), noop, End],
        &[Reply(220), End],
        &[Reply(220), noop, Reply(421), Reply(200)],
        &[Reply(220), quit, Reply(200)],
        &[Reply(220), quit, Reply(221), Reply(200)],
        &[Reply(220), noop, Reply(221)],
        &[Reply(220), quit, Reply(221), End, End],
    ];
    for dialogue in wrong {
        assert!(!is_correct(dialogue), "this one is wrong: {dialogue:?}");
    }
}

#[test]
#[ignore = "exercise 11: shrinking"]
fn exercise_11_shrinking_finds_the_steps_that_matter() {
    let steps: Vec<u32> = (0..1000).collect();
    for needed in [
        vec![17, 803],
        vec![0],
        vec![999],
        vec![500, 501],
        vec![1, 400, 998],
    ] {
        let mut asked = 0;
        let mut fails = |tried: &[u32]| {
            asked += 1;
            assert!(tried.is_sorted(), "the steps keep their order");
            needed.iter().all(|step| tried.contains(step))
        };
        assert_eq!(shrink(&steps, &mut fails), needed);
        assert!(asked <= 100 * needed.len(), "{asked} times, for {needed:?}");
    }
    // Any two that are neighbours fail: the smallest are two, whichever.
    let mut fails = |tried: &[u32]| tried.windows(2).any(|two| two[0] + 1 == two[1]);
    assert_eq!(shrink(&steps, &mut fails).len(), 2);
}
