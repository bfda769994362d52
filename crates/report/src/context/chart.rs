//! Charts and curves.

use std::ops::Not;

use gansweep_protocol::Direction;
use serde::Serialize;

use super::{Number, Series};

/// Charts that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChartGroup {
    /// The heading.
    pub title: String,
    /// How to read the charts.
    pub hint: String,
    /// The charts.
    pub charts: Vec<Chart>,
}

/// The chart of one metric: one line per run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// The metric's name in the database.
    pub metric: String,
    /// The heading.
    pub title: String,
    /// The unit; empty for a pure number.
    pub unit: String,
    /// A tooltip that explains the metric.
    pub help: String,
    /// Index into [`Run::series`](super::Run::series).
    pub series: usize,
    /// Whether no run has more than one value, so that there is no curve: the page draws dots in columns by colour.
    #[serde(skip_serializing_if = "Not::not")]
    pub once: bool,
    /// Which way the metric is better, if it ranks runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub better: Option<Direction>,
    /// The smallest and the largest possible value if both exist; the chart then shows the whole range.
    pub range: Option<[Number; 2]>,
    /// Why the runs' curves must not be compared by value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomparable: Option<String>,
    /// A value to compare with, drawn as a dashed line.
    pub reference: Option<ReferenceLine>,
}

/// A value to compare with: for losses and scores, that of a discriminator that cannot tell real from fake.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReferenceLine {
    /// The y value.
    pub value: Number,
    /// The label.
    pub text: String,
}

/// Maps steps of one run to the other x axes, by linear interpolation between the entries.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct XAxes {
    /// Completed epochs, with a fraction.
    pub epoch: Series,
    /// Real images that the discriminator has seen.
    pub images_seen: Series,
    /// Seconds of training.
    pub seconds: Series,
}
