//! The planted faults, each with the names of all findings that it causes: its own first.
//!
//! A test runs its rows at the same time, since a probe mostly waits.

use std::net::TcpListener;
use std::thread;

use super::liar::{Liar, Lie};
use super::{findings, probe};
use crate::support::certificates::Authority;

/// A fault, what is found, and the options. Without options a row is exact: nothing else may be found.
type Row = (Lie, &'static [&'static str], &'static str);

/// What makes a silent server cost little; a busy machine may then show more.
const SHORT: &str = "--timeout 3s";

fn check(rows: &[Row]) {
    let authority = Authority::new();
    let identity = authority.server("server");
    // A build without TLS refuses the option.
    let ca = if cfg!(feature = "tls") {
        format!("--ca {}", authority.file().display())
    } else {
        String::new()
    };
    thread::scope(|scope| {
        for (lie, expected, options) in rows {
            let liar = Liar::start(*lie, &identity);
            let options = format!("--timeout 60s --json {ca} {options}");
            scope.spawn(move || {
                let output = probe("ftp", liar.address(), &options);
                let (found, json) = findings(&output);
                let ids: Vec<_> = found.iter().map(|(_, id)| id.as_str()).collect();
                let is_exact = !options.contains(SHORT);
                let all = expected.iter().all(|id| ids.contains(id));
                assert!(all, "{lie:?}: {expected:?} in {json:#}");
                assert!(
                    !is_exact || ids.len() == expected.len(),
                    "{lie:?}: {expected:?} is {json:#}"
                );
                let code = match found.iter().map(|(severity, _)| severity.as_str()).min() {
                    Some("error") => 4,
                    _ if found.iter().any(|(severity, _)| severity == "warning") => 3,
                    _ => 0,
                };
                assert_eq!(output.status.code(), Some(code), "{json:#}");
            });
        }
    });
}

#[test]
fn honest_server_has_no_finding() {
    check(&[
        (Lie::None, &[], ""),
        (Lie::None, &[], "--write up"),
        (Lie::None, &[], "--active"),
    ]);
}

#[cfg(feature = "tls")]
#[test]
fn honest_server_has_no_finding_with_tls() {
    check(&[
        (Lie::None, &[], "--tls --write /up"),
        (Lie::None, &["clear-login"], "--user ann --password x"),
    ]);
}

#[test]
fn faults_of_greeting_and_features_are_found() {
    check(&[
        (Lie::Greeting("230 Hi.\r\n"), &["greeting-code"], ""),
        (Lie::Greeting("220-Hi,\n220 you.\n"), &["line-ends"], ""),
        (
            Lie::Greeting("220 ProFTPD 1.3.5 Server\r\n"),
            &["greeting-version"],
            "",
        ),
        (
            Lie::Greeting("220 ****************\r\n"),
            &["alg-masked"],
            "",
        ),
        (Lie::SlowGreeting, &["greeting-delay"], ""),
        (Lie::Reply("FEAT", "502 No."), &["feat-missing"], ""),
        (Lie::UnindentedFeatures, &["feat-syntax"], ""),
        (Lie::Feature("AVBL"), &["feat-untrue"], ""),
        (Lie::Unclaimed("SIZE"), &["feat-unclaimed"], ""),
        (Lie::Lacks("UTF8", "OPTS UTF8"), &["feat-lacking"], ""),
        (Lie::Reply("PASS", "530 No."), &["login"], ""),
        (Lie::Reply("QUIT", "226 Bye."), &["quit-reply"], ""),
    ]);
}

#[test]
fn faults_of_replies_and_lines_are_found() {
    check(&[
        (Lie::Reply("STRU F", "250 Ok."), &["reply-code"], ""),
        (
            Lie::Reply("SYST", "215 UNIX Type: L8\r\n200 Really."),
            &["extra-reply"],
            "",
        ),
        (Lie::Reply("PWD", "257 /home"), &["pwd-quotes"], ""),
        (Lie::Reply("SYST", "215 WINDOWS"), &["syst"], ""),
        (Lie::Reply("ABOR", "500 No."), &["abor-idle", "abor"], ""),
        (Lie::Reply("XPRB", "200 Ok."), &["unknown-command"], ""),
        (Lie::CaseSensitive, &["lower-case"], ""),
        (Lie::NoTelnet, &["telnet-codes"], ""),
        (Lie::SplitsLongLines, &["long-line"], ""),
        (Lie::DropsPipelined, &["pipelining"], SHORT),
        (
            Lie::ImpatientWithIdle,
            &["idle-time"],
            "--timeout 3s --idle 6s",
        ),
        (Lie::ForgetsIdle, &["idle-lost"], "--timeout 3s --idle 6s"),
        (Lie::Reply("NOOP", ""), &["no-answer"], SHORT),
        (Lie::Slow, &["out-of-time"], "--max-time 300ms"),
        (
            Lie::LocksOut,
            &["no-answer", "login", "clean-up"],
            "--write up",
        ),
        (Lie::Slow, &["out-of-time"], "--max-time 300ms --write up"),
    ]);
}

#[test]
fn pasv_over_ipv6_is_found() {
    if TcpListener::bind("[::1]:0").is_err() {
        return eprintln!("skipped: this host has no IPv6");
    }
    check(&[
        (Lie::OverIpv6, &[], ""),
        (Lie::PasvOverIpv6, &["pasv-ipv6"], ""),
    ]);
}

#[test]
fn faults_of_passive_mode_are_found() {
    check(&[
        (Lie::PasvAddress([0, 0, 0, 0]), &["pasv-address"], ""),
        (
            Lie::PasvAddress([127, 0, 0, 2]),
            &["pasv-other-address"],
            "",
        ),
        (Lie::DeadPorts, &["pasv-unreachable", "list-fails"], SHORT),
        (Lie::Reply("PASV", "502 No."), &["pasv-missing"], ""),
        (
            Lie::Reply("PASV", "227 Ok."),
            &["pasv-syntax", "data-before-login", "epsv-all"],
            "",
        ),
        (Lie::NoParentheses, &["pasv-parentheses"], ""),
        (Lie::PortsInOrder, &["pasv-predictable"], ""),
        (Lie::Reply("EPSV", "229 Ok."), &["epsv-syntax"], ""),
        (Lie::Reply("EPSV 9", "500 What?"), &["epsv-protocol"], ""),
        (Lie::IgnoresEpsvAll, &["epsv-all"], ""),
        (Lie::TakesAnyConnection, &["data-theft"], ""),
        (Lie::GivesUpOnStrangers, &["data-denial"], ""),
    ]);
}

#[test]
fn faults_of_active_mode_are_found() {
    check(&[
        (Lie::Reply("PORT", "502 No."), &["port-missing"], ""),
        (Lie::Bounces, &["bounce", "bounce-low-port"], ""),
        (Lie::BouncesToLowPorts, &["bounce-low-port"], ""),
        (Lie::Reply("PORT 1,2,3", "200 Ok."), &["port-syntax"], ""),
        (
            Lie::NeverConnects,
            &["active-fails"],
            "--timeout 3s --active",
        ),
        (Lie::ConnectsFromElsewhere, &["active-address"], "--active"),
    ]);
}

#[test]
fn faults_of_listings_and_downloads_are_found() {
    check(&[
        (Lie::Reply("LIST", "550 No."), &["list-fails"], ""),
        (Lie::UnixLines, &["list-line-ends"], ""),
        (Lie::ListLine("something odd"), &["list-format"], ""),
        (
            Lie::FactsLine("type=file;size=many; odd"),
            &["mlsd-facts"],
            "",
        ),
        (Lie::LongList, &[], ""),
        (Lie::HidesFiles, &["list-differs"], ""),
        (Lie::Latin1Name, &["utf8-names"], ""),
        (Lie::Reply("RETR", "550 No."), &["no-file"], ""),
        (Lie::Flips, &["retr-differs", "ascii-wrong"], ""),
        (Lie::SendsMissingFiles, &["missing-file"], ""),
        (Lie::SmallSizes, &["size-wrong"], ""),
        (Lie::Reply("REST 1", "501 No."), &["rest-refused"], ""),
        (Lie::IgnoresRest, &["rest-wrong"], ""),
        (Lie::KeepsRest, &["rest-wrong", "ascii-wrong"], ""),
        (Lie::Reply("MDTM hello", "213 Jan 1"), &["mdtm-syntax"], ""),
        (Lie::LocalMdtm, &["mdtm-zone"], ""),
        (Lie::NoAscii, &["ascii-unchanged"], ""),
        (Lie::WrongAscii, &["ascii-wrong"], ""),
        (Lie::IgnoresAbort, &["abor"], SHORT),
    ]);
}

#[test]
fn faults_of_uploads_are_found() {
    check(&[
        (
            Lie::Reply("MKD", "550 No."),
            &["write-refused"],
            "--write up",
        ),
        (
            Lie::Reply("MKD", "250 Ok."),
            &["mkd-reply", "clean-up"],
            "--write up",
        ),
        (
            Lie::Reply("STOR", "553 No."),
            &["upload-fails"],
            "--write up",
        ),
        (Lie::LateClock, &["mdtm-clock"], "--write up"),
        (
            Lie::NeverTruncates,
            &["upload-wrong", "append-wrong"],
            "--write up",
        ),
        (Lie::AppendReplaces, &["append-wrong"], "--write up"),
        (Lie::RestAppends, &["resume-wrong"], "--write up"),
        (
            Lie::Reply("REST 700", "501 No."),
            &["resume-refused"],
            "--write up",
        ),
        (
            Lie::Reply("RNFR", "550 No."),
            &["change-fails"],
            "--write up",
        ),
        (Lie::TrustsResets, &["cut-upload"], "--write up"),
        (
            Lie::KeepsDeleted,
            &["change-fails", "clean-up"],
            "--write up",
        ),
        (Lie::Reply("RMD", "550 No."), &["clean-up"], "--write up"),
        (Lie::StoresLatin1, &["utf8-changed"], "--write up"),
        (Lie::TrimsNames, &["name-changed"], "--write up"),
    ]);
}

#[cfg(feature = "tls")]
#[test]
fn faults_of_tls_are_found() {
    check(&[
        (
            Lie::Reply("AUTH", "502 No."),
            &["tls-missing", "feat-untrue"],
            "",
        ),
        (Lie::NoHandshake, &["tls-fails"], ""),
        (Lie::ObeysInjected, &["auth-injection"], ""),
        (Lie::OldTls, &["tls-old"], ""),
        (Lie::No13, &["tls-no-13"], ""),
        (Lie::No12, &["tls-no-12"], ""),
        (Lie::Reply("PROT P", "534 No."), &["prot-missing"], ""),
        (Lie::ClearWithProtP, &["tls-data"], ""),
        (Lie::NeverResumes, &["data-resumption", "data-session"], ""),
        (Lie::Unbound, &["data-session"], ""),
        (Lie::NoCloseNotify, &["tls-truncation"], ""),
        (Lie::AllowsProtC, &["clear-data"], ""),
    ]);
}

/// Certificates that clients refuse, and one that no authority has signed.
#[cfg(feature = "tls")]
#[test]
fn faults_of_certificates_are_found() {
    let authority = Authority::new();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let ca = format!("--json --timeout 60s --ca {}", authority.file().display());
    let unknown = Authority::new().server("unknown");
    for (identity, expected) in [
        (
            authority.expired_server(),
            &["certificate-dates", "certificate-trust"][..],
        ),
        (authority.expiring_server(3 * day), &["certificate-expires"]),
        (
            authority.client("ann"),
            &[
                "certificate-name",
                "certificate-purpose",
                "certificate-trust",
            ],
        ),
        (unknown, &["certificate-trust"]),
    ] {
        let liar = Liar::start(Lie::None, &identity);
        let (found, json) = findings(&probe("ftp", liar.address(), &ca));
        let ids: Vec<_> = found.iter().map(|(_, id)| id.as_str()).collect();
        assert!(expected.iter().all(|id| ids.contains(id)), "{json:#}");
        assert_eq!(ids.len(), expected.len(), "{json:#}");
    }
}

/// The password is not sent to a server that is not trusted.
#[cfg(feature = "tls")]
#[test]
fn password_is_for_trusted_servers_only() {
    let liar = Liar::start(Lie::None, &Authority::new().server("unknown"));
    let options = "--json --timeout 60s --user ann --password secret";
    let (found, json) = findings(&probe("ftp", liar.address(), options));
    assert!(found.iter().any(|(_, id)| id == "login"), "{json:#}");
    assert!(
        json.to_string().contains("the password was not sent"),
        "{json:#}"
    );
    let insecure = format!("{options} --insecure");
    let (found, json) = findings(&probe("ftp", liar.address(), &insecure));
    assert!(
        found.iter().all(|(severity, _)| severity == "note"),
        "{json:#}"
    );
}
