//! The figures as a table and as JSON.

use std::time::Duration;

use serde::Serialize;

use super::contestant::{ALL, Kind, Size};
use super::load::Load;
use crate::bench::report::Spread;
use crate::table::table;

/// The version of the JSON.
const SCHEMA_VERSION: u32 = 1;

/// One round of one contestant.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) first_page: Duration,
    pub(super) uncached: Load,
    /// For one page.
    pub(super) processor: Duration,
    pub(super) cached: Option<Load>,
    pub(super) admin: Load,
    pub(super) idle: u64,
    pub(super) loaded: u64,
    pub(super) load_average: String,
}

/// All of them.
pub(super) struct Report {
    image: String,
    rounds: u8,
    seconds: u8,
    contestants: Vec<(Size, Vec<Round>)>,
}

#[derive(Serialize)]
struct Figures {
    contestant: Kind,
    size: Size,
    /// Seconds from `docker start` to the first page.
    first_page_seconds: Spread,
    /// Requests per second, and milliseconds.
    uncached_per_second: Spread,
    uncached_p99_milliseconds: Spread,
    /// Processor time for one page, the database's included.
    uncached_processor_milliseconds: Spread,
    cached_per_second: Option<Spread>,
    cached_p99_milliseconds: Option<Spread>,
    admin_per_second: Spread,
    admin_p99_milliseconds: Spread,
    /// MiB.
    memory_idle: Spread,
    memory_loaded: Spread,
    /// Of the machine at the end of each round.
    load_averages: Vec<String>,
}

impl Report {
    pub(super) fn new(image: &str, rounds: u8, seconds: u8) -> Self {
        Self {
            image: image.to_owned(),
            rounds,
            seconds,
            contestants: Vec::new(),
        }
    }

    /// The next contestant, in the order of [`ALL`].
    pub(super) fn sizes(&mut self, size: Size) {
        self.contestants.push((size, Vec::new()));
    }

    pub(super) fn add(&mut self, at: usize, round: Round) {
        self.contestants[at].1.push(round);
    }

    fn figures(&self) -> Vec<Figures> {
        let all = ALL.into_iter().zip(&self.contestants);
        all.map(|(contestant, (size, rounds))| of(contestant, *size, rounds))
            .collect()
    }

    /// For people: median (min..max).
    pub(super) fn text(&self) -> String {
        let figures = self.figures();
        let row = |name: &str, cell: &dyn Fn(&Figures) -> String| {
            std::iter::once(name.to_owned())
                .chain(figures.iter().map(cell))
                .chain([self.ratio(name, &figures)])
                .collect::<Vec<_>>()
        };
        let none = |spread: Option<Spread>| spread.map_or_else(|| "–".to_owned(), Spread::rounded);
        let rows = [
            row("uncached, requests/s", &|of| {
                of.uncached_per_second.rounded()
            }),
            row("uncached, p99 ms", &|of| {
                of.uncached_p99_milliseconds.rounded()
            }),
            row("uncached, CPU ms a page", &|of| {
                of.uncached_processor_milliseconds.rounded()
            }),
            row("cached, requests/s", &|of| none(of.cached_per_second)),
            row("cached, p99 ms", &|of| none(of.cached_p99_milliseconds)),
            row("admin page, requests/s", &|of| {
                of.admin_per_second.rounded()
            }),
            row("admin page, p99 ms", &|of| {
                of.admin_p99_milliseconds.rounded()
            }),
            row("first page, s", &|of| of.first_page_seconds.seconds()),
            row("memory idle, MiB", &|of| of.memory_idle.rounded()),
            row("memory loaded, MiB", &|of| of.memory_loaded.rounded()),
            row("size unpacked, MB", &|of| megabytes(of.size.bytes)),
            row("size gzipped, MB", &|of| megabytes(of.size.gzipped_bytes)),
        ];
        let head: Vec<_> = std::iter::once("median (min..max)")
            .chain(ALL.map(Kind::name))
            .chain(["to the better plain one"])
            .collect();
        let note = format!(
            "{} rounds of {} s, 4 connections; {}; load average of the machine {}",
            self.rounds,
            self.seconds,
            self.image,
            figures[0].load_averages.join(", ")
        );
        format!("{}\n\n{note}", table(&head, &rows, &[1, 2, 3, 4]))
    }

    /// Ours to the better plain one, by the medians.
    fn ratio(&self, name: &str, figures: &[Figures]) -> String {
        let [apache, nginx, ours] = figures else {
            return String::new();
        };
        let more = |of: fn(&Figures) -> f64, than: fn(&Figures) -> f64| {
            of(ours) / than(apache).max(than(nginx))
        };
        let less = |of: fn(&Figures) -> f64| of(ours) / of(apache).min(of(nginx));
        let ratio = match name {
            "uncached, requests/s" => more(
                |f| f.uncached_per_second.median,
                |f| f.uncached_per_second.median,
            ),
            "cached, requests/s" => more(
                |f| f.cached_per_second.map_or(0.0, |spread| spread.median),
                |f| f.uncached_per_second.median,
            ),
            "admin page, requests/s" => {
                more(|f| f.admin_per_second.median, |f| f.admin_per_second.median)
            }
            "uncached, p99 ms" => less(|f| f.uncached_p99_milliseconds.median),
            "uncached, CPU ms a page" => less(|f| f.uncached_processor_milliseconds.median),
            "admin page, p99 ms" => less(|f| f.admin_p99_milliseconds.median),
            "first page, s" => less(|f| f.first_page_seconds.median),
            "memory idle, MiB" => less(|f| f.memory_idle.median),
            "memory loaded, MiB" => less(|f| f.memory_loaded.median),
            "size unpacked, MB" => less(|f| number(f.size.bytes)),
            "size gzipped, MB" => less(|f| number(f.size.gzipped_bytes)),
            _ => return String::new(),
        };
        format!("{ratio:.2}x")
    }
}

impl Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = serde_json::json!({
            "schema_version": SCHEMA_VERSION,
            "image": self.image,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "contestants": self.figures(),
        });
        value.serialize(serializer)
    }
}

fn of(contestant: Kind, size: Size, rounds: &[Round]) -> Figures {
    let spread = |value: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(value));
    let cached = |value: fn(Load) -> f64| {
        let all: Vec<_> = rounds
            .iter()
            .filter_map(|round| round.cached.map(value))
            .collect();
        (!all.is_empty()).then(|| Spread::of(all.into_iter()))
    };
    let mebibytes = |bytes: u64| number(bytes) / 1024.0 / 1024.0;
    Figures {
        contestant,
        size,
        first_page_seconds: spread(&|round| round.first_page.as_secs_f64()),
        uncached_per_second: spread(&|round| round.uncached.per_second),
        uncached_p99_milliseconds: spread(&|round| round.uncached.p99_milliseconds),
        uncached_processor_milliseconds: spread(&|round| round.processor.as_secs_f64() * 1e3),
        cached_per_second: cached(|load| load.per_second),
        cached_p99_milliseconds: cached(|load| load.p99_milliseconds),
        admin_per_second: spread(&|round| round.admin.per_second),
        admin_p99_milliseconds: spread(&|round| round.admin.p99_milliseconds),
        memory_idle: spread(&|round| mebibytes(round.idle)),
        memory_loaded: spread(&|round| mebibytes(round.loaded)),
        load_averages: rounds
            .iter()
            .map(|round| round.load_average.clone())
            .collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes for reading")]
fn number(bytes: u64) -> f64 {
    bytes as f64
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0}", number(bytes) / 1e6)
}
