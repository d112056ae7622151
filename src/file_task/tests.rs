//! File tasks on files in memory, slice by slice.

use super::*;
use crate::limits::{CHUNK_BYTES, DIRECTORIES_BYTES, DIRECTORIES_PENDING, WORKER_SLICE_BYTES};
use crate::storage::{Error, Memory};

fn at(path: &str) -> VirtualPath {
    VirtualPath::root().join(path.as_bytes()).unwrap()
}

/// Runs a task to its end; returns the result and the number of slices.
fn run(memory: &Memory, spec: TaskSpec) -> (Result<TaskResult>, usize) {
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let mut scratch = Scratch::new(CHUNK_BYTES);
    let mut file_task = FileTask::new(spec, None);
    for slices in 1.. {
        if let TaskStep::Over(result) = file_task.slice(&storage, &mut scratch) {
            assert_eq!((memory.open_handles(), memory.pending_uploads()), (0, 0));
            return (result, slices);
        }
    }
    unreachable!()
}

fn combine(memory: &Memory, target: &str, parts: &[&str]) -> Result<TaskResult> {
    let spec = TaskSpec::Combine {
        target: at(target),
        parts: parts.iter().map(|part| at(part)).collect(),
        placement: Placement::Replace,
        umask: None,
    };
    run(memory, spec).0
}

#[cfg(feature = "digests")]
fn crc(path: &str, range: Option<(u64, u64)>) -> TaskSpec {
    TaskSpec::Digest {
        path: at(path),
        algorithm: Algorithm::Crc32,
        range: range.map(|(first, last)| ByteRange::new(first, last).unwrap()),
    }
}

#[cfg(feature = "digests")]
#[test]
fn digest_covers_requested_range() {
    let memory = Memory::new().with_file("/f", b"x123456789y");
    let nine = vec![0xcb, 0xf4, 0x39, 0x26];
    let empty = vec![0; 4];
    for (range, value, first, length) in [
        (Some((1, 9)), &nine, 1, 9),
        (Some((11, 11)), &empty, 11, 0),
        (Some((11, u64::MAX)), &empty, 11, 0),
    ] {
        let found = run(&memory, crc("/f", range)).0;
        let value = value.clone();
        let expected = TaskResult::Digest {
            value,
            first,
            length,
        };
        assert_eq!(found, Ok(expected));
    }
    let beyond = run(&memory, crc("/f", Some((12, 13)))).0;
    assert_eq!(beyond, Err(Error::BeyondEnd));
    assert_eq!(run(&memory, crc("/", None)).0, Err(Error::IsDirectory));
    assert_eq!(run(&memory, crc("/no", None)).0, Err(Error::NotFound));
}

#[cfg(feature = "digests")]
#[test]
fn digest_slice_is_bounded() {
    for (size, slices) in [
        (0, 1),
        (WORKER_SLICE_BYTES - 1, 1),
        (WORKER_SLICE_BYTES, 1),
        (WORKER_SLICE_BYTES + 1, 2),
        (3 * WORKER_SLICE_BYTES, 3),
    ] {
        let memory = Memory::new().with_file("/f", &vec![b'x'; size]);
        let (found, count) = run(&memory, crc("/f", None));
        assert!(found.is_ok());
        assert_eq!(count, 1 + slices, "{size}: the first slice opens the file");
    }
}

#[test]
fn measure_sums_files_of_whole_tree() {
    let memory = Memory::new()
        .with_file("/t/a", b"123")
        .with_file("/t/b/c", b"4567")
        .with_file("/t/b/d/e", b"8")
        .with_directory("/t/empty")
        .with_file("/outside", b"xxxxxxxxxxx");
    let measure = |path| run(&memory, TaskSpec::Measure(at(path))).0;
    assert_eq!(measure("/t"), Ok(TaskResult::Size(8)));
    assert_eq!(measure("/t/empty"), Ok(TaskResult::Size(0)));
    assert_eq!(measure("/t/a"), Err(Error::NotDirectory));
    assert_eq!(measure("/no"), Err(Error::NotFound));
}

#[test]
fn measure_bounds_number_and_bytes_of_pending_directories() {
    let long = "x".repeat(3000);
    for (directories, name, expected) in [
        (DIRECTORIES_PENDING, "d", Ok(TaskResult::Size(0))),
        (DIRECTORIES_PENDING + 1, "d", Err(Error::TooLarge)),
        (DIRECTORIES_BYTES / 8000, &long, Ok(TaskResult::Size(0))),
        (DIRECTORIES_BYTES / 3000, &long, Err(Error::TooLarge)),
    ] {
        let memory = (0..directories).fold(Memory::new(), |memory, number| {
            memory.with_directory(&format!("/{number}{name}"))
        });
        let found = run(&memory, TaskSpec::Measure(at("/"))).0;
        assert_eq!(found, expected, "{directories}");
    }
}

#[test]
fn combine_concatenates_and_removes_parts() {
    let large = vec![b'x'; 2 * WORKER_SLICE_BYTES + 1];
    let memory = Memory::new()
        .with_file("/a", b"one ")
        .with_file("/b", &large)
        .with_file("/t", b"old");
    assert_eq!(
        combine(&memory, "/t", &["/a", "/b"]),
        Ok(TaskResult::Combined)
    );
    assert_eq!(
        memory.read("/t").unwrap(),
        [b"one ".as_slice(), &large].concat()
    );
    assert_eq!(memory.names(), ["/t"]);
}

#[test]
fn combine_target_may_be_a_part_and_part_may_repeat() {
    let memory = Memory::new().with_file("/t", b"t").with_file("/a", b"a");
    let combined = combine(&memory, "/t", &["/t", "/a", "/a"]);
    assert_eq!(combined, Ok(TaskResult::Combined));
    assert_eq!(memory.read("/t").unwrap(), b"taa");
    assert_eq!(memory.names(), ["/t"]);
}

#[test]
fn combine_with_missing_part_changes_nothing() {
    let memory = Memory::new().with_file("/t", b"old").with_file("/a", b"a");
    for parts in [["/a", "/missing"], ["/missing", "/a"]] {
        assert_eq!(combine(&memory, "/t", &parts), Err(Error::NotFound));
        assert_eq!(memory.read("/t").unwrap(), b"old");
        assert_eq!(memory.names(), ["/a", "/t"]);
    }
}
