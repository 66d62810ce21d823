//! The measurements as tables and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use localcloud::proxy::Origin;
use serde::Serialize;

use super::measure::Measurement;
use crate::table::table;

/// The version of the JSON.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    measured: Vec<Figures>,
}

/// All runs of one measurement. Spreads are seconds, over the runs.
#[derive(Serialize)]
struct Figures {
    name: &'static str,
    runs: usize,
    wall: Spread,
    /// At least one request of the runner was under way: the emulator's share.
    in_requests: Spread,
    /// None was, but a job or a rollout: the containers' share.
    in_containers: Spread,
    /// Neither: the runner's own work and its pauses between looks.
    in_runner: Spread,
    requests: Spread,
    services: BTreeMap<String, Service>,
}

#[derive(Serialize)]
struct Service {
    /// By the runner.
    requests: Spread,
    /// By jobs and sites.
    by_tasks: Spread,
    /// Time in the runner's requests, added up: they overlap.
    seconds: Spread,
}

#[derive(Serialize, Clone, Copy)]
pub(super) struct Spread {
    pub(super) min: f64,
    pub(super) median: f64,
    pub(super) max: f64,
}

impl Spread {
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() {
            0 => 0.0,
            even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        let (min, max) = (
            values.first().copied().unwrap_or(0.0),
            values.last().copied().unwrap_or(0.0),
        );
        Self { min, median, max }
    }

    /// To the hundredth.
    pub(super) fn seconds(self) -> String {
        if self.min.to_bits() == self.max.to_bits() {
            return format!("{:.2}", self.median);
        }
        format!("{:.2} ({:.2}..{:.2})", self.median, self.min, self.max)
    }

    /// Three digits are what such measurements are good for.
    pub(super) fn rounded(self) -> String {
        let digits = usize::from(self.median < 100.0);
        let Self { min, median, max } = self;
        format!("{median:.digits$} ({min:.digits$}..{max:.digits$})")
    }

    fn count(self) -> String {
        if self.min.to_bits() == self.max.to_bits() {
            return self.median.to_string();
        }
        format!("{} ({}..{})", self.median, self.min, self.max)
    }
}

/// For machines.
pub(super) fn json(measurements: &[Measurement]) -> Result<String> {
    Ok(serde_json::to_string_pretty(&Report {
        schema_version: SCHEMA_VERSION,
        measured: figures(measurements),
    })?)
}

/// For people: median (min..max).
pub(super) fn text(measurements: &[Measurement]) -> String {
    let figures = figures(measurements);
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|of| {
            let times =
                [of.wall, of.in_requests, of.in_containers, of.in_runner].map(Spread::seconds);
            [
                vec![of.name.to_owned()],
                times.to_vec(),
                vec![of.requests.count()],
            ]
            .concat()
        })
        .collect();
    let head = [
        "seconds: median (min..max)",
        "wall",
        "in requests",
        "containers",
        "runner",
        "AWS requests",
    ];
    let runs = figures.first().map_or(0, |of| of.runs);
    let mut parts = vec![
        format!("{runs} runs of each, on the local cloud"),
        table(&head, &rows, &[1, 2, 3, 4, 5]),
        "  in requests: at least one request of the runner was under way (the emulator's share); containers: none was, but\n  \
         a job or a rollout was; runner: neither"
            .to_owned(),
    ];
    for of in &figures {
        let rows: Vec<Vec<String>> = of
            .services
            .iter()
            .map(|(name, service)| {
                let counts = [service.requests, service.by_tasks].map(Spread::count);
                [
                    vec![name.clone()],
                    counts.to_vec(),
                    vec![service.seconds.seconds()],
                ]
                .concat()
            })
            .collect();
        let services = table(
            &["service", "requests", "by tasks", "seconds in the runner's"],
            &rows,
            &[1, 2, 3],
        );
        parts.push(format!("{}\n{services}", of.name));
    }
    parts.join("\n\n")
}

fn figures(measurements: &[Measurement]) -> Vec<Figures> {
    let mut names: Vec<&'static str> = Vec::new();
    for measurement in measurements {
        if !names.contains(&measurement.name) {
            names.push(measurement.name);
        }
    }
    names
        .into_iter()
        .map(|name| of_name(name, measurements))
        .collect()
}

fn of_name(name: &'static str, measurements: &[Measurement]) -> Figures {
    let runs: Vec<&Measurement> = measurements
        .iter()
        .filter(|measurement| measurement.name == name)
        .collect();
    let spread =
        |value: &dyn Fn(&Measurement) -> f64| Spread::of(runs.iter().map(|run| value(run)));
    let services: BTreeSet<&str> = runs
        .iter()
        .flat_map(|run| &run.requests)
        .map(|request| request.service.as_str())
        .collect();
    Figures {
        name,
        runs: runs.len(),
        wall: spread(&|run| run.wall.as_secs_f64()),
        in_requests: spread(&|run| run.in_requests),
        in_containers: spread(&|run| run.in_containers),
        in_runner: spread(&|run| run.wall.as_secs_f64() - run.in_requests - run.in_containers),
        requests: spread(&|run| sum(run, None, Origin::Host).0),
        services: services
            .into_iter()
            .map(|service| {
                let figures = Service {
                    requests: spread(&|run| sum(run, Some(service), Origin::Host).0),
                    by_tasks: spread(&|run| sum(run, Some(service), Origin::Task).0),
                    seconds: spread(&|run| sum(run, Some(service), Origin::Host).1),
                };
                (service.to_owned(), figures)
            })
            .collect(),
    }
}

/// How many requests, and their time added up.
fn sum(run: &Measurement, service: Option<&str>, origin: Origin) -> (f64, f64) {
    run.requests
        .iter()
        .filter(|request| {
            request.origin == origin && service.is_none_or(|service| service == request.service)
        })
        .fold((0.0, 0.0), |(count, seconds), request| {
            (count + 1.0, seconds + request.seconds.unwrap_or(0.0))
        })
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middles() {
        let of = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(of(&[3.0, 1.0, 2.0]).seconds(), "2.00 (1.00..3.00)");
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).count(), "2.5 (1..4)");
        assert_eq!(of(&[7.0, 7.0]).count(), "7");
    }
}
