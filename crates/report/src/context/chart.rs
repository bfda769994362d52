//! The charts and their curves.

use serde::Serialize;

use super::Number;

/// Charts that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChartGroup {
    /// The heading.
    pub title: String,
    /// What to look for.
    pub hint: String,
    /// The charts.
    pub charts: Vec<Chart>,
}

/// One metric, one line per run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// The metric's name in the database.
    pub metric: String,
    /// The heading.
    pub title: String,
    /// The unit; empty for a pure number.
    pub unit: String,
    /// One sentence.
    pub help: String,
    /// Which of a run's series it draws.
    pub series: usize,
    /// The smallest and the largest possible value, where both exist; all of it is shown.
    pub range: Option<[Number; 2]>,
    /// A value worth comparing with.
    pub reference: Option<ReferenceLine>,
}

/// A value worth comparing with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReferenceLine {
    /// Where the line is.
    pub value: Number,
    /// What it is.
    pub text: String,
}

/// One metric of one run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Series {
    /// Steps done at each point, ascending.
    pub steps: Vec<u64>,
    /// The value at each point.
    pub values: Vec<Number>,
}

/// What a step of one run was on the other x axes; straight lines lead from each entry to the next.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Clock {
    /// Epochs done, fractional within one.
    pub epoch: Series,
    /// Real images seen by the discriminator.
    pub images_seen: Series,
    /// Seconds of training.
    pub seconds: Series,
}
