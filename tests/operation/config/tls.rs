//! The keys of `[tls]`.

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::pki_types::PrivateKeyDer;

use crate::config::secure::{Identity, Secure, over_tls};
use crate::config::world::World;

const SELF_SIGNED: &str = "[tls]\nself-signed = true\n";

/// Writes a certificate and its key beside the configuration; returns the certificate, DER.
pub(crate) fn make_files(world: &World) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(world.path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(world.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(world.path("key.pem"), Permissions::from_mode(0o600)).unwrap();
    made.cert.der().to_vec()
}

/// `tls.certificate` `tls.key`
#[test]
fn certificate_is_read_from_files() {
    let world = World::new();
    let made = make_files(&world);
    let server = world.start("[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"");
    assert_eq!(Secure::auth(&server, None).certificate(), made);
}

/// `tls.self-signed`
#[test]
fn self_signed_enables_tls() {
    let world = World::new();
    world.start("").connect().command("AUTH TLS", 502);
    let server = world.start(SELF_SIGNED);
    assert!(Secure::auth(&server, None).is_accepted());
}

/// `tls.state-directory`
#[test]
fn state_directory_keeps_certificate_across_restarts() {
    let world = World::new();
    let text = format!("{SELF_SIGNED}state-directory = \"state\"");
    let certificate = || Secure::auth(&world.start(&text), None).certificate();
    assert_eq!(certificate(), certificate());
    assert!(world.path("state/mioftpd-cert.pem").exists());
}

/// `tls.names`
#[test]
fn generated_certificate_has_configured_names() {
    let world = World::new();
    let server = world.start(&format!("{SELF_SIGNED}names = [\"ftp.example.org\"]"));
    let certificate = Secure::auth(&server, None).certificate();
    let name = b"ftp.example.org";
    assert!(certificate.windows(name.len()).any(|part| part == name));
}

/// At a start and at a reload; `--check` notes it.
#[test]
fn kept_certificate_is_replaced_for_other_names() {
    let world = World::new();
    let has = |certificate: &[u8], name: &str| {
        certificate
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    let text = |name: &str| {
        format!("{SELF_SIGNED}state-directory = \"state\"\nnames = [\"{name}.example\"]")
    };
    let certificate = |server: &crate::support::Server| Secure::auth(server, None).certificate();
    let first = certificate(&world.start(&text("first")));
    let server = world.start(&text("first"));
    assert_eq!(certificate(&server), first);
    let expected = "does not match tls.names: created a new one";
    crate::config::reloading::change(&world, &server, &text("second"), expected);
    crate::support::until("the new certificate", || {
        has(&certificate(&server), "second.example").then_some(())
    });
    drop(server);
    world.write(&text("third"));
    let output = world.run(&["--check"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{message}");
    assert!(
        message.contains("note: tls.names: the certificate in"),
        "{message}"
    );
    assert!(message.contains("names second.example"), "{message}");
    let server = world.start(&text("third"));
    server.wait_for_log(expected);
    assert!(has(&certificate(&server), "third.example"));
    drop(server);
    // A change of the host name does not replace the certificate.
    let server = world.start(&format!("{SELF_SIGNED}state-directory = \"state\""));
    server.wait_for_log("does not have the names of this host");
    assert!(has(&certificate(&server), "third.example"));
}

/// Without `tls.state-directory`: a reload may just be a log rotation.
#[test]
fn reload_keeps_generated_certificate_unless_names_change() {
    let world = World::new();
    make_files(&world);
    let named = |name: &str| format!("{SELF_SIGNED}names = [\"{name}.example\"]");
    let files = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"";
    let server = world.start(SELF_SIGNED);
    let after = |text: &str| {
        crate::config::reloading::change(&world, &server, text, crate::config::reloading::READ);
        Secure::auth(&server, None).certificate()
    };
    let first = Secure::auth(&server, None).certificate();
    assert_eq!(after(SELF_SIGNED), first);
    assert_eq!(after(SELF_SIGNED), first);
    let second = after(&named("second"));
    assert_ne!(second, first);
    assert_eq!(after(&named("second")), second);
    let third = after(&named("third"));
    assert_ne!(third, second);
    let of_files = after(files);
    assert_ne!(after(&named("third")), of_files);
}

/// `tls.listen`
#[test]
fn tls_listen_is_implicit_tls() {
    let world = World::new();
    let server = world.start(&format!("{SELF_SIGNED}listen = \"127.0.0.1:0\""));
    let line = server.wait_for_log("Start serving FTPS at ");
    let address: SocketAddr = line.rsplit(' ').next().unwrap().parse().unwrap();
    let mut control = Secure::over(TcpStream::connect(address).unwrap(), None);
    assert!(control.try_line().unwrap().starts_with("220 "));
}

/// `tls.require`
#[test]
fn require_refuses_commands_without_tls() {
    let world = World::new();
    for (require, login, data) in [
        ("none", 331, 229),
        ("control", 530, 530),
        ("data", 530, 530),
    ] {
        let server = world.start(&format!("{SELF_SIGNED}require = \"{require}\""));
        let mut control = server.connect();
        control.command("USER anonymous", login);
        if login == 331 {
            control.command("PASS x", 230);
        }
        control.command("EPSV", data);
    }
    let server = world.start(&format!("{SELF_SIGNED}require = \"data\""));
    let mut control = Secure::auth(&server, None);
    log_in(&mut control);
    control.command("PBSZ 0", 200);
    control.command("PROT C", 534);
}

/// Once per session, and not as a failed login: that would ban the address.
#[test]
fn refused_login_without_tls_is_logged_once() {
    let world = World::new();
    let server = world.start(&format!("{SELF_SIGNED}require = \"control\""));
    for _ in 0..2 {
        let mut control = server.connect();
        let peer = control.local();
        control.command("USER anonymous", 530);
        let expected = "Login without TLS refused (tls.require): \"anonymous\"";
        let line = server.wait_for_log(&format!("{peer}: {expected}"));
        assert!(line.contains("WARN  [mioftpd::security]"), "{line}");
        control.command("USER ann", 530);
        control.command("USER anonymous", 530);
        control.command("QUIT", 221);
        let more = "2 more in this session: logins without TLS refused";
        server.wait_for_log(&format!("{peer}: {more}"));
        assert_eq!(
            server
                .log()
                .matches(&format!("{peer}: Login without TLS refused"))
                .count(),
            1
        );
    }
    assert!(!server.log().contains("Login failed"), "{}", server.log());
}

fn log_in(control: &mut Secure) {
    control.command("USER anonymous", 331);
    control.command("PASS x", 230);
}

/// `tls.data-session`
#[test]
fn data_session_require_refuses_new_sessions() {
    let world = World::new();
    for (session, code) in [("off", "226"), ("require", "522")] {
        let server = world.start(&format!("{SELF_SIGNED}data-session = \"{session}\""));
        let mut control = Secure::auth(&server, None);
        log_in(&mut control);
        control.command("PBSZ 0", 200);
        control.command("PROT P", 200);
        let reply = control.command("EPSV", 229);
        let port = reply.split('|').nth(3).unwrap().parse().unwrap();
        let data = TcpStream::connect((control.peer().ip(), port)).unwrap();
        control.command("RETR f", 150);
        // A new client configuration has no session to resume.
        let _ = over_tls(data, None).read_to_end(&mut Vec::new());
        let end = control.try_line().unwrap();
        assert!(end.starts_with(code), "{session}: {end}");
    }
}

/// Writes a new authority beside the configuration; returns a client certificate of it.
pub(crate) fn client(world: &World, name: &str) -> Identity {
    let [identity] = clients(world, [name]);
    identity
}

/// The same with several clients.
pub(crate) fn clients<const N: usize>(world: &World, names: [&str; N]) -> [Identity; N] {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(params, key).unwrap();
    fs::write(world.path("clients.pem"), authority.pem()).unwrap();
    names.map(|name| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        (certificate, key)
    })
}

pub(crate) fn copy((certificate, key): &Identity) -> Identity {
    (certificate.clone(), key.clone_key())
}

/// `tls.client-authority`
#[test]
fn client_certificate_is_verified_against_authority() {
    let world = World::new();
    let untrusted = client(&world, "ann");
    let trusted = client(&world, "ann");
    let server = world.start(&format!("{SELF_SIGNED}client-authority = \"clients.pem\""));
    assert!(Secure::auth(&server, None).is_accepted());
    assert!(Secure::auth(&server, Some(copy(&trusted))).is_accepted());
    assert!(!Secure::auth(&server, Some(copy(&untrusted))).is_accepted());
}

/// `tls.client-required`
#[test]
fn client_required_refuses_clients_without_certificate() {
    let world = World::new();
    let trusted = client(&world, "ann");
    let text = "client-authority = \"clients.pem\"\nclient-required = true\nrequire = \"control\"";
    let server = world.start(&format!("{SELF_SIGNED}{text}"));
    assert!(!Secure::auth(&server, None).is_accepted());
    assert!(Secure::auth(&server, Some(copy(&trusted))).is_accepted());
}

/// `tls.client-login`
#[test]
fn client_login_accepts_certificate_for_password() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    let trusted = client(&world, "ann");
    for (login, code) in [(false, 331), (true, 232)] {
        let server = world.start(&format!(
            "{SELF_SIGNED}client-authority = \"clients.pem\"\nclient-login = {login}\n\
             [[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\""
        ));
        Secure::auth(&server, Some(copy(&trusted))).command("USER ann", code);
    }
}

#[test]
fn certificate_of_disabled_account_is_logged_as_failed_login() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret").unwrap();
    let trusted = client(&world, "ann");
    let server = world.start(&format!(
        "{SELF_SIGNED}client-authority = \"clients.pem\"\nclient-login = true\n\
         [[account]]\nname = \"ann\"\npassword-file = \"secret\"\nenabled = false"
    ));
    let mut control = Secure::auth(&server, Some(copy(&trusted)));
    for _ in 0..100 {
        control.command("USER ann", 331);
    }
    let line = ": Login failed for \"ann\" by certificate: the account is disabled";
    server.wait_for_log(line);
    // The log is rate limited: twenty lines at once, then one per second.
    assert!(server.log().matches(line).count() < 40);
}

/// `tls.allow-clear`
#[test]
fn allow_clear_enables_ccc() {
    let world = World::new();
    for (allow, code) in [(false, 533), (true, 200)] {
        let server = world.start(&format!("{SELF_SIGNED}allow-clear = {allow}"));
        let mut control = Secure::auth(&server, None);
        log_in(&mut control);
        control.command("CCC", code);
    }
}
