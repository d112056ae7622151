//! The results: as a table for people, JSON or CSV for programs.
//!
//! Times in JSON and CSV are in seconds. A password is in none of them. It must not know how they were
//! measured.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::measure::percentile;
use super::pacing::Arrivals;
use super::plan::{Format, Lane, Plan, Workload};
use super::process::Usage;
use super::results::{Results, Row};
use crate::protocol::json_text::JsonText;

const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("p99.99", 99.99),
];

/// What is printed.
pub(super) fn text(plan: &Plan, results: &Results) -> String {
    match plan.format {
        Format::Table => table(plan, results),
        Format::Json => json(plan, results),
        Format::Csv => csv(plan, results),
    }
}

/// Percentiles, the greatest time and the mean, by their names.
fn times(times: &Histogram<u64>) -> Vec<(&'static str, Duration)> {
    let percentiles = PERCENTILES
        .iter()
        .map(|(name, percent)| (*name, percentile(times, *percent)));
    let mean = Duration::from_secs_f64(times.mean() / 1e9);
    let greatest = Duration::from_nanos(times.max());
    percentiles
        .chain([("max", greatest), ("mean", mean)])
        .collect()
}

fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

fn table(plan: &Plan, results: &Results) -> String {
    let mut out = String::new();
    let seconds = results.time.as_secs_f64();
    // Writing to memory does not fail.
    let (address, work) = (results.address, work(plan));
    let _ = writeln!(out, "{address}: {work}, {seconds:.2} s");
    let is_alone = results.rows.len() == 1;
    for row in &results.rows {
        out.push('\n');
        if !is_alone {
            let _ = writeln!(out, "{}", row.name);
        }
        out.push_str(&row_table(row, results.time));
    }
    let _ = writeln!(out, "\nerrors    {:>12}", results.errors.all());
    for (kind, count) in &results.errors.kinds {
        let _ = writeln!(out, "  {count} {kind}");
    }
    if let Some(first) = &results.errors.first {
        let _ = writeln!(out, "  the first: {first}");
    }
    if let Some(usage) = results.usage {
        out.push_str(&used(plan, usage, count(results)));
    } else if let Some(pid) = plan.pid {
        let _ = writeln!(out, "\nprocess {pid}: it has ended, and was not measured");
    }
    out
}

/// What was asked for, in words.
pub(super) fn work(plan: &Plan) -> String {
    let of_lane = |lane: &Lane| {
        let mut text = lane.workload.name().to_owned();
        if let Workload::Rate(rate) = lane.workload {
            let arrivals = match plan.arrivals {
                Arrivals::Constant => "constant",
                Arrivals::Poisson => "Poisson",
            };
            let _ = write!(text, " {rate}/s ({arrivals})");
        }
        let s = if lane.connections == 1 { "" } else { "s" };
        let _ = write!(text, " on {} connection{s}", lane.connections);
        if matches!(lane.workload, Workload::Noop | Workload::Rate(_)) {
            let _ = write!(text, " of depth {}", plan.depth);
        }
        text
    };
    let lanes: Vec<_> = plan.lanes.iter().map(of_lane).collect();
    lanes.join(", beside ")
}

fn row_table(row: &Row, time: Duration) -> String {
    let (measure, mut out) = (&row.measure, String::new());
    let count = measure.all.len();
    let rate = per_second(count, time);
    let _ = writeln!(out, "{:<9} {count:>12}  {rate:>12.1}/s", "done");
    for (name, bytes) in [("sent", measure.sent), ("received", measure.received)] {
        let rate = per_second(bytes, time) / 1e6;
        let _ = writeln!(out, "{name:<9} {bytes:>12} B {rate:>11.3} MB/s");
    }
    let times = times(&measure.all);
    let row = |cells: Vec<String>| {
        let cells = cells.iter().map(|cell| format!("{cell:>9}"));
        cells.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    let names = times.iter().map(|(name, _)| (*name).to_owned());
    let _ = writeln!(out, "{}", row(names.collect()));
    let shown = times.iter().map(|(_, time)| shown(*time));
    let _ = writeln!(out, "{}", row(shown.collect()));
    out
}

/// All that was done.
fn count(results: &Results) -> u64 {
    results.rows.iter().map(|row| row.measure.all.len()).sum()
}

/// A time with three digits.
pub(super) fn shown(time: Duration) -> String {
    let nanoseconds = time.as_nanos() as f64;
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let (size, unit) = units
        .into_iter()
        .find(|(size, _)| nanoseconds >= *size)
        .unwrap_or((1.0, "ns"));
    let number = nanoseconds / size;
    let decimals = match number {
        _ if unit == "ns" => 0,
        number if number < 9.995 => 2,
        number if number < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$} {unit}")
}

fn used(plan: &Plan, usage: Usage, count: u64) -> String {
    let time = usage.user + usage.system;
    let [memory, most] = usage.memory;
    let [voluntary, others] = usage.switches;
    format!(
        "\nprocess {}: {} of processor ({} of them in the kernel), {} a command;\n\
         {memory} KiB, {most} at most; {} descriptors;\n\
         {voluntary} voluntary and {others} other context switches\n",
        plan.pid.unwrap_or(0),
        shown(time),
        shown(usage.system),
        shown(
            time.checked_div(u32::try_from(count).unwrap_or(u32::MAX))
                .unwrap_or_default()
        ),
        usage.descriptors,
    )
}

/// The numbers of the first row are those of the whole, too: most runs have one row.
fn json(plan: &Plan, results: &Results) -> String {
    let mut out = String::new();
    let (lane, first) = (plan.lanes.first(), results.rows.first());
    let _ = write!(
        out,
        "{{\"server\":\"{}\",\"workload\":\"{}\",",
        results.address,
        lane.map_or("", |lane| lane.workload.name())
    );
    if let Some(Workload::Rate(rate)) = lane.map(|lane| &lane.workload) {
        let _ = write!(out, "\"rate_wanted\":{rate},");
    }
    let _ = write!(
        out,
        "\"connections\":{},\"connections_opened\":{},\"depth\":{},\"seconds\":{},",
        lane.map_or(0, |lane| lane.connections),
        results.opened,
        plan.depth,
        results.time.as_secs_f64(),
    );
    out.push_str(&first.map_or_else(String::new, |row| row_json(row, results.time)));
    out.push_str(",\"rows\":[");
    for (index, row) in results.rows.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let numbers = row_json(row, results.time);
        let _ = write!(out, "{comma}{{\"name\":\"{}\",{numbers}}}", row.name);
    }
    out.push_str("],\"errors\":{");
    for (index, (kind, count)) in results.errors.kinds.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(out, "{comma}{}:{count}", JsonText(kind.as_bytes()));
    }
    out.push('}');
    if let Some(usage) = results.usage {
        let _ = write!(
            out,
            ",\"process\":{{\"user_seconds\":{},\"system_seconds\":{},\"memory_bytes\":{},\
             \"voluntary_switches\":{},\"other_switches\":{},\"descriptors\":{}}}",
            usage.user.as_secs_f64(),
            usage.system.as_secs_f64(),
            usage.memory[0] * 1024,
            usage.switches[0],
            usage.switches[1],
            usage.descriptors,
        );
    } else if plan.pid.is_some() {
        out.push_str(",\"process\":null");
    }
    out.push_str("}\n");
    out
}

/// The numbers of a row, without braces.
fn row_json(row: &Row, time: Duration) -> String {
    let measure = &row.measure;
    let count = measure.all.len();
    let mut out = format!(
        "\"commands\":{count},\"rate\":{},\"bytes_sent\":{},\"bytes_received\":{},\
         \"latency_seconds\":{{",
        per_second(count, time),
        measure.sent,
        measure.received,
    );
    for (index, (name, time)) in times(&measure.all).into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"{name}\":{}", time.as_secs_f64());
    }
    out.push('}');
    out
}

/// A line a row. The errors are those of the whole run.
fn csv(plan: &Plan, results: &Results) -> String {
    let mut out = "server,workload,connections,depth,seconds,commands,rate,errors,\
        bytes_sent,bytes_received"
        .to_owned();
    let names = results.rows.first().map(|row| times(&row.measure.all));
    for (name, _) in names.into_iter().flatten() {
        let _ = write!(out, ",{name}");
    }
    for row in &results.rows {
        let (measure, count) = (&row.measure, row.measure.all.len());
        let _ = write!(
            out,
            "\n{},{},{},{},{},{count},{},{},{},{}",
            results.address,
            row.name,
            plan.connections(),
            plan.depth,
            results.time.as_secs_f64(),
            per_second(count, results.time),
            results.errors.all(),
            measure.sent,
            measure.received,
        );
        for (_, time) in times(&measure.all) {
            let _ = write!(out, ",{}", time.as_secs_f64());
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (18_249, "18.2 µs"),
            (182_400, "182 µs"),
            (9_996_000, "10.0 ms"),
            (1_500_000_000, "1.50 s"),
            (100_000_000_000, "100 s"),
        ] {
            assert_eq!(shown(Duration::from_nanos(nanoseconds)), text);
        }
    }
}
