//! Part four of the book: a transcript for every command.
//!
//! The dialogues on these pages are the files that the tests play against the server (`tests/transcripts`;
//! there are more, such as those of faults that other servers had). So a page cannot say what the server does
//! not do. The first line of a dialogue names its sources. To play those with `retr` in their names:
//!
//! ```text
//! MIOFTPD_TRANSCRIPT=retr cargo test --test protocol transcripts
//! ```
//!
//! - [`access`]: USER, PASS, ACCT, REIN, QUIT.
//! - [`connections`]: PORT, PASV, EPRT, EPSV, PRET.
//! - [`transfers`]: RETR, STOR, STOU, APPE, REST, RANG, ABOR, ALLO.
//! - [`representations`]: TYPE, MODE, STRU.
//! - [`listings`]: LIST, NLST, MLSD, MLST, STAT, SIZE, MDTM.
//! - [`files`]: CWD, CDUP, PWD, MKD, RMD, DELE, RNFR, RNTO, MFMT, MFF, MFCT, COMB, DSIZ, AVBL.
//! - [`digests`]: HASH, MD5, XCRC, XMD5, XSHA and others.
//! - [`security`]: AUTH, PBSZ, PROT, CCC.
//! - [`information`]: NOOP, HELP, FEAT, OPTS, SYST, SITE, CLNT, CSID, HOST, LANG.
//! - [`control_only`]: all of it, in the mode without a directory.
//!
//! # How to read one
//!
//! ```text
//! # the subject, and its sources
//! ! mode: writable        how the server is started; `! login`: the login is left out
//! ! file NAME CONTENT     what is in the directory; `! dir NAME`
//! C: RETR x               the client sends a line;   R: bytes as they are
//! S: 250 *                the server's reply; * is any text
//! S: ...   S: <closed>    some lines; the end of the connection
//! T: <tls>                a TLS handshake;   T: <alert>  its failure
//! D: EPSV                 a data connection is set up
//! D> hello\r\n            it has these bytes, and its end;   D~ lines, in any order
//! D< hello                the client sends these bytes over it, and closes
//! F: NAME CONTENT         what is on the disk then: a file
//! F- NAME   F/ NAME       no such file; a directory
//! ```
#![doc = include_str!("differences.md")]

/// A page: a section for each of some commands, with the dialogue of a file under `tests/transcripts`.
macro_rules! family {
    ($name:ident: $about:literal $($verbs:literal $file:literal)*) => {
        #[doc = $about]
        $(
            #[doc = concat!("# ", $verbs)]
            #[doc = "```text"]
            #[doc = include_str!(concat!("../../../tests/transcripts/", $file, ".txt"))]
            #[doc = "```"]
        )*
        pub mod $name {}
    };
}

family! {
    access: "The login: RFC 959 §4.1.1. How a password is verified is on a
        [page](crate::book::server).
"
    "USER, PASS" "user_pass"
    "USER again" "user_again"
    "USER of a named account" "user_named"
    "ACCT" "acct"
    "REIN" "rein"
    "QUIT" "quit"
}

family! {
    connections: "Data connections: RFC 959 §3.2 and §4.1.2, RFC 2428, RFC 2577.
"
    "PORT" "port"
    "PASV" "pasv"
    "EPRT" "eprt"
    "EPSV" "epsv"
    "EPSV ALL" "epsv_all"
    "PRET" "pret"
    "One arrangement at a time" "one_arrangement"
}

family! {
    transfers: "Files: RFC 959 §4.1.3, RFC 3659 §5. See the walks of [RETR](crate::book::server) and
[STOR](crate::book::server).
"
    "RETR" "retr"
    "STOR" "stor"
    "STOU" "stou"
    "APPE" "appe"
    "REST" "rest"
    "RANG" "rang"
    "ABOR" "abor"
    "ALLO" "allo"
}

family! {
    representations: "How a file is sent: RFC 959 §3.1 and §3.4.
"
    "TYPE" "type"
    "MODE" "mode"
    "STRU" "stru"
    "MODE B" "mode_b"
    "MODE C" "mode_c"
}

family! {
    listings: "Directories, and what is known of a file: RFC 959 §4.1.3, RFC 1123 §4.1.2.7, RFC 3659.
"
    "LIST" "list"
    "NLST" "nlst"
    "MLSD" "mlsd"
    "MLST" "mlst"
    "STAT" "stat"
    "SIZE" "size"
    "MDTM" "mdtm"
}

family! {
    files: "Directories and names: RFC 959 §4.1.1 and §4.1.3, RFC 775, and the drafts that the dialogues name.
"
    "CWD, XCWD" "cwd"
    "CDUP, XCUP" "cdup"
    "PWD, XPWD" "pwd"
    "MKD, XMKD" "mkd"
    "RMD, XRMD" "rmd"
    "DELE" "dele"
    "RNFR, RNTO" "rename"
    "MFMT" "mfmt"
    "MFF" "mff"
    "MFCT" "mfct"
    "COMB" "comb"
    "DSIZ" "dsiz"
    "AVBL" "avbl"
}

family! {
    digests: "Checksums of files, by the drafts that the dialogues name. A worker computes them in slices.
"
    "HASH" "hash"
    "MD5" "md5"
    "XCRC, XMD5, XSHA, XSHA1, XSHA256, XSHA512" "x_digests"
}

family! {
    security: "TLS: RFC 4217, RFC 2228. See the [walk](crate::book::server).
"
    "AUTH" "auth"
    "PBSZ" "pbsz"
    "PROT" "prot"
    "CCC" "ccc"
}

family! {
    information: "What the server says of itself: RFC 959 §4.1.3, RFC 2389, RFC 2640, RFC 7151.
"
    "NOOP" "noop"
    "HELP" "help"
    "FEAT" "feat"
    "OPTS" "opts"
    "SYST" "syst"
    "SITE" "site"
    "CLNT" "clnt"
    "CSID" "csid"
    "HOST" "host"
    "LANG" "lang"
}

family! {
    control_only: "The server without a directory, which step ten of [part one](crate::book) builds.
"
    "The dialogue" "control_only_dialogue"
    "Every command" "control_only_commands"
}
