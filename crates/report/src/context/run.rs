//! A run.

use std::ops::Not;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::Geometry;
use serde::Serialize;

use super::{Grid, Number, Series, XAxes};

/// A run: a row of the table, a line in each chart, a series of sample grids.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// The run's id.
    pub id: RunId,
    /// The swept values and the seed, without what all runs share: `lr=1e-4 seed=0`.
    pub label: String,
    /// The seed.
    pub seed: u64,
    /// For each axis, the index of this run's value; `None` if the axis does not apply to it.
    pub values: Vec<Option<usize>>,
    /// The run's state with respect to the sweep's budget.
    pub state: RunState,
    /// Why the run ended, unless it is completed, running or waiting.
    pub cause: Option<String>,
    /// Signs that the run has collapsed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Completed steps.
    pub step: u64,
    /// Steps up to the sweep's budget.
    pub total_steps: u64,
    /// The sweep's budget in epochs.
    pub epochs: u32,
    /// Seconds of training.
    pub seconds: FormattedNumber,
    /// Real images per second over the whole training.
    pub images_per_second: Option<FormattedNumber>,
    /// What it is compared by: the objective's last value, if it has reached the budget of the comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Number>,
    /// The last value of each metric column of the table.
    pub last_values: Vec<Option<FormattedNumber>>,
    /// The best checkpoint, if the run keeps one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
    /// All attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The sample grids of its generator's weights that the page includes, by step.
    pub grids: Vec<Grid>,
    /// Those of the moving average of the weights; empty if the run keeps none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub averaged_grids: Vec<Grid>,
    /// Rows, columns and image size of its grids where they are not the sweep's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Geometry>,
    /// Whether its images are in colour.
    #[serde(skip_serializing_if = "Not::not")]
    pub colored: bool,
    /// The index of the real images of its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real: Option<usize>,
    /// What the columns of a conditional run's grids are called: the names of the classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Maps steps to the other x axes.
    pub x_axes: XAxes,
    /// The curves, in the order of the charts.
    pub series: Vec<Series>,
}

/// A number and its display text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormattedNumber {
    /// The number.
    pub value: Number,
    /// As displayed.
    pub text: String,
}

/// The checkpoint of a run with the best value of a quality figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Best {
    /// Completed steps.
    pub step: u64,
    /// Completed epochs.
    pub epoch: FormattedNumber,
    /// The figure and its value: `FD 12.3`.
    pub figure: String,
}

/// A sign that a run has collapsed, whatever its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What was noticed.
    pub sign: Sign,
    /// A sentence with the numbers that led to it.
    pub text: String,
}

/// What a [`Warning`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// D is right about every image, so that G does not learn.
    Saturated,
    /// G's loss is far above that of a balanced game.
    Diverging,
    /// G's images are of a few classes of the data.
    FewClasses,
    /// G generates the same image for all latent vectors.
    SameSamples,
}

/// An attempt at training a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Counts from 1.
    pub attempt: u32,
    /// Device and backend: `cpu (native (AVX-512))`.
    pub device: String,
    /// Group and lane: `group 2, lane 3 of 8`, or `alone`; empty if unknown.
    pub place: String,
    /// How it ended, or `running`.
    pub state: RunState,
    /// Why it ended, unless the run was completed.
    pub cause: Option<String>,
}
