//! The command table: one row for each verb, with all its static properties
//! (RFC 959 §4.1 and §5.3, RFC 2389, 2428, 3659 and others).
//!
//! The parser, the access check before login, HELP and FEAT read it. It does not know how commands
//! are executed. To add a command, add a variant to [`Command`] and a row to the table, both in
//! alphabetical order.

use std::fmt;

use Argument::{None as Nothing, Optional, Required};
#[allow(clippy::enum_glob_use, reason = "the table below has each of them")]
use Command::*;

/// A command that the server knows, implemented or not.
///
/// In alphabetical order, which is that of [`TABLE`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table describes each command")]
#[rustfmt::skip]
pub enum Command {
    Abor, Acct, Allo, Appe, Auth, Avbl, Ccc, Cdup, Clnt, Comb, Csid, Cwd, Dele, Dsiz, Eprt, Epsv,
    Feat, Hash, Help, Host, Lang, List, Md5, Mdtm, Mfct, Mff, Mfmt, Mkd, Mlsd, Mlst, Mode, Nlst,
    Noop, Opts, Pass, Pasv, Pbsz, Port, Pret, Prot, Pwd, Quit, Rang, Rein, Rest, Retr, Rmd, Rnfr,
    Rnto, Site, Size, Smnt, Stat, Stor, Stou, Stru, Syst, Type, User, Xcrc, Xmd5, Xsha1, Xsha256,
    Xsha512,
}

/// Whether a verb takes an argument.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// No argument is allowed.
    None,
    /// An argument is allowed.
    Optional,
    /// An argument is required.
    Required,
}

/// When the command is allowed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Also before login.
    BeforeLogin,
    /// Only after login.
    LoggedIn,
}

/// The specification that defines the command.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Standard {
    /// RFC 959.
    Rfc959,
    /// A later RFC, a draft, or common practice; also the older X names.
    Extension,
}

/// The properties of one verb.
#[derive(Clone, Debug)]
pub struct Row {
    /// The verb, in upper case.
    pub name: &'static str,
    /// The command; an X name has that of its name without the X, if there is one.
    pub command: Command,
    /// Whether it takes an argument.
    pub argument: Argument,
    /// Whether trailing spaces belong to the argument, as in a path, a password or a user name.
    pub keeps_spaces: bool,
    /// When it is allowed.
    pub access: Access,
    /// The specification that defines it.
    pub standard: Standard,
    /// Whether it is implemented; if not, the reply is 502.
    pub served: bool,
    /// Its syntax, for HELP.
    pub syntax: &'static str,
    /// Its line in the reply to FEAT.
    pub feature: Option<&'static str>,
    /// The sort key, see `key_of`.
    key: u64,
}

/// All verbs in alphabetical order, for a binary search by name. A [`Command`] is the index of its row:
/// the X names sort last, and the commands among them have the last numbers.
#[rustfmt::skip]
static TABLE_ROWS: [Row; 70] = [
    rfc959("ABOR", Abor, Nothing, "ABOR"),
    rfc959("ACCT", Acct, Required, "ACCT <account>"),
    rfc959("ALLO", Allo, Required, "ALLO <size> [R <record size>]").words(),
    rfc959("APPE", Appe, Required, "APPE <path>"),
    extension("AUTH", Auth, Required, "AUTH TLS").words().before_login().feature("AUTH TLS"),
    extension("AVBL", Avbl, Optional, "AVBL [<path>]").feature("AVBL"),
    extension("CCC", Ccc, Nothing, "CCC"),
    rfc959("CDUP", Cdup, Nothing, "CDUP"),
    extension("CLNT", Clnt, Required, "CLNT <client name>").words().before_login(),
    extension("COMB", Comb, Required, "COMB \"<target>\" \"<part>\"...").feature("COMB target;source_list"),
    extension("CSID", Csid, Required, "CSID <facts>").words().before_login().feature("CSID"),
    rfc959("CWD", Cwd, Required, "CWD <path>").feature("TVFS"),
    rfc959("DELE", Dele, Required, "DELE <path>"),
    extension("DSIZ", Dsiz, Required, "DSIZ <path>").feature("DSIZ"),
    extension("EPRT", Eprt, Required, "EPRT |<1 or 2>|<address>|<port>|").words().feature("EPRT"),
    extension("EPSV", Epsv, Optional, "EPSV [1|2|ALL]").words().feature("EPSV"),
    extension("FEAT", Feat, Nothing, "FEAT").before_login(),
    digest("HASH", Hash, "HASH <path>").feature("HASH"),
    rfc959("HELP", Help, Optional, "HELP [<command>]").words().before_login(),
    extension("HOST", Host, Required, "HOST <name>").words().before_login().feature("HOST"),
    extension("LANG", Lang, Optional, "LANG [<tag>]").words().before_login().feature("LANG EN*"),
    rfc959("LIST", List, Optional, "LIST [-alAR] [<path>]"),
    digest("MD5", Md5, "MD5 <path>").feature("MD5"),
    extension("MDTM", Mdtm, Required, "MDTM [<YYYYMMDDHHMMSS>] <path>").feature("MDTM"),
    extension("MFCT", Mfct, Required, "MFCT <YYYYMMDDHHMMSS> <path>"),
    extension("MFF", Mff, Required, "MFF <fact>=<value>; <path>").feature("MFF Modify;UNIX.mode;"),
    extension("MFMT", Mfmt, Required, "MFMT <YYYYMMDDHHMMSS> <path>").feature("MFMT"),
    rfc959("MKD", Mkd, Required, "MKD <path>"),
    extension("MLSD", Mlsd, Optional, "MLSD [<path>]"),
    extension("MLST", Mlst, Optional, "MLST [<path>]").feature("MLST"),
    rfc959("MODE", Mode, Required, MODES).words().feature_if(cfg!(feature = "mode-z"), "MODE Z"),
    rfc959("NLST", Nlst, Optional, "NLST [<path>]"),
    rfc959("NOOP", Noop, Nothing, "NOOP").before_login(),
    extension("OPTS", Opts, Required, "OPTS <command> [<options>]").words().before_login().feature("UTF8"),
    rfc959("PASS", Pass, Optional, "PASS <password>").before_login(),
    rfc959("PASV", Pasv, Nothing, "PASV"),
    extension("PBSZ", Pbsz, Required, "PBSZ 0").words().before_login().feature("PBSZ"),
    rfc959("PORT", Port, Required, "PORT <h1,h2,h3,h4,p1,p2>").words(),
    extension("PRET", Pret, Required, "PRET <command> [<path>]"),
    extension("PROT", Prot, Required, "PROT <C or P>").words().before_login().feature("PROT"),
    rfc959("PWD", Pwd, Nothing, "PWD"),
    rfc959("QUIT", Quit, Nothing, "QUIT").before_login(),
    extension("RANG", Rang, Required, "RANG <first byte> <last byte>").words().feature("RANG STREAM"),
    rfc959("REIN", Rein, Nothing, "REIN"),
    rfc959("REST", Rest, Required, "REST <offset>").words().feature("REST STREAM"),
    rfc959("RETR", Retr, Required, "RETR <path>"),
    rfc959("RMD", Rmd, Required, "RMD <path>"),
    rfc959("RNFR", Rnfr, Required, "RNFR <path>"),
    rfc959("RNTO", Rnto, Required, "RNTO <path>"),
    rfc959("SITE", Site, Required, "SITE <command> [<argument>]"),
    extension("SIZE", Size, Required, "SIZE <path>").feature("SIZE"),
    rfc959("SMNT", Smnt, Required, "SMNT <path>").not_served(),
    rfc959("STAT", Stat, Optional, "STAT [<path>]").before_login(),
    rfc959("STOR", Stor, Required, "STOR <path>"),
    rfc959("STOU", Stou, Optional, "STOU [<path>]"),
    rfc959("STRU", Stru, Required, "STRU <F or R>").words(),
    rfc959("SYST", Syst, Nothing, "SYST").before_login(),
    rfc959("TYPE", Type, Required, "TYPE <A [N|T|C], E [N|T|C], I or L 8>").words(),
    rfc959("USER", User, Required, "USER <name>").before_login(),
    digest("XCRC", Xcrc, "XCRC \"<path>\" [<first> <end>]").feature("XCRC"),
    extension("XCUP", Cdup, Nothing, "XCUP"),
    extension("XCWD", Cwd, Required, "XCWD <path>"),
    digest("XMD5", Xmd5, "XMD5 \"<path>\" [<first> <end>]").feature("XMD5"),
    extension("XMKD", Mkd, Required, "XMKD <path>"),
    extension("XPWD", Pwd, Nothing, "XPWD"),
    extension("XRMD", Rmd, Required, "XRMD <path>"),
    digest("XSHA", Xsha1, "XSHA \"<path>\" [<first> <end>]").feature("XSHA"),
    digest("XSHA1", Xsha1, "XSHA1 \"<path>\" [<first> <end>]").feature("XSHA1"),
    digest("XSHA256", Xsha256, "XSHA256 \"<path>\" [<first> <end>]").feature("XSHA256"),
    digest("XSHA512", Xsha512, "XSHA512 \"<path>\" [<first> <end>]").feature("XSHA512"),
];

const MODES: &str = if cfg!(feature = "mode-z") {
    "MODE <S, B, C or Z>"
} else {
    "MODE <S, B or C>"
};

/// All verbs, in alphabetical order.
pub static TABLE: &[Row] = &TABLE_ROWS;

const fn rfc959(
    name: &'static str,
    command: Command,
    argument: Argument,
    syntax: &'static str,
) -> Row {
    Row {
        name,
        command,
        argument,
        keeps_spaces: !matches!(argument, Nothing),
        access: Access::LoggedIn,
        standard: Standard::Rfc959,
        served: true,
        syntax,
        feature: None,
        key: key_of(name.as_bytes()),
    }
}

const fn extension(
    name: &'static str,
    command: Command,
    argument: Argument,
    syntax: &'static str,
) -> Row {
    Row {
        standard: Standard::Extension,
        ..rfc959(name, command, argument, syntax)
    }
}

/// A digest command, implemented with the Cargo feature `digests`.
const fn digest(name: &'static str, command: Command, syntax: &'static str) -> Row {
    Row {
        served: cfg!(feature = "digests"),
        ..extension(name, command, Required, syntax)
    }
}

impl Row {
    const fn before_login(self) -> Self {
        Self {
            access: Access::BeforeLogin,
            ..self
        }
    }

    /// The argument consists of words or numbers: trailing spaces are dropped.
    const fn words(self) -> Self {
        Self {
            keeps_spaces: false,
            ..self
        }
    }

    const fn not_served(self) -> Self {
        Self {
            served: false,
            ..self
        }
    }

    const fn feature(self, line: &'static str) -> Self {
        self.feature_if(true, line)
    }

    const fn feature_if(self, is_compiled_in: bool, line: &'static str) -> Self {
        Self {
            feature: if is_compiled_in { Some(line) } else { None },
            ..self
        }
    }
}

impl Command {
    /// How many there are. The last variant has the last number.
    pub const COUNT: usize = Self::Xsha512 as usize + 1;

    /// The row of its primary name.
    pub fn row(self) -> &'static Row {
        // Every command has a row, as a test verifies: the fallback to the first row is never used
        // and only avoids a panic. The search is needed for X names only.
        let [first, ..] = &TABLE_ROWS;
        let numbered = TABLE_ROWS.get(self as usize);
        numbered
            .filter(|row| row.command == self)
            .or_else(|| TABLE_ROWS.iter().find(|row| row.command == self))
            .unwrap_or(first)
    }

    /// Whether it needs a data connection.
    pub const fn is_transfer(self) -> bool {
        matches!(
            self,
            Self::Retr
                | Self::Stor
                | Self::Stou
                | Self::Appe
                | Self::List
                | Self::Nlst
                | Self::Mlsd
        )
    }

    /// Its primary name.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The row of a verb, in any letter case; `None` if it is unknown.
pub fn lookup(verb: &[u8]) -> Option<&'static Row> {
    if verb.is_empty() || verb.len() > size_of::<u64>() {
        return None;
    }
    let key = key_of(verb);
    let at = TABLE_ROWS.binary_search_by_key(&key, |row| row.key).ok()?;
    let row = TABLE_ROWS.get(at);
    row.filter(|row| row.name.len() == verb.len())
}

/// The lines of FEAT for the commands that `is_served` accepts, in the order of the commands.
///
/// The lines of MLST and HASH are only the names: the session appends the facts and the algorithms.
pub fn features(is_served: impl Fn(&Row) -> bool) -> impl Iterator<Item = &'static str> {
    let served = TABLE.iter().filter(move |row| is_served(row));
    served.filter_map(|row| row.feature)
}

/// One to eight bytes in upper case as a big-endian number, which sorts as they do. A verb that ends with NUL
/// has the key of a shorter one.
const fn key_of(verb: &[u8]) -> u64 {
    let mut key = 0;
    let mut rest = verb;
    while let [byte, after @ ..] = rest {
        key = (key << 8) | byte.to_ascii_uppercase() as u64;
        rest = after;
    }
    key << (8 * (size_of::<u64>() - verb.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table_is_sorted_and_matches_the_enum() {
        assert!(TABLE.is_sorted_by(|a, b| a.name < b.name && a.key < b.key));
        for (number, row) in TABLE.iter().enumerate() {
            assert_eq!(lookup(row.name.as_bytes()).unwrap().name, row.name);
            if row.name.starts_with('X') {
                assert_eq!(row.command.row().command, row.command);
            } else {
                assert_eq!(row.command as usize, number, "{}", row.name);
                assert_eq!(row.command.name(), row.name);
            }
            assert!(row.syntax.starts_with(row.name));
        }
    }

    #[test]
    fn features_are_those_of_implemented_commands() {
        let is_digest = |row: &Row| {
            ["HASH", "MD5", "XCRC", "XMD5"].contains(&row.name) || row.name.starts_with("XSHA")
        };
        let mode_z = if cfg!(feature = "mode-z") {
            "MODE Z "
        } else {
            ""
        };
        let expected = format!(
            "AUTH TLS AVBL COMB target;source_list CSID TVFS DSIZ EPRT EPSV HOST LANG EN* MDTM \
             MFF Modify;UNIX.mode; MFMT MLST {mode_z}UTF8 PBSZ PROT RANG STREAM REST STREAM SIZE"
        );
        let others: Vec<_> = features(|row| row.served && !is_digest(row)).collect();
        assert_eq!(others.join(" "), expected);
        let digests = features(|row| row.served && is_digest(row));
        assert_eq!(
            digests.count(),
            if cfg!(feature = "digests") { 8 } else { 0 }
        );
        let unserved = TABLE.iter().filter(|row| !row.served && !is_digest(row));
        assert!(unserved.clone().all(|row| row.feature.is_none()));
        let names: Vec<_> = unserved.map(|row| row.name).collect();
        let expected = ["SMNT"];
        assert_eq!(names, expected);
    }

    #[test]
    fn trailing_spaces_are_dropped_for_these_commands() {
        let trimmed = TABLE.iter().filter(|row| !row.keeps_spaces);
        let names: Vec<_> = trimmed.map(|row| row.name).collect();
        let expected = "ABOR ALLO AUTH CCC CDUP CLNT CSID EPRT EPSV FEAT HELP HOST LANG MODE NOOP \
                        OPTS PASV PBSZ PORT PROT PWD QUIT RANG REIN REST STRU SYST TYPE XCUP XPWD";
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn these_commands_are_allowed_before_login() {
        let open = TABLE.iter().filter(|row| row.access == Access::BeforeLogin);
        let names: Vec<_> = open.map(|row| row.name).collect();
        let expected =
            "AUTH CLNT CSID FEAT HELP HOST LANG NOOP OPTS PASS PBSZ PROT QUIT STAT SYST USER";
        assert_eq!(names.join(" "), expected);
    }

    proptest! {
        #[test]
        fn lookup_agrees_with_linear_search(verb in prop_oneof![
            "[a-zA-Z]{0,9}".prop_map(String::into_bytes),
            (0..TABLE.len()).prop_map(|at| TABLE[at].name.to_lowercase().into_bytes()),
            proptest::collection::vec(any::<u8>(), 0..9),
        ]) {
            let searched = TABLE.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(&verb));
            prop_assert_eq!(lookup(&verb).map(|row| row.name), searched.map(|row| row.name));
        }
    }
}
