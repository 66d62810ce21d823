//! What can be told of a fleet without changing it.

pub mod audit;
mod budget;
mod cost;
pub mod doctor;
mod outcome;
mod prices;
mod secrets;

pub use budget::budget_warnings;
pub use cost::{Amount, EnvironmentCost, Line, Load, NoPrices, SiteCost, difference, estimate};
pub use outcome::{Outcome, Verdict};
