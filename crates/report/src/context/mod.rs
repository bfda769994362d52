//! The page's data. The templates render it, the page's scripts read it as JSON, and tests take
//! snapshots of it.
//!
//! Runs, axes and charts are referred to by index, images by run id and step.

mod chart;
mod config;
mod findings;
mod number;
mod run;
mod sample;
mod search;
mod series;
mod sweep;

pub use chart::{Chart, ChartGroup, ReferenceLine, XAxes};
pub use config::{ConfigRuns, Configuration, Differing, LayerRow, Section, Setting, Spread, ValueRuns};
pub use findings::{
    Explained, Findings, KeyEffects, Leader, Level, Mark, Objective, RunsWithCause, Standing, Verdict,
    VerdictKind,
};
pub use number::Number;
pub use run::{Attempt, Best, FormattedNumber, Run, Sign, Warning};
pub use sample::{Grid, GridLayout, Heading, RealGrid, Samples, Shades};
pub use search::{Search, Trial};
pub use series::Series;
pub use sweep::{
    Axis, AxisValue, Column, DatasetUse, NextExperiment, Rung, StateCount, Sweep, Timestamp, Variant,
};

use serde::Serialize;

/// All data of a page except the images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Context {
    /// The page's title.
    pub title: String,
    /// The version of the program that wrote the page.
    pub program_version: String,
    /// When the page was written.
    pub generated: Timestamp,
    /// The database's path.
    pub database: String,
    /// What is damaged in the database.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
    /// The sweeps, in page order.
    pub sweeps: Vec<Sweep>,
}
