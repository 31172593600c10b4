//! What was measured: of each cell its rounds, and where there are two sides their ratios.

use std::time::Duration;

use serde_json::{Value, json};

use crate::disk::DiskRate;
use crate::error::BenchError;
use crate::plan::{Op, Plan, Side, Size};
use crate::work::Tally;

/// One round of a cell on one side.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// From the first request to the last answer. Of deletions, without what was put between them.
    pub elapsed: Duration,
    /// What came of the operations.
    pub tally: Tally,
    /// User and system time of the server's process meanwhile.
    pub server_cpu: Option<Duration>,
    /// The most memory of the server's process up to now.
    pub server_peak_bytes: Option<u64>,
    /// User and system time of the generator meanwhile.
    pub client_cpu: Duration,
    /// What the server's disk did by itself just before.
    pub disk: Option<DiskRate>,
}

impl Round {
    /// Adds a further piece of the same round.
    pub(crate) fn merge(&mut self, other: Self) {
        self.elapsed += other.elapsed;
        self.tally.merge(other.tally);
        self.server_cpu = sum(self.server_cpu, other.server_cpu);
        self.server_peak_bytes = self.server_peak_bytes.max(other.server_peak_bytes);
        self.client_cpu += other.client_cpu;
        self.disk = self.disk.or(other.disk);
    }

    fn ops_per_second(&self) -> f64 {
        per(float(self.tally.ops()), self.elapsed.as_secs_f64())
    }

    fn mib_per_second(&self) -> f64 {
        per(mib(self.tally.bytes), self.elapsed.as_secs_f64())
    }

    /// Bytes of objects put, as a part of what the disk took by itself.
    fn disk_share(&self) -> Option<f64> {
        let bytes = float(self.tally.bytes) / self.elapsed.as_secs_f64();
        self.disk.map(|disk| bytes / disk.bytes_per_second)
    }

    fn quantile_ms(&self, percent: u64) -> f64 {
        millis(self.tally.latencies.quantile(percent, 100))
    }

    fn server_ms_per_op(&self) -> Option<f64> {
        self.server_cpu.map(|cpu| per(millis(cpu), float(self.tally.ops())))
    }

    fn client_ms_per_op(&self) -> f64 {
        per(millis(self.client_cpu), float(self.tally.ops()))
    }

    fn to_json(&self) -> Value {
        json!({
            "elapsed_ms": millis(self.elapsed),
            "operations": self.tally.ops(),
            "bytes": self.tally.bytes,
            "errors": self.tally.errors,
            "reconnects": self.tally.reconnects,
            "ops_per_second": self.ops_per_second(),
            "mib_per_second": self.mib_per_second(),
            "p50_ms": self.quantile_ms(50),
            "p99_ms": self.quantile_ms(99),
            "server_cpu_ms_per_operation": self.server_ms_per_op(),
            "server_peak_bytes": self.server_peak_bytes,
            "client_cpu_ms_per_operation": self.client_ms_per_op(),
            "disk_bytes_per_second": self.disk.map(|disk| disk.bytes_per_second),
            "disk_group_bytes": self.disk.map(|disk| disk.group_bytes),
            "disk_share": self.disk_share(),
        })
    }
}

/// The spread of a figure that all rounds have.
fn spread_of(rounds: &[Round], of: fn(&Round) -> Option<f64>) -> Option<Spread> {
    rounds.iter().map(of).collect::<Option<Vec<f64>>>().and_then(Spread::of)
}

fn sum(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

/// The median of some rounds, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of these figures; none if there are none, or one that is no number.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        if sorted.iter().any(|figure| !figure.is_finite()) {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), min: *sorted.first()?, max: *sorted.last()? })
    }

    fn to_json(self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max })
    }
}

/// One operation with one size of object.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What was done.
    pub op: Op,
    /// The size of the objects.
    pub size: Size,
    /// The rounds of each side.
    sides: Vec<Vec<Round>>,
}

/// Titles of [`Report::rows`].
pub const TITLES: [&str; 12] = [
    "OPERATION",
    "SIZE",
    "AT",
    "OPS/S",
    "MIN..MAX",
    "MIB/S",
    "P50 MS",
    "P99 MS",
    "ERRORS",
    "SERVER CPU MS/OP",
    "SERVER PEAK MIB",
    "CLIENT CPU MS/OP",
];

/// Titles of [`Report::ratio_rows`].
pub const RATIO_TITLES: [&str; 8] =
    ["OPERATION", "SIZE", "OPS/S A:B", "MIN..MAX", "P50 A:B", "P99 A:B", "SERVER CPU A:B", "MIN..MAX"];

impl Cell {
    /// A cell whose sides have had the same number of rounds.
    pub fn new(op: Op, size: Size, sides: Vec<Vec<Round>>) -> Self {
        Self { op, size, sides }
    }

    /// All rounds of a side as one.
    fn whole(rounds: &[Round]) -> Round {
        let mut whole = Round::default();
        for round in rounds {
            whole.merge(round.clone());
        }
        whole
    }

    fn rows(&self) -> impl Iterator<Item = [String; 12]> + '_ {
        self.sides.iter().zip(LETTERS).map(|(rounds, letter)| {
            let whole = Self::whole(rounds);
            let rate = Spread::of(rounds.iter().map(Round::ops_per_second));
            let bytes = Spread::of(rounds.iter().map(Round::mib_per_second)).filter(|rate| rate.max > 0.0);
            [
                self.op.to_string(),
                self.size.to_string(),
                letter.to_owned(),
                optional(rate.map(|rate| rate.median)),
                range(rate),
                optional(bytes.map(|rate| rate.median)),
                figure(whole.quantile_ms(50)),
                figure(whole.quantile_ms(99)),
                whole.tally.errors.to_string(),
                optional(whole.server_ms_per_op()),
                optional(whole.server_peak_bytes.map(mib)),
                figure(whole.client_ms_per_op()),
            ]
        })
    }

    /// What the first side made of its disk; none where that was not probed.
    fn disk_line(&self) -> Option<String> {
        let rounds = self.sides.first()?;
        let group = Size::new(rounds.first()?.disk?.group_bytes);
        let disk = spread_of(rounds, |round| round.disk.map(|disk| disk.bytes_per_second / 1_048_576.0))?;
        let share = spread_of(rounds, Round::disk_share)?;
        let ours = spread_of(rounds, |round| Some(round.mib_per_second()))?;
        Some(format!(
            "{} {} at A: {} of the {} MiB/s that the disk takes by {group}, each synced: share {} ({})",
            self.op,
            self.size,
            figure(ours.median),
            figure(disk.median),
            figure(share.median),
            range(Some(share)),
        ))
    }

    /// Of each round the first side's figure over the second's.
    fn ratio(&self, of: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
        let [first, second] = self.sides.as_slice() else { return None };
        let ratios: Option<Vec<f64>> = first
            .iter()
            .zip(second)
            .map(|(one, other)| of(one).zip(of(other)).map(|(one, other)| one / other))
            .collect();
        Spread::of(ratios?)
    }

    fn ratio_row(&self) -> Option<[String; 8]> {
        let rate = self.ratio(|round| Some(round.ops_per_second()))?;
        let median = |ratio: Option<Spread>| optional(ratio.map(|ratio| ratio.median));
        let cpu = self.ratio(Round::server_ms_per_op);
        Some([
            self.op.to_string(),
            self.size.to_string(),
            figure(rate.median),
            range(Some(rate)),
            median(self.ratio(|round| Some(round.quantile_ms(50)))),
            median(self.ratio(|round| Some(round.quantile_ms(99)))),
            median(cpu),
            range(cpu),
        ])
    }

    fn to_json(&self) -> Value {
        let side = |rounds: &Vec<Round>| {
            let whole = Self::whole(rounds);
            let spread = |of: fn(&Round) -> f64| Spread::of(rounds.iter().map(of)).map(Spread::to_json);
            json!({
                "ops_per_second": spread(Round::ops_per_second),
                "mib_per_second": spread(Round::mib_per_second),
                "p50_ms": whole.quantile_ms(50),
                "p99_ms": whole.quantile_ms(99),
                "errors": whole.tally.errors,
                "first_error": whole.tally.first_error,
                "server_cpu_ms_per_operation": whole.server_ms_per_op(),
                "server_peak_bytes": whole.server_peak_bytes,
                "client_cpu_ms_per_operation": whole.client_ms_per_op(),
                "disk_share": spread_of(rounds, Round::disk_share).map(Spread::to_json),
                "rounds": rounds.iter().map(Round::to_json).collect::<Vec<_>>(),
            })
        };
        let ratio = |of: fn(&Round) -> Option<f64>| self.ratio(of).map(Spread::to_json);
        let ratios = (self.sides.len() == 2).then(|| {
            json!({
                "ops_per_second": ratio(|round| Some(round.ops_per_second())),
                "p50": ratio(|round| Some(round.quantile_ms(50))),
                "p99": ratio(|round| Some(round.quantile_ms(99))),
                "server_cpu": ratio(Round::server_ms_per_op),
            })
        });
        json!({
            "operation": self.op.as_str(),
            "size_bytes": self.size.bytes(),
            "sides": self.sides.iter().map(side).collect::<Vec<_>>(),
            "ratios": ratios,
        })
    }
}

/// What the sides are called in tables.
const LETTERS: [&str; 2] = ["A", "B"];

/// All that was measured, and how.
#[derive(Debug)]
pub struct Report {
    settings: Value,
    sides: Vec<Described>,
    cells: Vec<Cell>,
    is_interrupted: bool,
    troubles: Vec<BenchError>,
}

#[derive(Debug, Clone)]
struct Described {
    url: String,
    tls: Option<String>,
    payload: &'static str,
    asks_for_sse: bool,
}

impl Described {
    fn new(side: &Side, tls: Option<String>) -> Self {
        let (payload, asks_for_sse) = (side.payload.as_str(), side.asks_for_sse);
        Self { url: side.endpoint.url().to_owned(), tls, payload, asks_for_sse }
    }

    fn to_text(&self) -> String {
        let tls = self.tls.as_deref().unwrap_or("no TLS");
        let sse = if self.asks_for_sse { ", SSE-S3 asked for" } else { "" };
        format!("{} ({tls}, payload {}{sse})", self.url, self.payload)
    }
}

impl Report {
    /// `tls` is what the connections of the sides agreed on.
    pub(crate) fn new(
        plan: &Plan,
        tls: Vec<Option<String>>,
        cells: Vec<Cell>,
        is_interrupted: bool,
        troubles: Vec<BenchError>,
    ) -> Self {
        let settings = json!({
            "clients": plan.clients,
            "threads": plan.threads,
            "duration_ms": millis(plan.duration),
            "rounds": plan.rounds,
            "keys": plan.keys,
            "max_fill_bytes": plan.max_fill.bytes(),
            "seed": plan.seed,
            "cores": std::thread::available_parallelism().ok().map(std::num::NonZero::get),
        });
        let sides = plan.sides().zip(tls).map(|(side, tls)| Described::new(side, tls)).collect();
        Self { settings, sides, cells, is_interrupted, troubles }
    }

    /// Whether it was ended early.
    pub fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// Whether all of the plan was measured, without a failure, and nothing was left behind.
    pub fn is_whole(&self) -> bool {
        self.errors() == 0 && !self.is_interrupted && self.troubles.is_empty()
    }

    /// What ended the run early, and what could not be removed.
    pub fn into_troubles(self) -> Vec<BenchError> {
        self.troubles
    }

    /// Operations that failed while they were measured.
    pub fn errors(&self) -> u64 {
        let rounds = self.cells.iter().flat_map(|cell| cell.sides.iter().flatten());
        rounds.map(|round| round.tally.errors).sum()
    }

    /// What the letters of the tables mean, a line each.
    pub fn legend(&self) -> Vec<String> {
        LETTERS
            .iter()
            .zip(&self.sides)
            .map(|(letter, side)| format!("{letter}  {}", side.to_text()))
            .collect()
    }

    /// A line for each cell that has failures, with the first of them.
    pub fn failures(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for cell in &self.cells {
            for (rounds, letter) in cell.sides.iter().zip(LETTERS) {
                let whole = Cell::whole(rounds);
                if let Some(first) = whole.tally.first_error {
                    let (op, size, errors) = (cell.op, cell.size, whole.tally.errors);
                    lines.push(format!("{op} {size} at {letter}: {errors} failed, the first: {first}"));
                }
            }
        }
        lines
    }

    /// A row for each cell and side, below [`TITLES`].
    pub fn rows(&self) -> Vec<[String; 12]> {
        self.cells.iter().flat_map(Cell::rows).collect()
    }

    /// A row for each cell, below [`RATIO_TITLES`]; none with one side.
    pub fn ratio_rows(&self) -> Vec<[String; 8]> {
        self.cells.iter().filter_map(Cell::ratio_row).collect()
    }

    /// A line for each cell before whose rounds the disk was probed.
    pub fn disk_lines(&self) -> Vec<String> {
        self.cells.iter().filter_map(Cell::disk_line).collect()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let side = |side: &Described| json!({ "url": side.url, "tls": side.tls, "payload": side.payload, "sse": side.asks_for_sse });
        json!({
            "settings": self.settings,
            "sides": self.sides.iter().map(side).collect::<Vec<_>>(),
            "cells": self.cells.iter().map(Cell::to_json).collect::<Vec<_>>(),
            "interrupted": self.is_interrupted,
            "troubles": self.troubles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

/// A figure in about three digits.
fn figure(figure: f64) -> String {
    match figure {
        _ if !figure.is_finite() => "-".to_owned(),
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        1.0.. => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), figure)
}

fn range(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| format!("{}..{}", figure(spread.min), figure(spread.max)))
}

/// Nothing per nothing is no number, which is shown as a dash.
fn per(what: f64, of: f64) -> f64 {
    what / of
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn mib(bytes: u64) -> f64 {
    float(bytes) / 1_048_576.0
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown, 15 are kept")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;
    use crate::plan::tests::{plan, side};

    /// A round of one second.
    fn round(ops: u64, latency_ms: u64, server_cpu_ms: Option<u64>) -> Round {
        let mut latencies = Histogram::new();
        for _ in 0..ops {
            latencies.record(Duration::from_millis(latency_ms));
        }
        Round {
            elapsed: Duration::from_secs(1),
            tally: Tally { latencies, bytes: ops << 20, ..Tally::default() },
            server_cpu: server_cpu_ms.map(Duration::from_millis),
            server_peak_bytes: server_cpu_ms.map(|_| 3 << 20),
            client_cpu: Duration::from_millis(10),
            disk: None,
        }
    }

    fn report(cells: Vec<Cell>) -> Report {
        let mut plan = plan("https://a:1");
        plan.second = Some(side("http://b:2"));
        Report::new(&plan, vec![Some("TLSv1_3".to_owned()), None], cells, false, Vec::new())
    }

    #[test]
    fn the_median_lies_between_the_extremes() {
        let spread = |figures: &[f64]| Spread::of(figures.iter().copied());
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(spread(&[7.0]), Some(Spread { median: 7.0, min: 7.0, max: 7.0 }));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn ratios_are_of_rounds_side_by_side() {
        let first = vec![round(400, 1, Some(100)), round(300, 1, Some(90)), round(600, 2, Some(120))];
        let second = vec![round(100, 4, Some(100)), round(100, 4, Some(100)), round(100, 4, Some(100))];
        let report = report(vec![Cell::new(Op::Put, Size::new(4096), vec![first, second])]);
        let rows = report.ratio_rows();
        assert_eq!(rows.len(), 1);
        // Server time of an operation: .25, .3 and .2 ms against 1 ms.
        assert_eq!(rows[0], ["put", "4KiB", "4.00", "3.00..6.00", "0.250", "0.250", "0.250", "0.200..0.300"]);
        let json = &report.to_json()["cells"][0]["ratios"];
        assert_eq!(json["ops_per_second"], json!({ "median": 4.0, "min": 3.0, "max": 6.0 }));
    }

    #[test]
    fn a_row_tells_rate_latency_and_what_it_cost() {
        let cell =
            Cell::new(Op::Get, Size::new(1 << 20), vec![vec![round(100, 4, Some(50)), round(200, 4, None)]]);
        let report = report(vec![cell]);
        let expected =
            ["get", "1MiB", "A", "150", "100..200", "150", "4.01", "4.01", "0", "0.167", "3.00", "0.067"];
        assert_eq!(report.rows(), [expected]);
        assert!(report.ratio_rows().is_empty(), "one side has no ratio");
        assert_eq!(report.legend()[1], "B  http://b:2 (no TLS, payload signed)");
    }

    #[test]
    fn a_share_is_of_what_the_disk_did_before_the_round() {
        let round = |mib: u64, disk: f64| Round {
            disk: Some(DiskRate { group_bytes: 65_536, bytes_per_second: disk * 1_048_576.0 }),
            ..round(mib, 1, None)
        };
        let rounds = vec![round(50, 100.0), round(30, 50.0), round(40, 100.0)];
        let report = report(vec![Cell::new(Op::Put, Size::new(4096), vec![rounds])]);
        let line = "put 4KiB at A: 40.0 of the 100 MiB/s that the disk takes by 64KiB, each synced: share 0.500 (0.400..0.600)";
        assert_eq!(report.disk_lines(), [line]);
        let share = &report.to_json()["cells"][0]["sides"][0]["disk_share"];
        assert_eq!(share["median"], 0.5);
    }

    #[test]
    fn what_is_not_known_is_a_dash_and_failures_are_told() {
        let mut failed = round(0, 0, None);
        failed.tally.failed("SlowDown: wait (HTTP 503)".to_owned());
        failed.tally.bytes = 0;
        let report =
            report(vec![Cell::new(Op::Head, Size::new(0), vec![vec![failed.clone()], vec![failed]])]);
        assert_eq!(report.rows()[0][3..6], ["0.000", "0.000..0.000", "-"]);
        assert_eq!(report.rows()[0][9..], ["-", "-", "-"]);
        assert!(report.ratio_rows().is_empty(), "nothing over nothing is no ratio");
        assert_eq!(report.errors(), 2);
        assert_eq!(report.failures()[1], "head 0B at B: 1 failed, the first: SlowDown: wait (HTTP 503)");
    }
}
