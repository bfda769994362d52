//! What a sweep shows: which config is best, what matters, what failed.

use std::ops::Not;

use gansweep_protocol::Direction;
use serde::Serialize;

use super::{FormattedNumber, Number};

/// What a sweep shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What configs are compared by.
    pub objective: Objective,
    /// What follows from the tests, in a sentence or two.
    pub verdict: Verdict,
    /// What limits the comparison, a sentence each.
    pub notes: Vec<String>,
    /// All runs in the order in which their table begins: the best first, then those with signs of collapse, then those
    /// without a value; in plan order if the objective ranks none.
    pub run_order: Vec<usize>,
    /// All configs by rank, then those without a value; in plan order if the objective ranks none.
    pub order: Vec<usize>,
    /// The configs with the best means, or the first ones if the objective ranks none.
    pub leaders: Vec<Leader>,
    /// Number of further configs that have a value.
    pub more_leaders: usize,
    /// Runs of the best config whose samples are shown; empty if there is no best config.
    pub examples: Vec<usize>,
    /// What explains the differences between runs, the largest share first.
    pub shares: Vec<Explained>,
    /// What limits the shares, a sentence each.
    pub share_notes: Vec<String>,
    /// What each value of each key does, in the order of `shares`.
    pub effects: Vec<KeyEffects>,
    /// Runs that did not reach the sweep's budget, by cause, the most frequent first.
    pub failures: Vec<RunsWithCause>,
    /// Runs with signs of collapse, by sign.
    pub collapses: Vec<RunsWithCause>,
    /// Number of runs that have too few points to look for a saturated discriminator or a diverging loss.
    pub unchecked: usize,
    /// Quantiles of Student's t for 95 % intervals with 1, 2, ... degrees of freedom.
    pub student_quantiles: Vec<Number>,
}

/// What configs are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Objective {
    /// The metric's name in the database.
    pub metric: String,
    /// The heading.
    pub title: String,
    /// The unit; empty for a pure number.
    pub unit: String,
    /// Which way it is better; `None` if it ranks no configs.
    pub better: Option<Direction>,
    /// When the compared values were measured: `5 epochs`.
    pub after: String,
    /// Decimals of the means over the runs of a config.
    pub decimals: usize,
}

/// What follows from the tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// In short.
    pub kind: VerdictKind,
    /// In a sentence or two, as `gansweep compare` prints it.
    pub text: String,
}

/// A verdict in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// The objective does not say which config is better.
    NotRanked,
    /// No run has a value.
    NoValue,
    /// There is nothing to compare the only config with a value with.
    OneConfig,
    /// There are too few runs for any test to tell.
    TooFew,
    /// One config is better than all others.
    Winner,
    /// Some configs cannot be told from the best.
    NoClearWinner,
    /// Configs train on different data, and values are not comparable between data.
    OtherData,
}

/// A config in the chart of means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leader {
    /// Its place in [`Configuration::configs`](super::Configuration::configs).
    pub config: usize,
    /// As displayed; `the only config` where nothing is swept.
    pub label: String,
    /// Whether the tests cannot tell it from the best.
    pub tied: bool,
    /// Mean and interval in the chart.
    pub mark: Mark,
}

/// A value with its interval on a chart's scale, in percent of the chart's width.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// The value.
    pub at: Number,
    /// The interval's ends, which are those of the chart where the interval is longer; `None` without an interval.
    pub span: Option<[Number; 2]>,
    /// Whether the value is outside of the chart, and its place the end that is nearer.
    #[serde(skip_serializing_if = "Not::not")]
    pub outside: bool,
    /// Value and interval in words: `12.3 ± 0.8, n = 3`.
    pub text: String,
}

/// How a config did by the objective, over all of its runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// From 1; `None` if the objective ranks no configs.
    pub rank: Option<usize>,
    /// Mean of the values.
    pub mean: FormattedNumber,
    /// Half of the mean's 95 % interval; `None` for one run.
    pub half: Option<FormattedNumber>,
    /// Number of runs with a value.
    pub runs: usize,
    /// Difference from the best config; `None` for that itself.
    pub difference: Option<FormattedNumber>,
    /// The test's adjusted p-value.
    pub p: Option<FormattedNumber>,
}

/// What a key, the seed or interactions explain of the variance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The keys; empty for the seed and for interactions.
    pub keys: Vec<String>,
    /// As displayed: `lr`, `seed`.
    pub title: String,
    /// The share in percent; `None` if it cannot be separated from others.
    pub percent: Option<Number>,
    /// The interval in percent.
    pub interval: Option<[Number; 2]>,
    /// As displayed: `62 % (41 to 75 %)`.
    pub text: String,
    /// Whether the interval excludes 0; `None` without an interval.
    pub significant: Option<bool>,
}

/// What the values of a key do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyEffects {
    /// The keys: several if they change together.
    pub keys: Vec<String>,
    /// As displayed.
    pub title: String,
    /// Its values.
    pub levels: Vec<Level>,
    /// Where an effect of 0 is, in percent of the width.
    pub zero: Number,
}

/// What a value of a key does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// As displayed.
    pub text: String,
    /// The difference from the mean of all runs; `None` if it cannot be separated from other keys' effects.
    pub mark: Option<Mark>,
    /// Whether the interval excludes 0.
    pub significant: bool,
}

/// Runs that ended for the same cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunsWithCause {
    /// Their state, or `collapsed`.
    pub state: String,
    /// The cause of the first.
    pub cause: String,
    /// Indices of the runs.
    pub runs: Vec<usize>,
    /// What they have in common and others have less often: `lr=1e-2: 6 of 6 runs`.
    pub common: Vec<String>,
}
