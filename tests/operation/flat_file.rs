//! The configuration file as a build without the Cargo feature `config` reads it: a key on a line. All builds
//! read such a file in the same way.

#![cfg(feature = "settings")]

use std::fs;
use std::net::Ipv4Addr;

use crate::support::{Control, Server, Starter, binary, connect_from, mioftpd, until};

/// Limits, durability, time-outs and two accounts, without a table of the server.
const FLAT: &str = "\
# A drop box for cameras.
directory = \"root\"
listen = [\"127.0.0.1:0\"]   # any port
limits.connections-per-address = 2
limits.memory = \"64MiB\"
storage.durability = \"fsync\"
timings.idle = \"7m\"
passive.ports = \"20000-60000\"

[[account]]
name = \"camera\"
password-file = \"secret\"
permissions = [\"list\", \"create\"]

[[account]]
name = 'ann'
password-file = \"secret\"
permissions = \"all\"
directory = \"ann\"
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in ["root", "ann"] {
            fs::create_dir(folder.0.path().join(name)).unwrap();
        }
        fs::write(folder.0.path().join("secret"), "a secret\n").unwrap();
        folder.write(text);
        folder
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("mioftpd.toml")
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    fn start(&self) -> Server {
        let program = [binary(), "--config".into(), self.file().into()];
        Starter::default().program(program).start()
    }
}

fn log_in(server: &Server, from: Ipv4Addr, name: &str) -> Control {
    let mut control = Control::over(connect_from(from, server.address()).unwrap());
    control.expect(220);
    control.log_in(name, "a secret");
    control
}

#[test]
fn limits_accounts_and_time_outs_of_a_flat_file_are_in_force() {
    let folder = Folder::new(FLAT);
    let server = folder.start();
    let mut camera = log_in(&server, Ipv4Addr::LOCALHOST, "camera");
    camera.store("picture", b"taken");
    camera.command("DELE picture", 550);
    let reply = camera.command("SITE IDLE", 200);
    assert!(reply.text().contains("420 seconds"), "{reply:?}");
    let mut ann = log_in(&server, Ipv4Addr::LOCALHOST, "ann");
    ann.command("SIZE picture", 550);
    ann.store("f", b"of ann");
    assert_eq!(fs::read(folder.0.path().join("ann/f")).unwrap(), b"of ann");
    let address = server.address();
    let third = connect_from(Ipv4Addr::LOCALHOST, address).unwrap();
    Control::over(third).expect(421);
    // A reload reads the file again; one with a mistake changes nothing.
    folder.write(&FLAT.replace("7m", "7 weeks"));
    server.hang_up();
    server.wait_for_log("The old configuration stays in force: ");
    server.wait_for_log("mioftpd.toml:7:16: timings.idle: invalid value \"7 weeks\"; write a time");
    folder.write(&FLAT.replace("7m", "8m"));
    server.hang_up();
    until("the reload", || {
        server.log().contains("was read again").then_some(())
    });
    let reply = camera.command("SITE IDLE", 200);
    assert!(reply.text().contains("480 seconds"), "{reply:?}");
}

#[test]
fn drop_box_of_the_guide_takes_pictures_and_nothing_else() {
    let text = include_str!("../../src/guide/camera.toml");
    let text = [
        ("/srv/camera", "root"),
        ("0.0.0.0:21", "127.0.0.1:0"),
        ("50000-50009", "20000-60000"),
        ("/etc/mioftpd/camera.password", "secret"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (there, here)| {
        assert!(text.contains(there), "{there}");
        text.replace(there, here)
    });
    let folder = Folder::new(&text);
    let server = folder.start();
    let mut camera = log_in(&server, Ipv4Addr::LOCALHOST, "camera");
    camera.store("picture", b"taken");
    let stored = fs::read(folder.0.path().join("root/picture")).unwrap();
    assert_eq!(stored, b"taken");
    for command in ["RETR picture", "LIST", "DELE picture", "RNFR picture"] {
        camera.command(command, 550);
    }
}

#[test]
fn mistake_in_a_flat_file_exits_2_with_position_and_remedy() {
    for (text, message) in [
        (
            "limits.memory = \"4MiB\"\nlimits.memory = \"5MiB\"\n",
            ":2:",
        ),
        (
            "limits.memori = 1\n",
            ":1:8: unknown key limits.memori; [limits] has connections",
        ),
        (
            "limits.memory = \"\"\n",
            ":1:17: limits.memory: invalid value \"\"; write a size",
        ),
        (
            "limits.memory = \"12Q\"\n",
            ":1:17: limits.memory: invalid value \"12Q\"; write a size such as",
        ),
        (
            "workers = 65\n",
            ":1:11: workers: invalid value 65; write a number from 0 to 64",
        ),
        ("limits.memory\n", ":1:"),
    ] {
        let folder = Folder::new(text);
        let output = mioftpd(["--config".as_ref(), folder.file().as_os_str()])
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(&format!("mioftpd.toml{message}")), "{error}");
    }
}
