//! Parses the command line.
//!
//! An error names the option, the value and the remedy. This module opens the configuration file and
//! password files only; it starts nothing.

mod layers;
mod options;

use std::ffi::OsString;

use mioftpd::internals::auth::HashScheme;

pub(crate) use layers::{CliArgs, Resolved};
use options::Options;
pub(crate) use options::ProcessOptions;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A small FTP and FTPS server.

Usage: mioftpd [OPTIONS] [DIR]

  DIR  The directory to serve. Without it only the control connection is served:
       NOOP and QUIT are answered, and no other command is implemented.

Options:
  -c, --config FILE              Read a configuration file (TOML); options and DIR override it
      --example-config           Print a configuration file with every key and default, and exit
      --check                    Validate the configuration, print the effective settings, and
                                 exit: 0 valid, 1 would fail at start-up, 2 invalid
  -l, --listen ADDR:PORT         Listen on this address; may be repeated; port 0 means any free
                                 port [default: [::]:21000 and 0.0.0.0:21000]
  -w, --writable                 Allow anonymous clients to write
  -u, --user NAME                Allow logins of NAME only, with read and write access
      --password-file FILE       Read the password of --user, or its hash, from the first line of
                                 FILE [default: the environment variable MIOFTPD_PASSWORD]
      --anonymous                Allow anonymous logins in addition to --user
      --hash-password[=SCHEME]   Read a password, print its hash, and exit: argon2id or sha512-crypt
      --passive-ports FIRST-LAST Use only these ports for passive data connections [default: any]
      --passive-address HOST     Advertise this IPv4 address, or the address of this name, in PASV
                                 replies (NAT); clients on private networks get the local address,
                                 unless HOST is private too [default: the local address]
      --time-zone OFFSET         Print the dates in LIST in this zone, such as +02:00 [default: UTC]
      --charset NAME             Use this charset, such as gbk, for file names of clients without
                                 UTF-8; needs the Cargo feature charset [default: none]
      --allow-fxp                Allow --user data connections to and from other hosts (FXP), for
                                 transfers between servers; read RFC 2577 first
      --allow-combine            Implement COMB: concatenate files that were uploaded in parts, and
                                 remove the parts
      --tls-cert FILE            Enable TLS (AUTH TLS) with this certificate and its chain (PEM)
      --tls-key FILE             Use this private key (PEM) for --tls-cert
      --tls-self-signed          Enable TLS with a generated certificate, and log its fingerprint
      --state-dir DIR            Keep the generated certificate in DIR across restarts
      --tls-listen ADDR:PORT     Listen for implicit TLS (usual port: 990); may be repeated;
                                 replaces the default of --listen
      --tls-require WHAT         Refuse without TLS: none; login: logins with a password; control:
                                 all logins; data: also data connections [default: none]
      --tls-data-session WHAT    Require data connections to resume the TLS session of their control
                                 connection: off, observe (log only) or require [default: observe]
      --tls-client-ca FILE       Verify client certificates against this CA (PEM)
      --tls-client-required      Refuse clients without a certificate
      --tls-client-login         Accept a certificate with the common name NAME of --user in place
                                 of the password
      --tls-allow-ccc            Allow clients to return to clear text after the login (CCC)
      --workers N                Run N threads for disk operations, 0 to 64 [default: 2]
      --busy-poll TIME           Do not sleep for this long after work, such as 50us [default: 0us]
      --umask MODE               Clear these permission bits on new files, such as 027
                                 [default: inherited]
      --run-as USER[:GROUP]      Switch to this user after listening; needs a start as root
      --reopen                   Open DIR again for each access, for cards that are changed
      --inetd                    Serve the connection on standard input (inetd), and exit
      --daemon                   Run in the background once the server listens
      --pid-file FILE            Write the process id to FILE, locked while the server runs
      --no-sandbox               Do not confine the process to the files and system calls it needs
      --log LEVEL                Log error, warn, info, debug or trace [default: info]
      --syslog[=SOCKET]          Log to syslog, not to standard error [default SOCKET: /dev/log]
  -h, --help                     Print this help
  -V, --version                  Print the version
";

/// The action that the command line selects.
pub(crate) enum Invocation {
    Serve(Resolved, Box<CliArgs>),
    Check(Resolved),
    Example,
    HashPassword(Option<HashScheme>),
    Help,
    Version,
}

/// The reason that there is no configuration.
pub(crate) enum Failure {
    /// The command line or the file is invalid.
    Invalid(String),
    /// The file cannot be read.
    #[cfg_attr(
        not(feature = "settings"),
        expect(dead_code, reason = "no file is read")
    )]
    Unreadable(String),
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Parses the arguments; `password` is the value of the environment variable.
pub(crate) fn parse(
    arguments: impl Iterator<Item = OsString>,
    password: Option<OsString>,
) -> Result<Invocation, Failure> {
    let arguments: Vec<_> = arguments.collect();
    let mut options = Options::default();
    if let Some(invocation) = options.read(&arguments)? {
        return Ok(invocation);
    }
    let is_check = options.is_given("check");
    let args = CliArgs {
        arguments,
        options,
        password,
    };
    let resolved = args.resolve()?;
    Ok(if is_check {
        Invocation::Check(resolved)
    } else {
        Invocation::Serve(resolved, Box::new(args))
    })
}
