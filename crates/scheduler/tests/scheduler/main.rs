//! Sweeps from end to end, with workers that simulate.

mod adaptive_search;
mod budgets;
mod cluster;
mod disturbances;
mod faults;
mod groups;
mod liveness;
mod process;
mod pruning;
mod recording;
mod search_and_pruning;
mod stopping;
mod support;
mod sweeps;
