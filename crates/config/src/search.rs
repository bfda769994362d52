//! `[search]`: settings of the adaptive search.

use serde::{Deserialize, Serialize};

use crate::RANKING_METRICS;

/// An adaptive search over the axes of `[sweep.random.keys]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Search {
    /// The number of configs to train, each with every seed.
    pub trials: usize,
    /// How many of them are random draws.
    pub startup: usize,
    /// The name of the metric to improve.
    pub metric: String,
    /// How many trials are in flight; 0 for as many as there are workers.
    pub parallel: usize,
    /// The seed of draws and proposals.
    pub seed: u64,
}

impl Search {
    /// The metrics that a search can improve: those with a better direction. The declarations of metrics are compared with
    /// this list by a test of theirs.
    pub const METRICS: &'static [&'static str] = &{
        let mut all = ["images_per_second"; RANKING_METRICS.len() + 1];
        let mut at = 0;
        while at < RANKING_METRICS.len() {
            all[at] = RANKING_METRICS[at];
            at += 1;
        }
        all
    };
}

/// The keys of `[search]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchSettings {
    method: Method,
    trials: usize,
    startup: usize,
    metric: String,
    parallel: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    None,
    Tpe,
}

impl SearchSettings {
    /// The search, if there is one, with the seed of `[sweep.random]`.
    pub(crate) fn search(&self, seed: u64) -> Option<Search> {
        let Self { method, trials, startup, metric, parallel } = self;
        (*method == Method::Tpe).then(|| Search {
            trials: *trials,
            startup: (*startup).min(*trials),
            metric: metric.clone(),
            parallel: *parallel,
            seed,
        })
    }
}
