//! Runs the commands of the README: each server starts, each client command succeeds, and the
//! configuration file works.
//!
//! Addresses, ports and paths are replaced by those of the test; all other words are used verbatim.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::certificates::Authority;
use crate::support::{Server, Starter};

const README: &str = include_str!("../../README.md");

/// The lines of the shell blocks, without comments.
fn commands() -> Vec<&'static str> {
    let blocks = README.split("```sh\n").skip(1);
    let code = blocks.filter_map(|rest| rest.split("```").next());
    code.flat_map(str::lines)
        .map(|line| line.split(" #").next().unwrap().trim())
        .filter(|line| !line.is_empty())
        .collect()
}

/// The arguments of the commands that start a server without a configuration file.
fn servers() -> Vec<Vec<&'static str>> {
    let starts = ["cargo run --release -- ", "mioftpd "];
    let lines = commands();
    let arguments = lines.iter().filter_map(|line| {
        let found = starts.iter().find_map(|start| line.strip_prefix(start));
        let arguments = found.filter(|arguments| !arguments.contains("--config"));
        arguments.map(|arguments| arguments.split_whitespace().collect())
    });
    arguments.collect()
}

/// Starts a server with these arguments, on the ports, directory and files of the test.
fn start(arguments: &[&str]) -> Server {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret\n").unwrap();
    let state = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let identity = authority.server("localhost");
    let (_, options) = arguments.split_last().unwrap();
    let mut starter = Starter::default().listen("127.0.0.1:0").serving(fill);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let file = match *option {
            "-l" | "--listen" => None,
            "--tls-listen" => {
                starter = starter.listen_for_tls("127.0.0.1:0");
                None
            }
            "--password-file" => Some(secret.path()),
            "--tls-cert" => Some(identity.certificate_file.as_path()),
            "--tls-key" => Some(identity.key_file.as_path()),
            "--state-dir" => Some(state.path()),
            other => {
                starter = starter.argument(other);
                continue;
            }
        };
        options.next().unwrap();
        if let Some(file) = file {
            starter = starter.argument(*option).argument(file);
        }
    }
    starter.start()
}

/// Creates the files that the client commands name.
fn fill(root: &Path) {
    for name in ["README.md", "Cargo.toml"] {
        fs::write(root.join(name), name).unwrap();
    }
}

#[test]
fn readme_server_commands_start() {
    let servers = servers();
    assert!(servers.len() >= 3, "{servers:?}");
    for arguments in servers {
        if !cfg!(feature = "tls") && arguments.iter().any(|one| one.starts_with("--tls-")) {
            continue;
        }
        let server = start(&arguments);
        server.connect().command("QUIT", 221);
    }
}

#[test]
fn readme_client_commands_work() {
    let lines = commands();
    let clients: Vec<_> = lines.iter().filter(|l| l.starts_with("curl ")).collect();
    assert!(clients.len() >= 3, "{clients:?}");
    let required = std::env::var_os("MIOFTPD_REQUIRE_CLIENTS").is_some_and(|value| value == "1");
    if Command::new("curl").arg("--version").output().is_err() {
        assert!(!required, "curl is required, and not installed");
        return eprintln!("skipped: curl is not installed");
    }
    let server = start(&servers()[0]);
    let here = tempfile::tempdir().unwrap();
    fill(here.path());
    for line in clients {
        let line = line.replace("127.0.0.1:2121", &server.address().to_string());
        let status = Command::new("curl")
            .args(line.split_whitespace().skip(1))
            .arg("--silent")
            .current_dir(here.path())
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{line}");
    }
    let copy = fs::read(server.file("copy")).unwrap();
    assert_eq!(copy, fs::read(here.path().join("Cargo.toml")).unwrap());
}

/// The `--config` commands, with the configuration file of the README.
#[test]
#[cfg(feature = "config")]
fn readme_configuration_file_works() {
    let block = README.split("```toml\n").nth(1).unwrap();
    let shown = block.split("```").next().unwrap();
    let here = tempfile::tempdir().unwrap();
    fill(here.path());
    let text = shown
        .replace("/srv/files", here.path().to_str().unwrap())
        .replace("/srv/ann", here.path().to_str().unwrap())
        .replace(
            "/etc/mioftpd/ann.password",
            here.path().join("README.md").to_str().unwrap(),
        )
        .replace("0.0.0.0:21", "127.0.0.1:0");
    let file = here.path().join("mioftpd.toml");
    fs::write(&file, text).unwrap();

    let lines = commands();
    let uses: Vec<_> = lines.iter().filter(|l| l.contains("--config ")).collect();
    assert!(uses.len() >= 2, "{uses:?}");
    for line in uses {
        let words = line.split_whitespace().skip(1);
        let words = words.map(|word| match word {
            "/etc/mioftpd/mioftpd.toml" => file.to_str().unwrap(),
            word => word,
        });
        let words: Vec<_> = words.collect();
        if words.contains(&"--check") {
            let output = crate::support::mioftpd(&words).output().unwrap();
            assert!(output.status.success(), "{line}: {output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("ports = \"50000-50100\""));
        } else {
            let program = [crate::support::binary()].into_iter();
            let words = program.chain(words.into_iter().map(Into::into));
            let server = Starter::default().program(words).start();
            assert_eq!(server.login().retrieve("README.md"), b"README.md");
            server.connect().log_in("ann", "README.md");
        }
    }
}

/// README, guide, scripts and the example name one file; fail2ban has one of its own for mioftpd.
#[test]
fn pages_name_one_configuration_file() {
    const NAME: &str = "/etc/mioftpd/mioftpd.toml";
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide");
    let files = |directory: &Path| {
        fs::read_dir(directory)
            .unwrap()
            .map(|file| file.unwrap().path())
    };
    let pages = files(&guide)
        .chain(files(&guide.join("init")))
        .filter(|path| path.is_file());
    let mut found = 0;
    for page in pages
        .map(|page| fs::read_to_string(page).unwrap())
        .chain([README.to_owned()])
    {
        let is_of_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        for word in page.split(|c| !is_of_path(c)) {
            let word = word.trim_end_matches('.');
            let is_file = ["mioftpd.toml", "mioftpd.conf"]
                .iter()
                .any(|end| word.ends_with(end));
            if is_file && !word.contains("fail2ban/") {
                assert_eq!(word, NAME);
                found += 1;
            }
        }
        assert!(!page.contains("/etc/mioftpd."), "a file beside {NAME}");
    }
    assert!(found >= 5, "{found}");
}
