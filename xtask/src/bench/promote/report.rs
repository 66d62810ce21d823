//! What was measured.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::site::Size;
use crate::table::table;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Of the smaller site, then of the larger.
    pub(super) runs: Vec<Run>,
    /// Of the tables alone.
    pub(super) tables: Option<Run>,
    /// Seconds that WP-CLI took for the same.
    pub(super) search_replace: f64,
    /// How many rows were compared.
    pub(super) rows: usize,
    /// Some of those that are not the same; none when all are.
    pub(super) differing: Vec<String>,
}

/// One promotion; times in seconds.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) size: Size,
    filled: f64,
    /// Rewriting, of all threads together, while rows were read and written.
    edited: f64,
    /// Of the snapshot, as it travels.
    stored: f64,
    export: f64,
    waited: f64,
    proved: f64,
    tried: f64,
    switch: f64,
    all: f64,
    export_memory: f64,
    load_memory: f64,
}

impl Run {
    /// Reads a promotion's record.
    pub(super) fn read(size: Size, record: &Value) -> Result<Self> {
        let attempts = record["result"]["attempts"]
            .as_array()
            .context("no attempts")?;
        let of = |step: &str| {
            let found = attempts.iter().find(|attempt| attempt["step"] == step);
            found.with_context(|| format!("the promotion had no step {step}"))
        };
        let at = |attempt: &Value, end: &str| {
            let text = attempt[end].as_str().context("no time")?;
            Ok::<_, anyhow::Error>(OffsetDateTime::parse(text, &Rfc3339)?)
        };
        let seconds = |step: &str| {
            let attempt = of(step)?;
            Ok::<_, anyhow::Error>((at(attempt, "ended")? - at(attempt, "began")?).as_seconds_f64())
        };
        let number = |value: &Value| value.as_f64().context("no number");
        let (export, load) = (&of("export")?["result"], &of("load")?["result"]);
        let took = |name: &str| Ok::<_, anyhow::Error>(number(&load["took"][name])? / 1e3);
        let (first, last) = (attempts.first(), attempts.last());
        let (first, last) = first.zip(last).context("no attempts")?;
        Ok(Self {
            size,
            filled: took("filled")?,
            edited: took("edited")?,
            stored: number(&export["bytes"])?,
            export: seconds("export")?,
            waited: took("waited")?,
            proved: took("proved")?,
            tried: took("tried")?,
            switch: seconds("switch")?,
            all: (at(last, "ended")? - at(first, "began")?).as_seconds_f64(),
            export_memory: number(&export["peak_memory"])?,
            load_memory: number(&load["took"]["peak_memory"])?,
        })
    }

    /// Stage, MB, seconds.
    fn stages(&self) -> [(&'static str, f64, f64); 6] {
        #[expect(clippy::cast_precision_loss, reason = "sizes for reading")]
        let (database, uploads) = (self.size.database as f64, self.size.uploads as f64);
        [
            ("export", database + uploads, self.export),
            ("transfer (waited for)", self.stored, self.waited),
            ("rewrite and load", database + uploads, self.filled),
            ("prove", database, self.proved),
            ("try", 0.0, self.tried),
            ("switch", 0.0, self.switch),
        ]
    }
}

impl Report {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for run in &self.runs {
            let rows = run.stages().map(|(name, bytes, seconds)| {
                let of_bytes = |value: f64| match bytes > 0.0 {
                    true => format!("{value:.0}"),
                    false => "-".to_owned(),
                };
                vec![
                    name.to_owned(),
                    of_bytes(bytes / 1e6),
                    format!("{seconds:.1}"),
                    of_bytes(bytes / 1e6 / seconds.max(0.001)),
                ]
            });
            text.push_str(&table(&["stage", "MB", "s", "MB/s"], &rows, &[1, 2, 3]));
            text.push_str(&format!(
                "\n  {} rows, {:.1} s in all; peak memory of the jobs: export {:.0} MB, load {:.0} MB\n\n",
                run.size.rows,
                run.all,
                run.export_memory / 1e6,
                run.load_memory / 1e6
            ));
        }
        if let Some(tables) = &self.tables {
            let times = |seconds: f64| self.search_replace / seconds.max(0.001);
            text.push_str(&format!(
                "  the tables alone: rewritten in {:.2} s of all threads together, rewritten and loaded in {:.1} s, read back and proved in {:.1} s\n",
                tables.edited, tables.filled, tables.proved
            ));
            text.push_str(&format!(
                "  `wp search-replace` rewrites them in {:.1} s: {:.0} times the rewriting, {:.1} times rewriting and loading\n",
                self.search_replace,
                times(tables.edited),
                times(tables.filled)
            ));
        }
        text.push_str(&match self.differing.as_slice() {
            [] => format!("  {} rows are the same", self.rows),
            some => format!("  ROWS DIFFER, among {}: {}", self.rows, some.join("; ")),
        });
        text
    }

    pub(super) fn json(&self) -> Result<String> {
        let runs = self.runs.iter().map(|run| {
            let stages = run.stages().map(|(stage, bytes, seconds)| {
                json!({ "stage": stage, "bytes": bytes, "seconds": seconds })
            });
            json!({
                "rows": run.size.rows,
                "stages": stages,
                "seconds": run.all,
                "peak_memory": { "export": run.export_memory, "load": run.load_memory },
            })
        });
        Ok(serde_json::to_string_pretty(&json!({
            "schema_version": 1,
            "runs": runs.collect::<Vec<_>>(),
            "tables": self.tables.as_ref().map(|run| json!({
                "rewritten": run.edited,
                "rewritten_and_loaded": run.filled,
                "proved": run.proved,
            })),
            "search_replace": self.search_replace,
            "rows": self.rows,
            "differing": self.differing,
        }))?)
    }
}
