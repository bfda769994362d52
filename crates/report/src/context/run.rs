//! One run: a row of the table, a line in every chart, a grid on the wall.

use gansweep_config::{RunId, RunState};
use serde::Serialize;

use super::{Clock, Grid, Number, Series};

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The swept values and the seed in a few words.
    pub label: String,
    /// Its seed.
    pub seed: u64,
    /// For each axis, which of its values; none where the axis does not touch this run.
    pub values: Vec<Option<usize>>,
    /// Where it stands.
    pub state: RunState,
    /// Why, unless the run is completed, running or waiting.
    pub cause: Option<String>,
    /// Steps done.
    pub step: u64,
    /// Steps in the whole run.
    pub total_steps: u64,
    /// Epochs in the whole run.
    pub epochs: u32,
    /// Seconds of training.
    pub seconds: Final,
    /// Real images per second over the whole training.
    pub images_per_second: Option<Final>,
    /// For each column of the table, the metric's last value.
    pub finals: Vec<Option<Final>>,
    /// Every try at it.
    pub attempts: Vec<Attempt>,
    /// Its sample grids, by step.
    pub grids: Vec<Grid>,
    /// What each step was on the other x axes.
    pub clock: Clock,
    /// Its curves, in the order of the charts.
    pub series: Vec<Series>,
}

/// The last value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Final {
    /// The number.
    pub value: Number,
    /// For people.
    pub text: String,
}

/// One try at a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Counts from 1.
    pub attempt: u32,
    /// What trained it: `cpu (native x86-64-v4)`.
    pub device: String,
    /// Where among its neighbours: `group 2, lane 3 of 8`, or `alone`; empty where that is not known.
    pub place: String,
    /// How it ended; `running` while it has not.
    pub state: RunState,
    /// Why, unless the run was completed.
    pub cause: Option<String>,
}
