//! What of a reload went wrong, though the rest of it is in force, is in the status until all is well again.

use std::process::Stdio;

use rustix::process::Signal;

use crate::support::{Control, mioftpd, until};
use crate::{Manager, Service, address_in};

#[test]
fn a_log_that_cannot_be_opened_again_is_in_the_status_until_it_can() {
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
    let mut control = Control::connect(address_in(&manager.hears("READY=1")));
    control.log_in("anonymous", "x");
    let reload = || manager.reloads(&service);
    // It was renamed, and what has its name is no file.
    std::fs::rename(path("logs/xferlog"), path("logs/old")).unwrap();
    std::fs::create_dir(path("logs/xferlog")).unwrap();
    let said = reload();
    assert!(
        said.starts_with("Serving at 127.0.0.1:")
            && said
                .contains("/logs/xferlog: Is a directory. Its records continue to go to the file"),
        "{said}"
    );
    control.store("f", b"x");
    until("the line", || {
        let text = std::fs::read_to_string(path("logs/old")).unwrap();
        text.contains(" /f ").then_some(())
    });
    // Whatever else is wrong is said too.
    std::fs::write(path("config.toml"), "workers = \"x\"").unwrap();
    let said = reload();
    assert!(
        said.contains("The old configuration stays") && said.contains("/logs/xferlog again"),
        "{said}"
    );
    std::fs::write(path("config.toml"), good).unwrap();
    std::fs::remove_dir(path("logs/xferlog")).unwrap();
    let said = reload();
    assert!(!said.contains("again") && !said.contains("stays"), "{said}");
    assert!(path("logs/xferlog").is_file());
}

#[test]
#[cfg(feature = "tls")]
fn a_bad_certificate_is_in_the_status_until_a_good_one() {
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
    manager.hears("READY=1");
    for (content, is_bad) in [
        (b"no key".to_vec(), true),
        (std::fs::read(&identity.key_file).unwrap(), false),
    ] {
        std::fs::write(&key, content).unwrap();
        service.signal(Signal::HUP);
        manager.hears("RELOADING=1");
        let message = manager.hears("READY=1");
        assert_eq!(
            message.contains("The old certificate stays"),
            is_bad,
            "{message}"
        );
    }
}
