//! Tests of the text formats, by a strict reader of them.

use std::collections::BTreeMap;

use super::*;

pub(in crate::status) fn families() -> Vec<Family> {
    let sample = |labels, value| Sample { labels, value };
    let times = Distribution {
        up_to: vec![(1023, 1), (2047, 3)],
        count: 4,
        sum: 1_000_006_000,
        percentiles: [1500, 1_000_000_000, 1_000_000_000],
        greatest: 1_000_000_000,
    };
    let family = |name, kind, samples| Family {
        name,
        help: "What it is",
        kind,
        samples,
    };
    let (up, down) = (vec![("direction", "up")], vec![("direction", "down")]);
    let both = [sample(up, Value::Number(1)), sample(down, Value::Number(2))];
    let pool = vec![("pool", "disk")];
    vec![
        family("transfer_bytes", Kind::Counter, both.into()),
        family(
            "connections_open",
            Kind::Gauge,
            vec![sample(vec![], Value::Number(7))],
        ),
        family(
            "asleep_seconds",
            Kind::Counter,
            vec![sample(vec![], Value::Time(1_500_000_000))],
        ),
        family(
            "job_seconds",
            Kind::Histogram,
            vec![sample(pool, Value::Durations(times.into()))],
        ),
    ]
}

pub(in crate::status) fn about() -> About {
    About {
        version: "1.2.3",
        features: vec!["status", "tls"],
        started: 1_700_000_000,
    }
}

#[test]
fn openmetrics_has_types_units_and_an_end() {
    let text = text(&families(), &about(), TextFormat::OpenMetrics);
    assert_eq!(
        text,
        r#"# TYPE mioftpd_build info
# HELP mioftpd_build The program and its Cargo features.
mioftpd_build_info{version="1.2.3",features="status,tls"} 1
# TYPE mioftpd_start_time_seconds gauge
# UNIT mioftpd_start_time_seconds seconds
# HELP mioftpd_start_time_seconds When the server started, since 1970.
mioftpd_start_time_seconds 1700000000
# TYPE mioftpd_transfer_bytes counter
# UNIT mioftpd_transfer_bytes bytes
# HELP mioftpd_transfer_bytes What it is.
mioftpd_transfer_bytes_total{direction="up"} 1
mioftpd_transfer_bytes_total{direction="down"} 2
# TYPE mioftpd_connections_open gauge
# HELP mioftpd_connections_open What it is.
mioftpd_connections_open 7
# TYPE mioftpd_asleep_seconds counter
# UNIT mioftpd_asleep_seconds seconds
# HELP mioftpd_asleep_seconds What it is.
mioftpd_asleep_seconds_total 1.5
# TYPE mioftpd_job_seconds histogram
# UNIT mioftpd_job_seconds seconds
# HELP mioftpd_job_seconds What it is.
mioftpd_job_seconds_bucket{pool="disk",le="0.000001023"} 1
mioftpd_job_seconds_bucket{pool="disk",le="0.000002047"} 3
mioftpd_job_seconds_bucket{pool="disk",le="+Inf"} 4
mioftpd_job_seconds_sum{pool="disk"} 1.000006
mioftpd_job_seconds_count{pool="disk"} 4
# EOF
"#
    );
}

#[test]
fn plain_format_names_counters_by_their_samples() {
    let text = text(&families(), &about(), TextFormat::Plain);
    for line in [
        "# TYPE mioftpd_build_info gauge",
        "# TYPE mioftpd_transfer_bytes_total counter",
        "# HELP mioftpd_transfer_bytes_total What it is.",
        "mioftpd_transfer_bytes_total{direction=\"up\"} 1",
        "mioftpd_asleep_seconds_total 1.5",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    assert!(!text.contains("# UNIT") && !text.contains("# EOF"));
}

#[test]
fn format_is_what_the_client_accepts() {
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";
    assert_eq!(TextFormat::accepted(prometheus), TextFormat::OpenMetrics);
    for accept in ["", "*/*", "text/plain;version=0.0.4"] {
        assert_eq!(TextFormat::accepted(accept), TextFormat::Plain);
    }
}

/// Buckets grow, the last is all of them; each family is once, and each sample belongs to the one above it.
#[test]
fn samples_belong_to_their_families() {
    let text = text(&families(), &about(), TextFormat::OpenMetrics);
    let (mut types, mut buckets) = (BTreeMap::new(), Vec::new());
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(types.insert(name, kind), None, "{name} is described twice");
            family = name;
        } else if let Some(rest) = line.strip_prefix("# ") {
            assert!(
                rest == "EOF" || rest.split(' ').nth(1) == Some(family),
                "{line}"
            );
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.split('{').next().unwrap();
            let suffix = name.strip_prefix(family).unwrap();
            let allowed: &[&str] = match types[family] {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                _ => &[""],
            };
            assert!(allowed.contains(&suffix), "{line}");
            let value: f64 = value.parse().unwrap();
            if suffix == "_bucket" {
                buckets.push(value);
            }
        }
    }
    assert_eq!(buckets, [1.0, 3.0, 4.0]);
}
