//! Adaptive search: the runs of later trials depend on the results of earlier ones.

use std::collections::HashMap;

use gansweep_config::{PlannedRun, Prune, RunId, SearchSpace};
use gansweep_protocol::{Direction, Metric};
use gansweep_search::{Settings, Space, Trial, propose};
use gansweep_store::{TrialRow, TrialSource};

use super::trial::{SearchTrial, level_to_learn_from, levels};
use super::{Proposal, ProposedTrials, RunResult, Searcher};

/// Values that the model needs of a level, beyond the number of dimensions: `N_min + 2` with `N_min = d + 1`, as published
/// for BOHB.
const BEYOND_DIMENSIONS: usize = 3;

/// Proposes trials by tree-structured Parzen estimators. A trial is a config with all its seeds, and its value the mean
/// over them. Where pruning pauses runs, it learns from the values of one rung, the highest with enough of them, as BOHB does
/// (Falkner et al. 2018): values of different epochs do not compare.
///
/// Proposals depend on the space, the number of the trial and the results that are known, and on nothing else. So a search goes
/// on from its recorded trials as if it had never been interrupted.
#[derive(Debug)]
pub struct AdaptiveSearch<'e> {
    space: SearchSpace<'e>,
    dimensions: Space,
    prune: Prune,
    metric: Metric,
    trials: Vec<SearchTrial>,
    /// The trial of each run.
    places: HashMap<RunId, usize>,
    has_begun: bool,
    /// Whether it found no further config.
    is_exhausted: bool,
}

/// The best trial of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct BestTrial {
    /// Its number.
    pub trial: u32,
    /// The searched values in short form: `lr=1e-4 hidden=128`.
    pub values: String,
    /// The metric that the search improves.
    pub metric: Metric,
    /// Its value, the mean over the seeds.
    pub value: f64,
    /// The number of trials with a value, of which it is the best.
    pub of: usize,
    /// The number of all trials.
    pub trials: usize,
}

impl<'e> AdaptiveSearch<'e> {
    /// A search that goes on from recorded trials. Those that are no longer in the space, or whose config is another one now, are
    /// left out.
    pub fn new(space: SearchSpace<'e>, prune: Prune, metric: Metric, recorded: &[TrialRow]) -> Self {
        let dimensions = space.dimensions();
        let (trials, places) = (Vec::new(), HashMap::new());
        let mut search =
            Self { space, dimensions, prune, metric, trials, places, has_begun: false, is_exhausted: false };
        for row in recorded.iter().take(search.space.search().trials) {
            let Some(point) = search.space.point(&row.assignments) else { continue };
            let runs = search.space.runs(&point);
            let is_same = runs.first().is_some_and(|run| run.config_hash.as_str() == row.config_hash);
            if is_same {
                search.add(row.clone(), &point, runs);
            }
        }
        for point in search.space.startup() {
            let drawn = search.trials.iter().filter(|trial| trial.row.source == TrialSource::Drawn).count();
            let runs = search.new_runs(&point);
            if !runs.is_empty() && drawn < search.space.search().startup && search.has_room() {
                let row = search.row(TrialSource::Drawn, &point, &runs, Vec::new());
                search.add(row, &point, runs);
            }
        }
        search
    }

    /// The runs of all trials so far.
    pub fn runs(&self) -> Vec<PlannedRun> {
        self.trials.iter().flat_map(|trial| trial.runs.iter().cloned()).collect()
    }

    /// The number of trials that are still to be proposed.
    pub fn to_propose(&self) -> usize {
        self.space.search().trials.saturating_sub(self.trials.len())
    }

    /// The best trial so far, of those that were trained the furthest; `None` before the first has a value.
    pub fn best(&self) -> Option<BestTrial> {
        let levels = levels(&self.prune, &self.trials);
        let loss_of = |trial: &SearchTrial, level| trial.value(level).filter(|loss| loss.is_finite());
        let best_of = |level| {
            let known = self.trials.iter().filter_map(|trial| Some((loss_of(trial, level)?, trial)));
            known.min_by(|(a, _), (b, _)| a.total_cmp(b))
        };
        let (loss, best) = levels.iter().rev().find_map(|level| best_of(*level))?;
        let has_value = |trial: &&SearchTrial| levels.iter().any(|level| loss_of(trial, *level).is_some());
        let label = best.runs.first().map_or("", |run| &run.label);
        let values = label.rsplit_once(" seed=").map_or(label, |(values, _)| values);
        Some(BestTrial {
            trial: best.row.trial,
            values: values.to_owned(),
            metric: self.metric,
            value: if self.metric.declaration().direction == Direction::Higher { -loss } else { loss },
            of: self.trials.iter().filter(has_value).count(),
            trials: self.trials.len(),
        })
    }

    /// The number of its trials and that of those asked for, if it found no further config in its space.
    pub fn exhausted_after(&self) -> Option<(usize, usize)> {
        self.is_exhausted.then(|| (self.trials.len(), self.space.search().trials))
    }

    fn has_room(&self) -> bool {
        self.to_propose() > 0
    }

    /// The runs of a point, if no trial has them.
    fn new_runs(&self, point: &[f64]) -> Vec<PlannedRun> {
        let runs = self.space.runs(point);
        if runs.iter().any(|run| self.places.contains_key(&run.id)) { Vec::new() } else { runs }
    }

    fn row(&self, source: TrialSource, point: &[f64], runs: &[PlannedRun], open: Vec<u32>) -> TrialRow {
        TrialRow {
            trial: self.next_number(),
            source,
            metric: self.metric.name().to_owned(),
            assignments: self.space.assignments(point),
            config_hash: runs.first().map_or_else(String::new, |run| run.config_hash.as_str().to_owned()),
            open,
        }
    }

    fn next_number(&self) -> u32 {
        self.trials.iter().map(|trial| trial.row.trial + 1).max().unwrap_or(0)
    }

    fn add(&mut self, row: TrialRow, point: &[f64], runs: Vec<PlannedRun>) {
        let effects = self.space.effects(point);
        let point = point.iter().zip(effects).map(|(number, has_effect)| has_effect.then_some(*number));
        let place = self.trials.len();
        self.places.extend(runs.iter().map(|run| (run.id.clone(), place)));
        self.trials.push(SearchTrial::new(row, point.collect(), runs));
    }

    /// Adds the next proposal; `false` if the space has no usable point left.
    fn propose(&mut self) -> bool {
        let enough = self.space.dimension_count() + BEYOND_DIMENSIONS;
        let level = level_to_learn_from(&levels(&self.prune, &self.trials), &self.trials, enough);
        let trials: Vec<Trial> = self.trials.iter().filter_map(|trial| trial.observed(level)).collect();
        let mut uniform = self.space.uniforms(self.next_number() as usize);
        let mut effects = |point: &[f64]| {
            // The values of a proposal are rounded: what has no effect must be known of the point that is trained.
            let is_new = !self.new_runs(point).is_empty();
            is_new.then(|| self.space.effects(point))
        };
        let proposed = propose(&self.dimensions, &trials, Settings::default(), &mut uniform, &mut effects);
        let Some(point) = proposed.and_then(|point| self.space.point(&self.space.assignments(&point))) else {
            return false;
        };
        let runs = self.space.runs(&point);
        let open = self.trials.iter().filter(|trial| trial.is_open()).map(|trial| trial.row.trial);
        let row = self.row(TrialSource::Model, &point, &runs, open.collect());
        self.add(row, &point, runs);
        true
    }

    /// How many trials to propose so that `wanted` runs can begin.
    fn missing(&self, wanted: usize) -> usize {
        let parallel = self.space.search().parallel;
        let open = self.trials.iter().filter(|trial| trial.is_open()).count();
        if parallel > 0 {
            return parallel.saturating_sub(open);
        }
        let seeds = self.trials.first().map_or(1, |trial| trial.runs.len()).max(1);
        wanted.div_ceil(seeds).max(1)
    }
}

impl Searcher for AdaptiveSearch<'_> {
    fn ask(&mut self, wanted: usize) -> Proposal {
        let first = if self.has_begun { self.trials.len() } else { 0 };
        if self.has_begun {
            if !self.has_room() {
                return Proposal::Done;
            }
            let missing = self.missing(wanted).min(self.to_propose());
            if missing == 0 {
                return Proposal::Later;
            }
            for _ in 0..missing {
                if !self.propose() {
                    self.is_exhausted = true;
                    break;
                }
            }
            if first == self.trials.len() {
                return Proposal::Done;
            }
        }
        self.has_begun = true;
        let new = &self.trials[first..];
        Proposal::Trials(ProposedTrials {
            trials: new.iter().map(|trial| trial.row.clone()).collect(),
            runs: new.iter().flat_map(|trial| trial.runs.iter().cloned()).collect(),
        })
    }

    fn tell(&mut self, result: &RunResult<'_>) {
        if let Some(place) = self.places.get(&result.run.id) {
            self.trials[*place].tell(result, self.metric);
        }
    }

    fn is_done(&self) -> bool {
        self.has_begun && (self.is_exhausted || !self.has_room())
    }

    fn metric(&self) -> Option<Metric> {
        Some(self.metric)
    }
}
