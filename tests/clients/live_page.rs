//! The live page of the status service in Chromium, which a script drives: `with_chromium.py`.
//!
//! The script starts the server itself, since the page must survive its restart.

use super::programs::{client, script, succeeds};

#[test]
fn page_follows_the_server_in_chromium() {
    if client("chromium").is_none() {
        return;
    }
    let Some(mut python) = client("python3") else {
        return;
    };
    python.arg(script("with_chromium.py"));
    succeeds(python.arg(env!("CARGO_BIN_EXE_mioftpd")));
}
