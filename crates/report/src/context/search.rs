//! The trials of a search.

use gansweep_protocol::Direction;
use gansweep_store::TrialSource;
use serde::Serialize;

use super::{FormattedNumber, Number};

/// An adaptive search: its trials in the order in which they were proposed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Search {
    /// The title of the metric that it improves.
    pub title: String,
    /// The metric's unit; empty for a pure number.
    pub unit: String,
    /// Which way the metric is better.
    pub better: Direction,
    /// Whether pruning has paused trials, so that values are of different epochs.
    pub has_paused: bool,
    /// How many trials there are of each kind, and which is best: a sentence.
    pub summary: String,
    /// The trials.
    pub trials: Vec<Trial>,
    /// The best value so far as the points of an SVG polyline, in percent of the chart's width and height.
    pub best_line: String,
    /// The values at the chart's lower and upper edge; `None` before the first trial has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edges: Option<[String; 2]>,
}

/// A trial: a config with all its seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// Its number, from 0 as in the database.
    pub number: u32,
    /// Whether its values are random draws or a model's proposal.
    pub source: TrialSource,
    /// The searched keys and their values: `lr=1e-4 hidden=128`.
    pub label: String,
    /// Indices of its runs.
    pub runs: Vec<usize>,
    /// The mean over its runs, once all of them have a value.
    pub value: Option<FormattedNumber>,
    /// How far its runs were trained, where some trials were trained further than others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Whether it is one of those that were trained the furthest, and no earlier one of these has a better value.
    pub is_best_so_far: bool,
    /// Where it is in the chart, in percent from the left and from the top; `None` without a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<[Number; 2]>,
}
