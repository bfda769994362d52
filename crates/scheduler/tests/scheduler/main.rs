//! Sweeps from end to end, with workers that pretend.

mod budgets;
mod disturbances;
mod faults;
mod groups;
mod process;
mod recording;
mod stopping;
mod support;
mod sweeps;
