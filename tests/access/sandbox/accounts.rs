//! Accounts in a confined server: own directories, password hashes and quotas work.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use mioftpd::{Account, Accounts, Config, Permissions, Secret, Server, sandbox};

use super::inside::{HOLDS, INSIDE, holds};
use crate::support::Control;

/// The hash of `secret`, with the lowest cost.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

#[test]
fn account_directories_work_in_the_sandbox() {
    if mioftpd::internals::auth::IS_BUILT_IN {
        holds("accounts::serving");
    }
}

fn config(directory: &Path) -> Config {
    let mut ann = Account::new("ann", Secret::hashed(HASH).unwrap(), Permissions::ALL);
    ann.root = Some(directory.join("open"));
    ann.quota_bytes = Some(1000);
    let mut eve = Account::with_password("eve", "secret");
    eve.root = Some(directory.join("closed"));
    eve.permissions = Permissions::READ;
    Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        root: Some(directory.join("open")),
        accounts: Accounts::new().with(ann).with(eve),
        ..Config::default()
    }
}

#[test]
#[ignore = "started by another test"]
fn serving() {
    let Some(directory) = std::env::var_os(INSIDE).map(PathBuf::from) else {
        return;
    };
    let config = config(&directory);
    let (sender, address) = mpsc::channel();
    // This thread is the client and is not confined.
    std::thread::spawn(move || {
        let plan = config.plan();
        let mut server = Server::bind(config).unwrap();
        sandbox::enforce(&plan).unwrap();
        sender.send(server.addresses()[0]).unwrap();
        server.run().unwrap();
    });
    let mut control = Control::connect(address.recv().unwrap());
    control.log_in("ann", "secret");
    control.command("TYPE I", 200);
    control.store("new", b"content");
    assert_eq!(control.retrieve("new"), b"content");
    control.command("ALLO 1000", 552);
    control.log_in("eve", "secret");
    assert_eq!(control.retrieve("f"), b"");
    assert_eq!(fs::read(directory.join("open/new")).unwrap(), b"content");
    println!("{HOLDS}");
}
