//! What client programs look for in a refusal, as their sources have it.
//!
//! A [`Meaning`] is what a program makes of a reply; each has its readers. Some read the code only,
//! some the words too, and two of them compare a whole line.

/// What a program is to make of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The directory is there already, and all is well.
    IsThere,
    /// There is no such file, or it is none that can be transferred.
    NoFile,
    /// Not now and not later, whatever the reason is.
    Never,
    /// The server does not know the command, and it need not be tried again.
    Unknown,
    /// The server knows the command, and not for this argument.
    Declined,
    /// The size is told in TYPE I.
    AskInBinary,
    /// The data connection must be protected.
    #[cfg(feature = "tls")]
    Protect,
    /// The name or the password is wrong.
    WrongLogin,
    /// It may work later.
    Later,
}

/// A program, and whether it makes that of a line.
pub(crate) type Reader = (&'static str, fn(&str) -> bool);

impl Meaning {
    /// The programs that tell it from others.
    pub(crate) fn readers(self) -> &'static [Reader] {
        match self {
            Self::IsThere => &[
                ("FluentFTP", |line| says(line, &FLUENT_EXISTS)),
                ("WinSCP", |line| line == "550 Directory already exists"),
                ("rclone", |line| has_code(line, &["550", "521"])),
                ("scripts of ftplib", |line| line.starts_with("550")),
                ("lftp", lftp_gives_up),
            ],
            Self::NoFile => &[
                ("FluentFTP", |line| says(line, &FLUENT_NO_FILE)),
                ("curl", |line| has_code(line, &["550"])),
                ("rclone", |line| has_code(line, &["550", "450"])),
                ("aioftp", |line| has_code(line, &["550"])),
                ("lftp", lftp_gives_up),
            ],
            Self::Never => &[
                ("commons-net", |line| line.starts_with('5')),
                ("basic-ftp", |line| line.starts_with('5')),
                ("lftp", lftp_gives_up),
                // Or it would look for the file in another way.
                ("aioftp", |line| !line.starts_with("50")),
                // Or it would say that there is no such file.
                ("FluentFTP", |line| !says(line, &FLUENT_NO_FILE)),
            ],
            Self::Unknown => &[
                ("lftp", |line| has_code(line, &["500", "502"])),
                ("aioftp", |line| line.starts_with("50")),
            ],
            Self::Declined => &[
                // `site_cmd_unsupported` would not use it any more.
                ("lftp", |line| {
                    lftp_gives_up(line) && !has_code(line, &["501"])
                }),
                ("commons-net", |line| line.starts_with('5')),
            ],
            Self::AskInBinary => &[
                ("FluentFTP", |line| {
                    has_code(line, &["550"]) && says(line, &["ascii"])
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
                ("lftp", |line| !says(line, &["too many", "login incorrect"])),
            ],
            Self::Later => &[
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

/// `ServerStringModule.fileNotFound`, but for those of other languages.
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

fn says(line: &str, phrases: &[&str]) -> bool {
    let line = line.to_lowercase();
    phrases.iter().any(|phrase| line.contains(phrase))
}

fn has_code(line: &str, codes: &[&str]) -> bool {
    codes.iter().any(|code| line.starts_with(code))
}

/// `Ftp::Transient5XX` would try again, `cmd_unsupported` would not use the command any more.
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
