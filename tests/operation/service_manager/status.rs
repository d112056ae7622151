//! Errors of a reload that is otherwise in force stay in the status until they are corrected.

use std::process::Stdio;

use rustix::process::Signal;

use crate::service_manager::{Manager, Service, address_in};
use crate::support::{Control, mioftpd, until};

#[test]
fn log_that_cannot_be_reopened_is_in_the_status() {
    let manager = Manager::new();
    let path = |name: &str| manager.directory.path().join(name);
    std::fs::create_dir(path("logs")).unwrap();
    std::fs::create_dir(path("root")).unwrap();
    let good = "listen = \"127.0.0.1:0\"\ndirectory = \"root\"\n[log]\ntransfers = \"logs/xferlog\"\n\
                [[account]]\nname = \"anonymous\"\npermissions = \"all\"\n";
    std::fs::write(path("config.toml"), good).unwrap();
    let mut command = mioftpd(["--config".as_ref(), path("config.toml").as_os_str()]);
    command
        .env("NOTIFY_SOCKET", path("notify"))
        .stderr(Stdio::null());
    let service = Service(command.spawn().unwrap());
    let mut control = Control::connect(address_in(&manager.expect("READY=1")));
    control.log_in("anonymous", "x");
    let reload = || manager.reload(&service);
    // The log is renamed, and a directory takes its name.
    std::fs::rename(path("logs/xferlog"), path("logs/old")).unwrap();
    std::fs::create_dir(path("logs/xferlog")).unwrap();
    let status = reload();
    assert!(
        status.starts_with("Serving at 127.0.0.1:")
            && status
                .contains("/logs/xferlog: Is a directory. Its records continue to go to the file"),
        "{status}"
    );
    control.store("f", b"x");
    until("the line", || {
        let text = std::fs::read_to_string(path("logs/old")).unwrap();
        text.contains(" /f ").then_some(())
    });
    // Other errors are reported besides.
    std::fs::write(path("config.toml"), "workers = \"x\"").unwrap();
    let status = reload();
    assert!(
        status.contains("The old configuration stays")
            && status.contains("/logs/xferlog: Is a directory"),
        "{status}"
    );
    std::fs::write(path("config.toml"), good).unwrap();
    std::fs::remove_dir(path("logs/xferlog")).unwrap();
    let status = reload();
    assert!(
        !status.contains("xferlog") && !status.contains("stays"),
        "{status}"
    );
    assert!(path("logs/xferlog").is_file());
}

#[test]
#[cfg(feature = "tls")]
fn bad_certificate_is_in_the_status() {
    let manager = Manager::new();
    let authority = crate::support::certificates::Authority::new();
    let identity = authority.server("localhost");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| manager.directory.path().join(name));
    std::fs::copy(&identity.certificate_file, &cert).unwrap();
    std::fs::copy(&identity.key_file, &key).unwrap();
    let mut command = mioftpd(["--listen", "127.0.0.1:0", "--tls-cert"]);
    command
        .arg(&cert)
        .arg("--tls-key")
        .arg(&key)
        .arg(manager.directory.path())
        .env("NOTIFY_SOCKET", manager.directory.path().join("notify"))
        .stderr(Stdio::null());
    let service = Service(command.spawn().unwrap());
    manager.expect("READY=1");
    for (content, is_bad) in [
        (b"no key".to_vec(), true),
        (std::fs::read(&identity.key_file).unwrap(), false),
    ] {
        std::fs::write(&key, content).unwrap();
        service.signal(Signal::HUP);
        manager.expect("RELOADING=1");
        let message = manager.expect("READY=1");
        assert_eq!(
            message.contains("The old certificate stays"),
            is_bad,
            "{message}"
        );
    }
}
