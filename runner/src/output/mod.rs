//! What people and programs read: results on stdout, narration on stderr.

mod envelope;
mod findings;
mod plan;
mod progress;
mod report;
mod table;
mod terminal;

pub use envelope::{SCHEMA_VERSION, failure, result};
pub use findings::{findings, warnings};
pub use plan::{change, plan};
pub use progress::follow;
pub use report::{PlanReport, RunReport};
pub use table::table;
pub use terminal::{Palette, narrate, print};

/// A number and its noun: `1 site`, `2 sites`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
