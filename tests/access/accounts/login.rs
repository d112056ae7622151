//! The conditions of login, and the settings of an account.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mioftpd::{Account, Accounts, Permissions, Umask};

use crate::accounts::TestServer;
use crate::support::until;

fn ann() -> Account {
    Account::with_password("ann", "secret")
}

/// The reply code of PASS.
fn login_code(account: Account) -> u16 {
    let server = TestServer::with_accounts(Accounts::new().with(account));
    let mut control = server.connect();
    control.command("USER ann", 331);
    control.send("PASS secret");
    control.reply().code
}

#[test]
fn denied_login_has_the_reply_of_a_wrong_password() {
    assert_eq!(login_code(ann()), 230);
    let changes: [fn(&mut Account); 4] = [
        |account| account.enabled = false,
        |account| account.expires = Some(1_000_000_000),
        |account| account.addresses = vec!["192.0.2.0/24".parse().unwrap()],
        |account| account.secret = Account::with_password("ann", "other").secret,
    ];
    for change in changes {
        let mut account = ann();
        change(&mut account);
        assert_eq!(login_code(account), 530);
    }
}

#[test]
fn session_limit_of_an_account_is_enforced() {
    let mut account = ann();
    account.sessions = Some(1);
    let server = TestServer::with_accounts(Accounts::new().with(account));
    let mut first = server.log_in("ann", "secret");
    let mut second = server.connect();
    second.command("USER ann", 331);
    second.command("PASS secret", 421);
    second.expect_end();

    // The session ends with REIN, and with its connection.
    first.command("REIN", 220);
    drop(server.log_in("ann", "secret"));
    until("the end of the closed session", || {
        let mut control = server.connect();
        control.command("USER ann", 331);
        control.send("PASS secret");
        (control.reply().code == 230).then_some(())
    });
}

#[test]
fn account_has_its_own_greeting_directory_and_umask() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("hers"), "1").unwrap();
    let mut account = ann();
    account.greeting = Some("Hello Ann.\n230 is not over.\nNow.".to_owned());
    account.root = Some(home.path().into());
    account.umask = Umask::new(0o077);
    let accounts = Accounts::new().with(account);
    let server = TestServer::with_accounts(accounts.with(Account::anonymous(Permissions::ALL)));
    fs::write(server.path().join("public"), "2").unwrap();

    let mut control = server.connect();
    control.command("USER ann", 331);
    let greeting = control.command("PASS secret", 230);
    assert_eq!(
        greeting.lines,
        ["230-Hello Ann.", " 230 is not over.", "230 Now."]
    );
    control.command("TYPE I", 200);
    assert_eq!(control.retrieve("hers"), b"1");
    control.store("new", b"x");
    control.command("MKD made", 257);
    control.command("SIZE public", 550);
    control.command("SITE UMASK", 200);
    let mode = |name: &str| {
        home.path()
            .join(name)
            .metadata()
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!((mode("new") & 0o777, mode("made") & 0o777), (0o600, 0o700));

    // Another login on the same connection, with another directory.
    control.log_in("anonymous", "x");
    assert_eq!(control.retrieve("public"), b"2");
    control.command("SIZE hers", 550);
    control.store("new", b"y");
    assert_eq!(fs::read(server.path().join("new")).unwrap(), b"y");
}

#[test]
fn missing_account_directory_fails_at_startup() {
    let mut account = ann();
    account.root = Some("/nowhere/at/all".into());
    let config = mioftpd::Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        root: Some(std::env::temp_dir()),
        accounts: Accounts::new().with(account),
        ..mioftpd::Config::default()
    };
    let error = mioftpd::Server::bind(config).err().unwrap().to_string();
    assert!(error.contains("/nowhere/at/all"), "{error}");
}

#[test]
fn rate_limit_keeps_content_and_allows_abor() {
    let mut account = ann();
    (account.rate_up, account.rate_down) = (Some(1_000_000), Some(1_000_000));
    let slow = Account {
        name: b"bob".to_vec(),
        rate_up: Some(1000),
        rate_down: Some(1000),
        ..account.clone()
    };
    let server = TestServer::with_accounts(Accounts::new().with(account).with(slow));
    let content: Vec<u8> = (0..250_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let mut control = server.log_in("ann", "secret");
    control.store("f", &content);
    assert_eq!(fs::read(server.path().join("f")).unwrap(), content);
    assert_eq!(control.retrieve("f"), content);

    let mut control = server.log_in("bob", "secret");
    let data = control.passive();
    control.command("RETR f", 150);
    control.command("STAT", 211);
    control.command("ABOR", 426);
    control.expect(226);
    drop(data);
    control.command("NOOP", 200);
}

#[cfg(feature = "quotas")]
#[test]
fn quota_counts_existing_files_and_uploads() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("old"), [b'o'; 600]).unwrap();
    let mut account = ann();
    account.root = Some(home.path().into());
    account.quota_bytes = Some(1000);
    let server = TestServer::with_accounts(Accounts::new().with(account));
    let mut control = server.log_in("ann", "secret");
    let mut store = |path: &str, size: usize| {
        let data = control.passive();
        control.command(&format!("STOR {path}"), 150);
        data.send(&vec![b'n'; size]);
        control.expect_one_of(&[226, 552]).code
    };
    // The files are counted during the login.
    assert_eq!(store("new", 400), 226);
    assert_eq!(store("old", 601), 552);
    assert_eq!(fs::read(home.path().join("old")).unwrap(), [b'o'; 600]);
    assert_eq!(store("old", 600), 226);
    assert_eq!(store("one", 1), 552);
    control.command("DELE new", 250);
    control.command("ALLO 401", 552);
    control.command("ALLO 400", 200);
}

/// A temporary file, as a killed server leaves it.
const TEMPORARY: &str = ".mioftpd-0123456789abcdef.tmp";

#[test]
fn temporary_files_are_swept_in_writable_directories_only() {
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [mut writer, mut reader] = [ann(), Account::anonymous(Permissions::READ)];
    for (account, home) in [&mut writer, &mut reader].into_iter().zip(&homes) {
        account.root = Some(home.path().into());
        fs::write(home.path().join(TEMPORARY), "").unwrap();
    }
    let server = TestServer::with_accounts(Accounts::new().with(writer).with(reader));
    let [writable, read_only] = homes.map(|home| (home.path().join(TEMPORARY), home));
    until("the sweep", || (!writable.0.exists()).then_some(()));
    assert!(read_only.0.exists());
    drop(server);
}
