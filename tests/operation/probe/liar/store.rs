//! The files of the server, in memory, and their listings.
//!
//! Paths are bytes without a slash at their beginning; a directory is a name in a set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use mioftpd::internals::protocol::date::{Precision, write_time_val};

use super::Lie;

/// More bytes than the probe reads of a listing.
const MANY: usize = 20 * 1024 * 1024;

/// 2020-01-01.
const LONG_AGO: i64 = 1_577_836_800;

const TWO_HOURS: i64 = 2 * 60 * 60;

#[derive(Clone)]
pub(super) struct Stored {
    pub(super) bytes: Vec<u8>,
    modified: i64,
}

pub(super) struct Store {
    lie: Lie,
    pub(super) files: BTreeMap<Vec<u8>, Stored>,
    pub(super) directories: BTreeSet<Vec<u8>>,
}

impl Store {
    /// With two files and a directory.
    pub(super) fn new(lie: Lie) -> Self {
        let mut store = Self {
            lie,
            files: BTreeMap::new(),
            directories: BTreeSet::from([b"up".to_vec()]),
        };
        store.put(b"hello.txt", b"hello\nworld,\nthese are lines\n".to_vec());
        store.put(b"large.bin", vec![7; 3000]);
        if lie == Lie::Latin1Name {
            store.put(b"gr\xfc\xdfe", b"12".to_vec());
        }
        for stored in store.files.values_mut() {
            stored.modified = LONG_AGO;
        }
        store
    }

    pub(super) fn put(&mut self, path: &[u8], bytes: Vec<u8>) {
        let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
        let modified = i64::try_from(now).unwrap();
        self.files.insert(path.to_vec(), Stored { bytes, modified });
    }

    /// The name under which an upload is stored.
    pub(super) fn stored_name(&self, path: &[u8]) -> Vec<u8> {
        let (directory, name) = split(path);
        let name = match self.lie {
            Lie::StoresLatin1 => {
                let text = String::from_utf8_lossy(name);
                let latin = |c: char| if c.is_ascii() { c as u8 } else { b'?' };
                text.chars().map(latin).collect()
            }
            Lie::TrimsNames => name.trim_ascii_start().to_vec(),
            _ => name.to_vec(),
        };
        [directory, &name].concat()
    }

    /// The date of a file, as MLST has it.
    pub(super) fn date(&self, path: &[u8], is_mdtm: bool) -> Option<String> {
        let modified = self.files.get(path)?.modified;
        let is_early = self.lie == Lie::LateClock || (self.lie == Lie::LocalMdtm && is_mdtm);
        let modified = if is_early {
            modified - TWO_HOURS
        } else {
            modified
        };
        let mut date = Vec::new();
        write_time_val(&mut date, (modified, 0), Precision::Seconds);
        String::from_utf8(date).ok()
    }

    /// The facts of a file, or of a directory.
    pub(super) fn facts(&self, path: &[u8]) -> Option<String> {
        if let Some(stored) = self.files.get(path) {
            let date = self.date(path, false)?;
            return Some(format!(
                "type=file;size={};modify={date};",
                stored.bytes.len()
            ));
        }
        (path.is_empty() || self.directories.contains(path)).then(|| "type=dir;".to_owned())
    }

    /// The lines of a listing.
    pub(super) fn listing(&self, verb: &str, directory: &[u8]) -> Vec<u8> {
        let prefix = match directory {
            b"" => Vec::new(),
            directory => [directory.trim_ascii_end(), b"/"].concat(),
        };
        let prefix = prefix
            .strip_suffix(b"//")
            .map_or_else(|| prefix.clone(), |one| [one, b"/"].concat());
        let names = self.files.keys().chain(&self.directories);
        let names = names.filter_map(|path| Some((path, path.strip_prefix(prefix.as_slice())?)));
        let end: &[u8] = if self.lie == Lie::UnixLines {
            b"\n"
        } else {
            b"\r\n"
        };
        let mut lines = Vec::new();
        for (path, name) in names.filter(|(_, name)| !name.is_empty() && !name.contains(&b'/')) {
            let facts = self.facts(path).unwrap_or_default();
            let size = self.files.get(path).map(|stored| stored.bytes.len());
            if verb == "LIST" && self.lie == Lie::HidesFiles && size.is_some() {
                continue;
            }
            let before = match verb {
                "MLSD" => format!("{facts} "),
                "LIST" => {
                    let kind = if size.is_some() { '-' } else { 'd' };
                    format!(
                        "{kind}rw-r--r--   1 ftp ftp {:>8} Jan 01  2020 ",
                        size.unwrap_or(0)
                    )
                }
                _ => String::new(),
            };
            lines.push([before.as_bytes(), name].concat());
        }
        match (self.lie, verb) {
            (Lie::ListLine(line), "LIST") | (Lie::FactsLine(line), "MLSD") => {
                lines.push(line.into());
            }
            _ => {}
        }
        let text: Vec<u8> = lines
            .iter()
            .flat_map(|line| [line.as_slice(), end].concat())
            .collect();
        match (self.lie, verb) {
            (Lie::LongList, "LIST") => text.repeat(MANY / text.len().max(1)),
            _ => text,
        }
    }
}

/// The directory with its slash, and the name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |at| at + 1);
    path.split_at(at)
}
