//! Reads a trace strictly: what a viewer would repair, ignore or draw in the wrong place fails.
//!
//! The members that each phase of the Trace Event Format requires, and no others; slices that are balanced
//! and in order on each track; tracks with names; jobs with both ends of their arrows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// A track: a process and a thread.
type Track = (u64, u64);

/// The ends of an arrow: a track and a time.
type Ends = [Option<(Track, f64)>; 2];

/// A trace whose form has been checked.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) text: String,
    processes: BTreeMap<u64, String>,
    /// The names of tracks.
    pub(crate) names: BTreeMap<Track, String>,
    /// The places of tracks.
    places: BTreeSet<Track>,
    /// The names of what happened on a track, in its order.
    events: BTreeMap<Track, Vec<String>>,
    /// The times of slices that have not ended.
    open: BTreeMap<Track, Vec<f64>>,
    /// The times of the last events.
    last: BTreeMap<Track, f64>,
    /// The tracks and times of jobs, by their numbers.
    jobs: BTreeMap<u64, (Track, [f64; 2])>,
    /// By their ids.
    arrows: BTreeMap<u64, Ends>,
}

/// The members of an event of a phase, besides those of all.
fn members(phase: &str, name: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match (phase, name) {
        ("M", "process_name" | "thread_name" | "thread_sort_index") => (&["name", "args"], &[]),
        ("B", _) => (&["name"], &["args"]),
        ("E", "") => (&[], &["args"]),
        ("X", _) => (&["name", "dur", "args"], &[]),
        ("i", _) => (&["name", "s"], &[]),
        ("s", "job") => (&["name", "cat", "id"], &[]),
        ("f", "job") => (&["name", "cat", "id", "bp"], &[]),
        other => panic!("an event of {other:?}"),
    }
}

fn check_members(event: &Map<String, Value>) {
    let name = event.get("name").map_or("", |name| name.as_str().unwrap());
    let (needed, allowed) = members(event["ph"].as_str().unwrap(), name);
    let of_all = ["ph", "pid", "tid", "ts"];
    for member in of_all.iter().chain(needed) {
        assert!(event.contains_key(*member), "{event:?} has no {member}");
    }
    for member in event.keys() {
        let mut known = of_all.iter().chain(needed).chain(allowed);
        assert!(known.any(|one| one == member), "{event:?} has {member}");
    }
    assert!(event.get("args").is_none_or(Value::is_object), "{event:?}");
}

impl Trace {
    pub(crate) fn read(file: &Path) -> Self {
        Self::parse(fs::read_to_string(file).unwrap())
    }

    pub(crate) fn parse(text: String) -> Self {
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["displayTimeUnit"], "ns");
        let mut trace = Self {
            text,
            ..Self::default()
        };
        for event in json["traceEvents"].as_array().unwrap() {
            trace.add(event.as_object().unwrap());
        }
        trace.check_tracks();
        trace.check_arrows();
        trace
    }

    fn add(&mut self, event: &Map<String, Value>) {
        check_members(event);
        let number = |key: &str| event[key].as_u64().unwrap();
        let track = (number("pid"), number("tid"));
        let phase = event["ph"].as_str().unwrap();
        let name = event.get("name").map_or("", |name| name.as_str().unwrap());
        if phase == "M" {
            return self.add_name(track, name, &event["args"]);
        }
        let at = event["ts"].as_f64().unwrap();
        let before = self.last.insert(track, at).unwrap_or(0.0);
        assert!(before <= at, "{event:?} is before {before}");
        let stack = self.open.entry(track).or_default();
        match phase {
            "B" => stack.push(at),
            "E" => {
                let begun = stack
                    .pop()
                    .unwrap_or_else(|| panic!("{event:?} ends nothing"));
                // Perfetto takes an end before a beginning at the same time.
                assert!(begun < at, "{event:?} is empty");
            }
            "i" => assert_eq!(event["s"], "t"),
            "X" => {
                let end = at + event["dur"].as_f64().unwrap();
                assert!(at <= end, "{event:?}");
                let mut jobs = self.jobs.values().filter(|(on, _)| *on == track);
                assert!(
                    jobs.all(|(_, [_, end])| end - at < 1e-3),
                    "{event:?} overlaps"
                );
                let job = event["args"]["job"].as_u64().unwrap();
                assert_eq!(self.jobs.insert(job, (track, [at, end])), None);
            }
            "s" | "f" => {
                // It is drawn from and to the slice around it.
                let mut jobs = self.jobs.values();
                let is_on_job =
                    jobs.any(|(on, [begin, end])| *on == track && *begin <= at && at <= *end);
                assert!(is_on_job || !stack.is_empty(), "{event:?} is in no slice");
                assert_eq!(event["cat"], "job");
                assert!(event.get("bp").is_none_or(|bound| bound == "e"));
                let ends = self.arrows.entry(number("id")).or_default();
                let end = &mut ends[usize::from(phase == "f")];
                assert_eq!(end.replace((track, at)), None, "{event:?} is there twice");
                return;
            }
            _ => unreachable!("its members are known"),
        }
        let shown = self.events.entry(track).or_default();
        if !name.is_empty() {
            shown.push(name.to_owned());
        }
    }

    fn add_name(&mut self, track: Track, name: &str, value: &Value) {
        let text = || value["name"].as_str().unwrap().to_owned();
        let is_new = match name {
            "process_name" => self.processes.insert(track.0, text()).is_none(),
            "thread_name" => self.names.insert(track, text()).is_none(),
            _ => value["sort_index"].is_u64() && self.places.insert(track),
        };
        assert!(is_new, "{track:?} has a second {name}");
    }

    fn check_tracks(&self) {
        assert!(
            self.open.values().all(Vec::is_empty),
            "not ended: {:?}",
            self.open
        );
        for track in self.last.keys() {
            assert!(self.processes.contains_key(&track.0), "{track:?}");
            assert!(self.names.contains_key(track), "{track:?} has no name");
            assert!(self.places.contains(track), "{track:?} has no place");
        }
    }

    /// Each arrow leads from a job or to one, and forward in time. Each job has one to the loop.
    fn check_arrows(&self) {
        for (id, ends) in &self.arrows {
            let [Some((from, begin)), Some((to, end))] = *ends else {
                panic!("{id} has not both ends: {ends:?}");
            };
            assert!(begin <= end, "{id} leads back: {ends:?}");
            let (job, _) = self.jobs[&(id / 2)];
            let of_loop = if id % 2 == 0 { from } else { to };
            assert_eq!(self.names[&of_loop], "event loop", "{id}");
            assert_eq!(if id % 2 == 0 { to } else { from }, job, "{id}");
        }
        for job in self.jobs.keys() {
            assert!(
                self.arrows.contains_key(&(job * 2 + 1)),
                "{job} does not end"
            );
        }
    }

    /// The jobs, of which the trace has the whole: nothing was lost from its ring.
    pub(crate) fn whole_jobs(&self) -> usize {
        for job in self.jobs.keys() {
            assert!(self.arrows.contains_key(&(job * 2)), "{job} does not begin");
        }
        self.jobs.len()
    }

    /// The names of what happened on a track.
    pub(crate) fn on(&self, name: &str) -> Vec<&str> {
        let track = self.names.iter().find(|(_, named)| *named == name);
        let (track, _) = track.unwrap_or_else(|| panic!("{name}: {:?}", self.names));
        self.events[track].iter().map(String::as_str).collect()
    }
}
