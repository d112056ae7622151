//! The server's own times against those of a client: of the same commands, the client's are longer.
//!
//! Only the order is asserted, and the number of commands: how long they take is the machine's.

use std::time::Instant;

use crate::config::world::World;
use crate::status::client::{Http, listening};

const NOOPS: usize = 3000;

/// What the middle of a range of the histogram is off a duration in it: less than one per cent.
const ERROR: f64 = 1.01;

/// Seconds that this part of them, in per cent, do not exceed.
fn percentile(times: &[f64], part: usize) -> f64 {
    times[(times.len() * part).div_ceil(100) - 1]
}

#[test]
fn service_times_are_not_above_those_of_the_client() {
    let world = World::new();
    let server = world.start("[status]\nlisten = \"127.0.0.1:0\"");
    let mut times = Vec::new();
    let mut control = server.connect();
    let mut run = |command: &str, code| {
        let sent = Instant::now();
        control.command(command, code);
        times.push(sent.elapsed().as_secs_f64());
    };
    run("USER anonymous", 331);
    run("PASS tests@example.org", 230);
    for _ in 0..NOOPS {
        run("NOOP", 200);
    }
    times.sort_by(f64::total_cmp);

    // The last reply may be here before its turn has ended. The turn of the request ends behind that.
    let stats = Http::connect(listening(&server)[0]).get("/stats").json();
    let service = &stats["metrics"]["command_seconds"]["samples"][0];
    assert_eq!(service["count"], times.len(), "{service}");
    for (name, part) in [("p50", 50), ("p99", 99)] {
        let (own, of_client) = (service[name].as_f64().unwrap(), percentile(&times, part));
        assert!(
            own > 0.0 && own <= of_client * ERROR,
            "{name}: {own} s by the server, {of_client} s by the client"
        );
    }
}
