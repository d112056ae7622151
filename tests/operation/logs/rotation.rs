//! logrotate with the guide's rules: records after a rotation go to the new files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::logs::installed;
use crate::logs::world::World;
use crate::support::until;

const LOGS: [&str; 3] = ["xferlog", "transfers.json", "audit.json"];

/// The guide's rules with the paths and the process id of the test.
fn rules(logs: &Path, process: u32) -> String {
    let text = include_str!("../../../src/guide/logrotate.conf");
    let text = text.replace("/var/log/mioftpd", logs.to_str().unwrap());
    let signal = "systemctl kill --kill-whom=main --signal=HUP mioftpd.service";
    assert!(text.contains(signal));
    text.replace(signal, &format!("kill -HUP {process}"))
}

fn contains(file: &Path, needle: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.contains(needle))
}

#[test]
fn logrotate_with_the_guides_rules_loses_no_line() {
    let Some(mut logrotate) = installed("logrotate") else {
        return;
    };
    let world = World::new();
    let logs = world.path("logs");
    fs::create_dir(&logs).unwrap();
    let server = world.start(
        "[log]\ntransfers = \"logs/xferlog\"\ntransfers-json = \"logs/transfers.json\"\n\
         audit-json = \"logs/audit.json\"",
    );
    let file = |name: &str| -> PathBuf { logs.join(name) };
    let mut control = server.login();
    control.store("before", b"x");
    for name in LOGS {
        until("a line", || contains(&file(name), "/before").then_some(()));
    }
    fs::write(world.path("rules"), rules(&logs, server.process_id())).unwrap();
    let output = logrotate
        .args(["--force", "--state"])
        .args([world.path("state"), world.path("rules")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for name in LOGS {
        server.wait_for_log(&format!("Reopened the log {}", file(name).display()));
    }
    control.store("after", b"x");
    for name in LOGS {
        until("a line", || contains(&file(name), "/after").then_some(()));
        assert!(!contains(&file(name), "/before"), "{name}");
        let old = file(&format!("{name}.1"));
        assert!(
            contains(&old, "/before") && !contains(&old, "/after"),
            "{name}"
        );
    }
}
