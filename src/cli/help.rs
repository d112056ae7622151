//! What `--help` and `--version` print, for the Cargo features of this build.
//!
//! An option of a feature that is off is not shown, though it is known: it is refused with the name of the
//! feature. The text of such options is not in the program.

/// The text, if this build has what it is about.
const fn only(is_built_in: bool, text: &'static str) -> &'static str {
    if is_built_in { text } else { "" }
}

/// The parts of the help. The README has the same, of all features.
const HELP: &[&str] = &[
    "A small FTP",
    only(cfg!(feature = "tls"), " and FTPS"),
    " server.

Usage: mioftpd [OPTIONS] [DIR]",
    only(
        cfg!(feature = "status"),
        "
       mioftpd who [--json] | kick ID | drain | reload | trace [--seconds N] [--names] [--output FILE]",
    ),
    only(
        cfg!(feature = "bench"),
        "
       mioftpd bench URL [OPTIONS]: measure a server; bench --help lists its options
       mioftpd probe URL [OPTIONS]: say what is wrong with a server; probe --help lists its options",
    ),
    "

  DIR  The directory to serve. Without it only the control connection is served:
       NOOP and QUIT are answered, and no other command is implemented.",
    only(
        cfg!(feature = "status"),
        "
  who, kick, drain, reload, trace  List the sessions of a running server, end one, stop it gracefully, have
       it read its configuration, record its event loop: at --status SOCKET, or that of --config FILE",
    ),
    only(
        cfg!(feature = "bench"),
        "
  doctor [--json] [OPTIONS] [DIR]  Examine this host for such a start; exit code 1: something will hurt",
    ),
    "

Options:",
    only(
        cfg!(feature = "settings"),
        "
  -c, --config FILE              Read a configuration file (TOML); options and DIR override it",
    ),
    only(
        cfg!(feature = "config"),
        "
      --example-config           Print a configuration file with every key and default, and exit
      --check                    Validate the configuration, print the effective settings, and
                                 exit: 0 valid, 1 would fail at start-up, 2 invalid",
    ),
    "
  -l, --listen ADDR:PORT         Listen on this address; may be repeated; port 0 means any free
                                 port [default: [::]:21000 and 0.0.0.0:21000]
  -w, --writable                 Allow anonymous clients to write
  -u, --user NAME                Allow logins of NAME only, with read and write access
      --password-file FILE       Read the password of --user, or its hash, from the first line of
                                 FILE [default: the environment variable MIOFTPD_PASSWORD]
      --anonymous                Allow anonymous logins in addition to --user",
    only(
        cfg!(feature = "hashed-passwords"),
        "
      --hash-password[=SCHEME]   Read a password, print its hash, and exit: argon2id or sha512-crypt",
    ),
    "
      --passive-ports FIRST-LAST Use only these ports for passive data connections [default: any]",
    "
      --passive-address HOST     Advertise this IPv4 address in PASV replies (NAT), but to clients on
                                 private networks only if it is private [default: the local address]",
    only(
        cfg!(feature = "resolver"),
        "
                                 HOST may be a name, whose address is looked up",
    ),
    "
      --time-zone OFFSET         Print the dates in LIST in this zone, such as +02:00 [default: UTC]",
    only(
        cfg!(feature = "charset"),
        "
      --charset NAME             Use this charset, such as gbk, for file names of clients without
                                 UTF-8 [default: none]",
    ),
    "
      --allow-fxp                Allow --user data connections to and from other hosts (FXP), for
                                 transfers between servers; read RFC 2577 first
      --allow-combine            Implement COMB: concatenate files that were uploaded in parts, and
                                 remove the parts",
    only(
        cfg!(feature = "tls"),
        "
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
      --tls-allow-ccc            Allow clients to return to clear text after the login (CCC)",
    ),
    "
      --workers N                Run N threads for disk operations, 0 to 64 [default: 2]
      --busy-poll TIME           Do not sleep for this long after work, such as 50us [default: 0us]
      --umask MODE               Clear these permission bits on new files, such as 027
                                 [default: inherited]
      --run-as USER[:GROUP]      Switch to this user after listening; needs a start as root
      --reopen                   Open DIR again for each access, for cards that are changed",
    only(
        cfg!(feature = "daemon"),
        "
      --inetd                    Serve the connection on standard input (inetd), and exit
      --daemon                   Run in the background once the server listens
      --pid-file FILE            Write the process id to FILE, locked while the server runs",
    ),
    only(
        cfg!(feature = "status"),
        "
      --trace FILE               Record the event loop: write FILE, for Perfetto, at the end and SIGUSR1
      --trace-names              Record the arguments of commands too, but for passwords",
    ),
    only(
        cfg!(feature = "sandbox"),
        "
      --no-sandbox               Do not confine the process to the files and system calls it needs",
    ),
    "
      --log LEVEL                Log error, warn, info, debug or trace [default: info]",
    only(
        cfg!(feature = "daemon"),
        "
      --syslog[=SOCKET]          Log to syslog, not to standard error [default SOCKET: /dev/log]",
    ),
    "
  -h, --help                     Print this help
  -V, --version                  Print the version and the Cargo features",
    "\n",
];

macro_rules! features {
    ($($name:literal)*) => { &[$(only(cfg!(feature = $name), concat!(" ", $name))),*] };
}

/// All Cargo features, each with a blank before it; empty where it is off.
const FEATURES: &[&str] = features! {
    "bench" "config" "settings" "daemon" "status" "tls" "digests" "hashed-passwords" "quotas" "records"
    "resolver" "systemd" "mode-z" "charset" "sandbox" "pam"
};

/// What `--help` prints.
pub(crate) fn help() -> String {
    HELP.concat()
}

/// What `--version` prints.
pub(crate) fn version() -> String {
    let mut features = FEATURES.concat();
    if features.is_empty() {
        features.push_str(" none");
    }
    format!(
        "mioftpd {}\nFeatures:{features}\n",
        env!("CARGO_PKG_VERSION")
    )
}
