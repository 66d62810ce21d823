//! What can be told of a fleet without changing it.

pub mod audit;
mod budget;
mod cost;
mod prices;

pub use budget::budget_warnings;
pub use cost::{Amount, EnvironmentCost, Line, Load, NoPrices, SiteCost, difference, estimate};
