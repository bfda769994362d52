//! Everything a page says, as plain data.
//!
//! This is what the tests look at, what the template is filled from and what the page's scripts
//! read (as JSON). Runs, axes and charts are referred to by their index in their list; images by
//! run and step.

mod chart;
mod config;
mod number;
mod run;
mod sample;
mod sweep;

pub use chart::{Chart, ChartGroup, Clock, ReferenceLine, Series};
pub use config::{ConfigUse, Configuration, Differing, Section, Setting, ValueUse};
pub use number::Number;
pub use run::{Attempt, Final, Run};
pub use sample::{Grid, Heading, RealGrid, Samples, Wall};
pub use sweep::{Axis, AxisValue, Column, DatasetUse, Moment, StateCount, Sweep};

use serde::Serialize;

/// Everything a page says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Context {
    /// The page's title.
    pub title: String,
    /// The version of the program that made the page.
    pub program_version: String,
    /// When the page was made.
    pub generated: Moment,
    /// Where the database is.
    pub database: String,
    /// The sweeps, in the order of the page.
    pub sweeps: Vec<Sweep>,
}
