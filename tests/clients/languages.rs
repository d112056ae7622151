//! Libraries of PHP (the ftp extension and streams), Perl (`Net::FTP`) and Java (Apache Commons Net). Each
//! has a script that covers all of its functions, with an account, in plaintext and over TLS.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use super::programs::{client, java_with_commons_net, perl_with_net_ftp, script, succeeds};
use super::support::{Server, Starter};

const PASSWORD: &str = "pä s#s:w";

/// A server with the account `ann`, which has all rights, and more arguments.
fn server(address: &str, arguments: &[&str]) -> Server {
    let starter = Starter::default()
        .patient()
        .listen(address)
        .argument("--user")
        .argument("ann");
    let starter = starter.variable("MIOFTPD_PASSWORD", PASSWORD);
    let starter = arguments
        .iter()
        .fold(starter, |starter, argument| starter.argument(*argument));
    starter.serving(|_| ()).start()
}

/// IPv6, if the host has it.
fn other_address() -> &'static str {
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    if has_ipv6 { "[::1]:0" } else { "127.0.0.1:0" }
}

/// Runs the script, which removes all that it has created.
fn session(mut interpreter: Command, name: &str, server: &Server, mode: &str, tls: &str) {
    let address: SocketAddr = server.address();
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    interpreter.arg(script(name));
    succeeds(interpreter.args([&ip, &port, "ann", PASSWORD, mode, tls]));
    assert!(server.names().is_empty(), "left: {:?}", server.names());
}

/// Passive mode on IPv4 and active mode on IPv6.
fn in_the_clear(interpreter: fn() -> Option<Command>, name: &str) {
    for (address, mode) in [("127.0.0.1:0", "passive"), (other_address(), "active")] {
        let Some(interpreter) = interpreter() else {
            return;
        };
        session(interpreter, name, &server(address, &[]), mode, "clear");
    }
}

#[test]
fn php_in_the_clear() {
    in_the_clear(|| client("php"), "with_php.php");
}

#[test]
fn net_ftp_in_the_clear() {
    in_the_clear(perl_with_net_ftp, "with_net_ftp.pl");
}

#[test]
fn commons_net_in_the_clear() {
    in_the_clear(java_with_commons_net, "with_commons_net.java");
}

/// Both modes with required TLS on data connections; `sessions` is the policy of TLS session resumption.
#[cfg(feature = "tls")]
fn over_tls(interpreter: fn() -> Option<Command>, name: &str, sessions: &str) {
    let secured = [
        "--tls-self-signed",
        "--tls-require",
        "data",
        "--tls-data-session",
        sessions,
    ];
    for (address, mode) in [("127.0.0.1:0", "active"), (other_address(), "passive")] {
        let Some(interpreter) = interpreter() else {
            return;
        };
        session(
            interpreter,
            name,
            &server(address, &secured),
            mode,
            "explicit",
        );
    }
}

/// PHP resumes the session of the control connection.
#[test]
#[cfg(feature = "tls")]
fn php_over_tls() {
    over_tls(|| client("php"), "with_php.php", "require");
}

#[test]
#[cfg(feature = "tls")]
fn net_ftp_over_tls() {
    over_tls(perl_with_net_ftp, "with_net_ftp.pl", "off");
}

#[test]
#[cfg(feature = "tls")]
fn commons_net_over_tls() {
    over_tls(java_with_commons_net, "with_commons_net.java", "off");
}
