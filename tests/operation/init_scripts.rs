//! The files of the guide for init programs and build systems: their syntax, the init script with a real
//! server, and the makefiles with stand-ins for what they include.

#![cfg(feature = "daemon")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Control, binary, free_ports, installed, until};

const FEATURES: &str = include_str!("../../Cargo.toml");

fn guide(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/guide/init")
        .join(name)
}

fn text(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn page_names_every_file() {
    let page = fs::read_to_string(guide("../init.md")).unwrap();
    for file in fs::read_dir(guide("")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn scripts_have_no_syntax_errors() {
    for name in ["sysv.sh", "procd.sh", "runit.sh", "s6.sh"] {
        let output = Command::new("sh")
            .arg("-n")
            .arg(guide(name))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// The options in the scripts are those of the program, which accepts them up to the user and the port.
#[test]
fn scripts_use_options_that_exist() {
    for name in ["sysv.sh", "procd.sh", "runit.sh", "s6.sh"] {
        let script = fs::read_to_string(guide(name)).unwrap();
        let options = script
            .split_ascii_whitespace()
            .skip_while(|word| !word.contains("--"));
        let options: Vec<_> = options.filter(|word| word.starts_with("--")).collect();
        assert!(!options.is_empty(), "{name}");
        let help = Command::new(binary()).arg("--help").output().unwrap();
        for option in options {
            assert!(text(&help).contains(option), "{name}: {option}");
        }
    }
}

#[test]
fn init_script_starts_reloads_and_stops_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let port = free_ports();
    fs::write(path("f"), "content").unwrap();
    let settings = format!(
        "DAEMON={}\nPIDFILE={}\nOPTIONS=\"-l 127.0.0.1:{port} {}\"\n",
        binary().display(),
        path("pid").display(),
        directory.path().display()
    );
    fs::write(path("default"), settings).unwrap();
    let script = fs::read_to_string(guide("sysv.sh")).unwrap();
    assert!(script.contains("/etc/default/mioftpd"));
    let script = script.replace("/etc/default/mioftpd", path("default").to_str().unwrap());
    fs::write(path("script"), script).unwrap();
    fs::set_permissions(path("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let run = |action: &str| {
        Command::new("sh")
            .arg(path("script"))
            .arg(action)
            .output()
            .unwrap()
    };
    let succeeds = |action: &str| run(action).status.success();
    assert!(!succeeds("status") && succeeds("stop"));
    let output = run("start");
    assert!(output.status.success(), "{}", text(&output));
    let client = || Control::login(([127, 0, 0, 1], port).into());
    assert_eq!(client().retrieve("f"), b"content");
    assert!(succeeds("status") && succeeds("start") && succeeds("reload"));
    assert_eq!(client().retrieve("f"), b"content");
    assert!(succeeds("restart"));
    assert_eq!(client().retrieve("f"), b"content");
    assert!(succeeds("stop") && !succeeds("status"));
    assert_eq!(run("nonsense").status.code(), Some(2));
}

/// Runs make with a makefile that includes a file of the guide, and has what it needs.
fn make(surroundings: &str, variables: &[&str]) -> Option<String> {
    let directory = tempfile::tempdir().unwrap();
    for name in [
        "rules.mk",
        "package.mk",
        "feeds/packages/lang/rust/rust-package.mk",
    ] {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    fs::write(directory.path().join("Makefile"), surroundings).unwrap();
    let mut make = installed("make")?;
    let top = format!("TOPDIR={}", directory.path().display());
    let include = format!("INCLUDE_DIR={}", directory.path().display());
    let make = make
        .args(["--warn-undefined-variables", "-n", "-C"])
        .arg(directory.path());
    let output = make.args([top, include]).args(variables).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    Some(text(&output))
}

/// Asserts that the package has these features.
fn have_features(words: &str) {
    for word in words.split_ascii_whitespace() {
        assert!(FEATURES.contains(&format!("\n{word} = [")), "{word}");
    }
}

#[test]
fn buildroot_package_builds_with_the_chosen_features() {
    let surroundings = format!(
        "INSTALL = install\nTARGET_DIR = target\n\
         cargo-package = $(info features: $(MIOFTPD_FEATURES-y))\
         $(info options: $(MIOFTPD_CARGO_INSTALL_OPTS))\n\
         include {}\n\
         all:\n\t$(MIOFTPD_INSTALL_INIT_SYSV)\n",
        guide("buildroot.mk").display()
    );
    let variables = [
        "BR2_PACKAGE_MIOFTPD_TLS=y",
        "BR2_PACKAGE_MIOFTPD_CONFIG=y",
        "BR2_PACKAGE_MIOFTPD_HASHES=y",
        "BR2_EXTERNAL_DEVICE_PATH=/device",
    ];
    let Some(printed) = make(&surroundings, &variables) else {
        return;
    };
    let features = "daemon sandbox tls config hashed-passwords";
    have_features(features);
    assert!(
        printed.contains(&format!("features: {features}")),
        "{printed}"
    );
    let options = format!("options: --no-default-features --features \"{features}\"");
    assert!(printed.contains(&options), "{printed}");
    assert!(printed.contains("install -D -m 0755"), "{printed}");
    let choices = fs::read_to_string(guide("Config.in")).unwrap();
    for variable in &variables[..3] {
        let name = variable.trim_end_matches("=y");
        assert!(choices.contains(&format!("config {name}\n")), "{name}");
    }
}

#[test]
fn openwrt_package_installs_program_and_script() {
    let surroundings = format!(
        "RUST_ARCH_DEPENDS =\nINSTALL_DIR = install -d\nINSTALL_BIN = install -m 755\n\
         PKG_INSTALL_DIR = built\nPKG_BUILD_DIR = source\nCARGO_PKG_ARGS =\nCARGO_PKG_VARS =\n\
         RustBinPackage = $(info features: $(RUST_PKG_FEATURES))\n\
         BuildPackage = $(info package: $(1) $(PKG_VERSION))\n\
         include {}\n\
         all:\n\t$(call Package/mioftpd/install,root)\n",
        guide("openwrt.mk").display()
    );
    let Some(printed) = make(&surroundings, &[]) else {
        return;
    };
    let (_, features) = printed.split_once("features: ").unwrap();
    have_features(features.lines().next().unwrap());
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        printed.contains(&format!("package: mioftpd {version}")),
        "{printed}"
    );
    assert!(
        printed.contains("source/src/guide/init/procd.sh root/etc/init.d/mioftpd"),
        "{printed}"
    );
}

#[test]
fn versions_of_the_packages_are_that_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, line) in [
        ("buildroot.mk", "MIOFTPD_VERSION = "),
        ("openwrt.mk", "PKG_VERSION:="),
    ] {
        let text = fs::read_to_string(guide(file)).unwrap();
        assert!(text.contains(&format!("{line}{version}\n")), "{file}");
    }
}

/// So that the supervisor sees its end.
#[test]
fn runit_script_keeps_the_server_in_the_foreground() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("f"), "content").unwrap();
    let script = fs::read_to_string(guide("runit.sh")).unwrap();
    let port = free_ports();
    let own = format!(
        "{} -l 127.0.0.1:{port} {}",
        binary().display(),
        directory.path().display()
    );
    let line = "/usr/bin/mioftpd --run-as ftp -l 0.0.0.0:21 /srv/files";
    assert!(script.contains(line));
    let script = script.replace(line, &own);
    fs::write(directory.path().join("run"), script).unwrap();
    let mut process = Command::new("sh");
    let mut process = process.arg(directory.path().join("run")).spawn().unwrap();
    let address = ([127, 0, 0, 1], port).into();
    until("the port", || std::net::TcpStream::connect(address).ok());
    assert_eq!(Control::login(address).retrieve("f"), b"content");
    // The shell has become the server.
    let name = fs::read_to_string(format!("/proc/{}/comm", process.id())).unwrap();
    assert_eq!(name, "mioftpd\n");
    process.kill().unwrap();
    process.wait().unwrap();
}
