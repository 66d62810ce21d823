//! Whether new tasks serve their site well, and what is remembered of it.

mod health;
mod ledger;
mod visit;

pub use health::check;
pub use ledger::{Entry, Ledger, Verdict};
pub(crate) use visit::Visitor;
