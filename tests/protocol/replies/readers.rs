//! The rules by which client programs interpret a refusal, taken from their sources.
//!
//! A [`Meaning`] is the interpretation of a reply; each has a list of clients with their matching rules. Most
//! match the code, some also the text, and two compare the whole line.

/// The intended interpretation of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The directory exists, which is no error for the client.
    AlreadyExists,
    /// The file does not exist, or is not a regular file.
    NoFile,
    /// A permanent failure of any cause.
    Never,
    /// The command is not supported; the client should not send it again.
    Unknown,
    /// The command is supported, but not with this argument.
    Declined,
    /// SIZE works in TYPE I only.
    UseBinary,
    /// The data connection must use TLS.
    #[cfg(feature = "tls")]
    Protect,
    /// The name or the password is wrong.
    WrongLogin,
    /// A transient failure.
    Transient,
}

/// A client, and whether it interprets a line in this way.
pub(crate) type Reader = (&'static str, fn(&str) -> bool);

impl Meaning {
    /// The clients that distinguish this meaning.
    pub(crate) fn readers(self) -> &'static [Reader] {
        match self {
            Self::AlreadyExists => &[
                ("FluentFTP", |line| contains_any(line, &FLUENT_EXISTS)),
                ("WinSCP", |line| line == "550 Directory already exists"),
                ("rclone", |line| has_code(line, &["550", "521"])),
                ("scripts of ftplib", |line| line.starts_with("550")),
                ("lftp", lftp_gives_up),
            ],
            Self::NoFile => &[
                ("FluentFTP", |line| contains_any(line, &FLUENT_NO_FILE)),
                ("curl", |line| has_code(line, &["550"])),
                ("rclone", |line| has_code(line, &["550", "450"])),
                ("aioftp", |line| has_code(line, &["550"])),
                ("lftp", lftp_gives_up),
            ],
            Self::Never => &[
                ("commons-net", |line| line.starts_with('5')),
                ("basic-ftp", |line| line.starts_with('5')),
                ("lftp", lftp_gives_up),
                // Otherwise it would retry with another command.
                ("aioftp", |line| !line.starts_with("50")),
                // Otherwise it would report that the file does not exist.
                ("FluentFTP", |line| !contains_any(line, &FLUENT_NO_FILE)),
            ],
            Self::Unknown => &[
                ("lftp", |line| has_code(line, &["500", "502"])),
                ("aioftp", |line| line.starts_with("50")),
            ],
            Self::Declined => &[
                // Otherwise `site_cmd_unsupported` would disable the command.
                ("lftp", |line| {
                    lftp_gives_up(line) && !has_code(line, &["501"])
                }),
                ("commons-net", |line| line.starts_with('5')),
            ],
            Self::UseBinary => &[
                ("FluentFTP", |line| {
                    has_code(line, &["550"]) && contains_any(line, &["ascii"])
                }),
                ("lftp", lftp_gives_up),
            ],
            #[cfg(feature = "tls")]
            Self::Protect => &[
                ("lftp", |line| has_code(line, &["522"])),
                ("commons-net", |line| has_code(line, &["522"])),
            ],
            Self::WrongLogin => &[
                ("WinSCP", |line| has_code(line, &["530"])),
                // `ftp:retry-530` and `ftp:retry-530-anonymous`.
                ("lftp", |line| {
                    !contains_any(line, &["too many", "login incorrect"])
                }),
            ],
            Self::Transient => &[
                ("lftp", |line| line.starts_with('4')),
                ("WinSCP", |line| has_code(line, &["425", "426"])),
            ],
        }
    }
}

/// `ServerStringModule.folderExists`.
const FLUENT_EXISTS: [&str; 8] = [
    "exist on server",
    "exists on server",
    "file exist",
    "directory exist",
    "folder exist",
    "file already exist",
    "directory already exist",
    "folder already exist",
];

/// `ServerStringModule.fileNotFound`, the English phrases.
const FLUENT_NO_FILE: [&str; 24] = [
    "can't find file",
    "can't check for file existence",
    "does not exist",
    "failed to open file",
    "not found",
    "no such file",
    "couldn't open the file",
    "cannot find the file",
    "cannot find",
    "can't get file",
    "could not get file",
    "could not get file size",
    "cannot get file",
    "not a regular file",
    "file unavailable",
    "file is unavailable",
    "file not unavailable",
    "file is not available",
    "no files found",
    "no file found",
    "can't find the path",
    "cannot find the path",
    "could not find the path",
    "file doesnot exist",
];

fn contains_any(line: &str, phrases: &[&str]) -> bool {
    let line = line.to_lowercase();
    phrases.iter().any(|phrase| line.contains(phrase))
}

fn has_code(line: &str, codes: &[&str]) -> bool {
    codes.iter().any(|code| line.starts_with(code))
}

/// Neither `Ftp::Transient5XX` (retry) nor `cmd_unsupported` (disable the command).
fn lftp_gives_up(line: &str) -> bool {
    let transient = [
        "Broken pipe",
        "Too many",
        "timed out",
        "closed by the remote host",
    ];
    line.starts_with('5')
        && !has_code(line, &["500", "502", "530"])
        && !transient.iter().any(|words| line.contains(words))
}
