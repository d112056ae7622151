//! Formats the facts of MLST and MLSD (RFC 3659 §7).
//!
//! A [`FactSet`] is a session's selection by OPTS MLST; a [`FactFormat`] adds the session's other
//! settings. The functions append the facts of one file, and the selection as in the replies to FEAT
//! and OPTS. The `perm` fact is only advice to the client: the session and the storage enforce
//! permissions.

use super::date::{self, Precision};
use super::decimal;
use super::entry::{Entry, Kind, Special};
use super::listing::write_shown_name;
use super::permissions::Permissions;

/// A fact of RFC 3659 §7.5 or §7.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Type,
    Size,
    Modify,
    Create,
    Perm,
    Unique,
    UnixMode,
    UnixOwner,
    UnixGroup,
}

/// All facts with their names, in the order of the output.
const FACTS: [(Fact, &str); 9] = [
    (Fact::Type, "type"),
    (Fact::Size, "size"),
    (Fact::Modify, "modify"),
    (Fact::Create, "create"),
    (Fact::Perm, "perm"),
    (Fact::Unique, "unique"),
    (Fact::UnixMode, "UNIX.mode"),
    (Fact::UnixOwner, "UNIX.owner"),
    (Fact::UnixGroup, "UNIX.group"),
];

/// A set of facts. The default contains those of RFC 3659 that every file has, without the `UNIX.`
/// ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactSet(u16);

impl Default for FactSet {
    fn default() -> Self {
        Self::select(b"type;size;modify;perm;unique")
    }
}

impl FactSet {
    /// Parses the argument of OPTS MLST, such as `type;size;`: names in any letter case; unknown names
    /// are ignored. RFC 3659 §7.9 allows no spaces, but some clients send them.
    pub fn select(names: &[u8]) -> Self {
        FACTS
            .into_iter()
            .filter(|(_, known)| {
                names
                    .split(|&byte| byte == b';')
                    .any(|name| name.trim_ascii().eq_ignore_ascii_case(known.as_bytes()))
            })
            .fold(Self(0), |set, (fact, _)| set.with(fact))
    }

    /// Whether the `perm` fact is selected.
    pub const fn includes_perm(self) -> bool {
        self.contains(Fact::Perm)
    }

    /// Whether no fact is selected: the line of an entry is then only a space and its name.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Appends the selected names as in the reply to OPTS MLST: `type;size;`.
    pub fn write_selected(self, out: &mut Vec<u8>) {
        for (_, name) in self.selected() {
            out.extend_from_slice(name.as_bytes());
            out.push(b';');
        }
    }

    /// Appends all names as in the reply to FEAT, with an asterisk after the selected: `type*;size;`.
    pub fn write_feature(self, out: &mut Vec<u8>) {
        for (fact, name) in FACTS {
            out.extend_from_slice(name.as_bytes());
            if self.contains(fact) {
                out.push(b'*');
            }
            out.push(b';');
        }
    }

    const fn with(self, fact: Fact) -> Self {
        Self(self.0 | 1 << fact as u8)
    }

    const fn contains(self, fact: Fact) -> bool {
        self.0 & 1 << fact as u8 != 0
    }

    fn selected(self) -> impl Iterator<Item = (Fact, &'static str)> {
        FACTS
            .into_iter()
            .filter(move |(fact, _)| self.contains(*fact))
    }
}

/// The settings of a session for facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactFormat {
    /// The facts selected by OPTS MLST.
    pub facts: FactSet,
    /// The precision of times.
    pub precision: Precision,
    /// The permissions of the account, for the `perm` fact.
    pub permissions: Permissions,
}

/// The relation of an entry to the listed directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryRole {
    /// An entry in it, or a file that MLST names.
    Entry,
    /// The directory itself.
    Current,
    /// Its parent.
    Parent,
}

/// Appends a line of MLSD. A symbolic link with a target below the served root is listed as the target.
pub fn write_mlsx_line(out: &mut Vec<u8>, format: FactFormat, entry: &Entry, role: EntryRole) {
    write_facts(out, format, entry, role);
    out.push(b' ');
    write_shown_name(out, &entry.name);
    out.extend_from_slice(b"\r\n");
}

/// Appends the selected facts, each with its semicolon; a space and the name follow them.
pub fn write_facts(out: &mut Vec<u8>, format: FactFormat, entry: &Entry, role: EntryRole) {
    let metadata = entry.followed.as_ref().unwrap_or(&entry.metadata);
    let permissions = entry.permits(format.permissions);
    let time = |seconds, nanoseconds, out: &mut Vec<u8>| {
        date::write_time_val(out, (seconds, nanoseconds), format.precision);
    };
    for (fact, name) in format.facts.selected() {
        // The size of a directory or a device is specific to the file system.
        if fact == Fact::Size && metadata.kind != Kind::File
            || fact == Fact::Create && metadata.created.is_none()
        {
            continue;
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        match fact {
            Fact::Type => out.extend_from_slice(type_name(metadata.kind, role)),
            Fact::Size => decimal::write(out, metadata.size),
            Fact::Modify => time(metadata.modified, metadata.modified_nanoseconds, out),
            // `None` is skipped above.
            Fact::Create => time(metadata.created.unwrap_or_default(), 0, out),
            Fact::Perm => out.extend(letters(metadata.kind, role, permissions)),
            Fact::Unique => {
                let (device, inode) = metadata.unique;
                write_digits(out, device, 4);
                out.push(b'-');
                write_digits(out, inode, 4);
            }
            Fact::UnixMode => {
                out.push(b'0');
                write_digits(out, u64::from(metadata.mode), 3);
            }
            Fact::UnixOwner => decimal::write(out, u64::from(metadata.owner)),
            Fact::UnixGroup => decimal::write(out, u64::from(metadata.group)),
        }
        out.push(b';');
    }
}

const fn type_name(kind: Kind, role: EntryRole) -> &'static [u8] {
    match (kind, role) {
        (Kind::File, _) => b"file",
        (Kind::Directory, EntryRole::Entry) => b"dir",
        (Kind::Directory, EntryRole::Current) => b"cdir",
        (Kind::Directory, EntryRole::Parent) => b"pdir",
        (Kind::Link, _) => b"OS.unix=slink",
        (Kind::Other(Special::Pipe), _) => b"OS.unix=fifo",
        (Kind::Other(Special::Socket), _) => b"OS.unix=socket",
        (Kind::Other(Special::CharacterDevice), _) => b"OS.unix=chr",
        (Kind::Other(Special::BlockDevice), _) => b"OS.unix=blk",
    }
}

/// The `perm` letters of a file (RFC 3659 §7.5.5): APPE, DELE, RNFR, RETR, STOR.
const FILE: &[(u8, Permissions)] = &[
    (b'a', Permissions::APPEND),
    (b'd', Permissions::DELETE),
    (b'f', Permissions::RENAME),
    (b'r', Permissions::RETRIEVE),
    (b'w', Permissions::OVERWRITE),
];

/// Those of a directory: STOR into it, RMD, CWD, RNFR, LIST, MKD in it, DELE in it.
const DIRECTORY: &[(u8, Permissions)] = &[
    (b'c', Permissions::CREATE),
    (b'd', Permissions::REMOVE_DIRECTORIES),
    (b'e', Permissions::ENTER),
    (b'f', Permissions::RENAME),
    (b'l', Permissions::LIST),
    (b'm', Permissions::MAKE_DIRECTORIES),
    (b'p', Permissions::DELETE),
];

/// Those of links and special files.
const OTHER: &[(u8, Permissions)] = &[(b'd', Permissions::DELETE), (b'f', Permissions::RENAME)];

fn letters(kind: Kind, role: EntryRole, permissions: Permissions) -> impl Iterator<Item = u8> {
    let table = match kind {
        Kind::File => FILE,
        Kind::Directory => DIRECTORY,
        Kind::Link | Kind::Other(_) => OTHER,
    };
    // Clients should not delete or rename the working directory or a parent, which may be the root.
    let is_removable = role == EntryRole::Entry;
    let permitted = table
        .iter()
        .filter(move |(_, one)| permissions.contains(*one));
    let letters = permitted.map(|(letter, _)| *letter);
    letters.filter(move |letter| is_removable || !matches!(letter, b'd' | b'f'))
}

/// Appends a number in base 2^`bits`, with 1 to 4 bits a digit.
fn write_digits(out: &mut Vec<u8>, number: u64, bits: u32) {
    let count = (u64::BITS - number.leading_zeros()).div_ceil(bits).max(1);
    for digit in (0..count).rev() {
        let [lowest, ..] = (number >> (digit * bits)).to_le_bytes();
        out.push(match lowest & ((1 << bits) - 1) {
            digit @ 0..=9 => b'0' + digit,
            digit => b'a' + digit - 10,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> FactSet {
        FactSet((1 << FACTS.len()) - 1)
    }

    fn format(facts: FactSet, permissions: Permissions) -> FactFormat {
        FactFormat {
            facts,
            precision: Precision::Milliseconds,
            permissions,
        }
    }

    fn entry(kind: Kind) -> Entry {
        let mut entry = Entry::for_test(b"a\nb", kind);
        entry.metadata.modified_nanoseconds = 250_000_000;
        entry
    }

    fn text(print: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn all_facts_of_a_file_are_formatted() {
        let format = format(all(), Permissions::ALL);
        let file = entry(Kind::File);
        let facts = text(|out| write_facts(out, format, &file, EntryRole::Entry));
        let expected = "type=file;size=1234;modify=19700101000000.250;create=19700101000001;\
                        perm=adfrw;unique=801-0;\
                        UNIX.mode=0640;UNIX.owner=1000;UNIX.group=100;";
        assert_eq!(facts, expected);
    }

    #[test]
    fn facts_of_each_type_and_permission() {
        use EntryRole::{Current, Entry as Inside, Parent};
        use Kind::{Directory, File, Link, Other};
        use Special::{BlockDevice, CharacterDevice, Pipe, Socket};
        const ALL: Permissions = Permissions::ALL;
        const READ: Permissions = Permissions::READ;
        let set = FactSet::select(b"type;size;perm");
        for (kind, role, permissions, expected) in [
            (File, Inside, READ, "file;size=1234;perm=r;"),
            (Directory, Inside, ALL, "dir;perm=cdeflmp;"),
            (Directory, Inside, READ, "dir;perm=el;"),
            (Directory, Inside, Permissions::UPLOAD_ONLY, "dir;perm=cem;"),
            (Directory, Current, ALL, "cdir;perm=celmp;"),
            (Directory, Parent, READ, "pdir;perm=el;"),
            (Link, Inside, ALL, "OS.unix=slink;perm=df;"),
            (Other(Pipe), Inside, READ, "OS.unix=fifo;perm=;"),
            (Other(Socket), Inside, ALL, "OS.unix=socket;perm=df;"),
            (Other(CharacterDevice), Inside, READ, "OS.unix=chr;perm=;"),
            (Other(BlockDevice), Inside, READ, "OS.unix=blk;perm=;"),
        ] {
            let format = format(set, permissions | Permissions::ENTER);
            let facts = text(|out| write_facts(out, format, &entry(kind), role));
            assert_eq!(facts, format!("type={expected}"));
        }
    }

    #[test]
    fn link_is_listed_as_its_target_if_that_is_served() {
        let target = entry(Kind::File).metadata;
        let mut entry = entry(Kind::Link);
        entry.followed = Some(target);
        let line = |facts: &[u8], entry: &Entry| {
            let format = format(FactSet::select(facts), Permissions::READ);
            text(|out| write_mlsx_line(out, format, entry, EntryRole::Entry))
        };
        assert_eq!(line(b"type;", &entry), "type=file; a?b\r\n");
        entry.followed = None;
        assert_eq!(line(b"type;", &entry), "type=OS.unix=slink; a?b\r\n");
        assert_eq!(line(b"", &entry), " a?b\r\n");
    }

    #[test]
    fn selection_ignores_case_spaces_and_unknown_names() {
        let set = FactSet::select(b"SIZE;nonsense;Type;;unix.MODE;");
        assert_eq!(text(|out| set.write_selected(out)), "type;size;UNIX.mode;");
        assert_eq!(FactSet::select(b" size; type;  unix.mode ;"), set);
        let feature = "type*;size*;modify;create;perm;unique;UNIX.mode*;UNIX.owner;UNIX.group;";
        assert_eq!(text(|out| set.write_feature(out)), feature);
        let feature = "type*;size*;modify*;create;perm*;unique*;UNIX.mode;UNIX.owner;UNIX.group;";
        assert_eq!(text(|out| FactSet::default().write_feature(out)), feature);
        assert!(FactSet::select(b"").is_empty() && !all().is_empty());
    }

    proptest! {
        #[test]
        fn selection_round_trips(bits in 0..1_u16 << FACTS.len()) {
            let set = FactSet(bits);
            let names = text(|out| set.write_selected(out));
            prop_assert_eq!(FactSet::select(names.as_bytes()), set);
        }

        #[test]
        fn hex_and_octal_agree_with_std(number: u64, shift in 0..64_u32) {
            let number = number >> shift;
            prop_assert_eq!(text(|out| write_digits(out, number, 4)), format!("{number:x}"));
            prop_assert_eq!(text(|out| write_digits(out, number, 3)), format!("{number:o}"));
        }
    }
}
