//! A trial of a search, and its value at each length of training that pruning lets it have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gansweep_config::{PlannedRun, Prune, RunId, RunState};
use gansweep_protocol::{Direction, Metric};
use gansweep_search::Trial;
use gansweep_store::TrialRow;

use super::RunResult;

/// How far runs are trained when their values are compared. Values of different levels do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Up to a rung of the pruner, in epochs.
    Rung(u32),
    /// Up to the budget.
    Budget,
}

/// A trial and what is known of it.
#[derive(Debug)]
pub(super) struct SearchTrial {
    pub(super) row: TrialRow,
    /// As the model takes it: without the coordinates that have no effect.
    pub(super) point: Vec<Option<f64>>,
    pub(super) runs: Vec<PlannedRun>,
    results: HashMap<RunId, Known>,
}

/// What is known of a run that is over or paused.
#[derive(Debug)]
struct Known {
    state: RunState,
    step: u64,
    /// Recorded values at the ends of epochs, as losses: smaller is better, and infinity is the worst.
    losses: BTreeMap<u32, f64>,
}

impl SearchTrial {
    pub(super) fn new(row: TrialRow, point: Vec<Option<f64>>, runs: Vec<PlannedRun>) -> Self {
        Self { row, point, runs, results: HashMap::new() }
    }

    /// Takes the result of one of its runs.
    pub(super) fn tell(&mut self, result: &RunResult<'_>, metric: Metric) {
        let per_epoch = u64::from(result.run.config.steps_per_epoch(&result.run.spec)).max(1);
        let total = result.run.total_steps();
        let ends_epoch = |(step, _): &&(u64, f64)| step.is_multiple_of(per_epoch) && *step <= total;
        let at_epoch = |(step, value): &(u64, f64)| ((step / per_epoch) as u32, loss(*value, metric));
        let losses = result.recorded.iter().filter(ends_epoch).map(at_epoch).collect();
        let known = Known { state: result.state, step: result.step, losses };
        self.results.insert(result.run.id.clone(), known);
    }

    /// The mean over the seeds at a level, once all have come there; infinite if one of them has no value or will never have
    /// one.
    pub(super) fn value(&self, level: Level) -> Option<f64> {
        let losses: Option<Vec<f64>> = self.runs.iter().map(|run| self.loss(run, level)).collect();
        losses.map(|losses| losses.iter().sum::<f64>() / losses.len() as f64)
    }

    fn loss(&self, run: &PlannedRun, level: Level) -> Option<f64> {
        let known = self.results.get(&run.id)?;
        let is_dead = matches!(known.state, RunState::Diverged | RunState::Failed | RunState::Pruned);
        match level {
            Level::Budget if known.state == RunState::Completed => {
                Some(known.losses.last_key_value().map_or(f64::INFINITY, |(_, loss)| *loss))
            }
            Level::Budget => is_dead.then_some(f64::INFINITY),
            // Its budget ends before.
            Level::Rung(epochs) if epochs >= run.epochs => is_dead.then_some(f64::INFINITY),
            Level::Rung(epochs) => {
                let has_come = known.step >= run.config.steps(epochs, &run.spec);
                known.losses.get(&epochs).copied().or((is_dead || has_come).then_some(f64::INFINITY))
            }
        }
    }

    /// Whether one of its runs has come to no level yet.
    pub(super) fn is_open(&self) -> bool {
        self.runs.iter().any(|run| !self.results.contains_key(&run.id))
    }

    /// As the model takes it, with its value at a level. None where only its values at other levels are known.
    pub(super) fn observed(&self, level: Level) -> Option<Trial> {
        let value = self.value(level);
        (value.is_some() || self.is_open()).then(|| Trial { point: self.point.clone(), value })
    }
}

fn loss(value: f64, metric: Metric) -> f64 {
    let loss = if metric.declaration().direction == Direction::Higher { -value } else { value };
    if loss.is_finite() { loss } else { f64::INFINITY }
}

/// The levels that the trials can have values at, ascending.
pub(super) fn levels(prune: &Prune, trials: &[SearchTrial]) -> Vec<Level> {
    let budgets: BTreeSet<u32> =
        trials.iter().flat_map(|trial| trial.runs.iter().map(|run| run.epochs)).collect();
    let rungs: BTreeSet<u32> = budgets.iter().flat_map(|budget| prune.rungs(*budget)).collect();
    rungs.into_iter().map(Level::Rung).chain([Level::Budget]).collect()
}

/// The level whose values the model learns from: the highest one with `enough` finite values, as in BOHB (Falkner et al.
/// 2018). Before there is one, the level with the most values, the highest of equals.
pub(super) fn level_to_learn_from(levels: &[Level], trials: &[SearchTrial], enough: usize) -> Level {
    let finite =
        |level: Level| trials.iter().filter(|trial| trial.value(level).is_some_and(f64::is_finite)).count();
    let counts: Vec<(usize, Level)> = levels.iter().map(|level| (finite(*level), *level)).collect();
    let known_enough = counts.iter().rev().find(|(count, _)| *count >= enough);
    known_enough.or(counts.iter().max()).map_or(Level::Budget, |(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use gansweep_config::{PruneMethod, PruneSeeds};
    use gansweep_store::TrialSource;

    use super::*;
    use crate::mock::plan;

    const NINE_EPOCHS: u32 = 9;

    fn halving() -> Prune {
        let metric = "fd".to_owned();
        Prune { method: PruneMethod::Asha, metric, min_epochs: 1, factor: 3, seeds: PruneSeeds::Together }
    }

    /// Trials of two seeds each.
    fn trials(count: usize) -> Vec<SearchTrial> {
        let rates = format!(
            "[sweep]\nseeds = 2\n[sweep.grid]\n\"optimizer.lr\" = {{ log = [1e-4, 1e-2], n = {count} }}\n"
        );
        let runs = plan(&rates, NINE_EPOCHS).unwrap();
        let trial = |(number, runs): (usize, &[PlannedRun])| {
            let row = TrialRow {
                trial: number as u32,
                source: TrialSource::Drawn,
                metric: "fd".to_owned(),
                assignments: Vec::new(),
                config_hash: String::new(),
                open: Vec::new(),
            };
            SearchTrial::new(row, vec![Some(number as f64)], runs.to_vec())
        };
        runs.chunks(2).enumerate().map(trial).collect()
    }

    /// Both seeds come to an epoch, with a value at each rung up to there.
    fn come(trial: &mut SearchTrial, state: RunState, epochs: u32, value: f64) {
        for run in trial.runs.clone() {
            let steps = |epochs| run.config.steps(epochs, &run.spec);
            let recorded: Vec<(u64, f64)> =
                [1, 3, 9].into_iter().filter(|it| *it <= epochs).map(|it| (steps(it), value)).collect();
            let step = steps(epochs);
            trial.tell(&RunResult { run: &run, state, step, values: &[], recorded: &recorded }, Metric::Fd);
        }
    }

    #[test]
    fn values_of_a_level_are_those_of_its_epoch_alone() {
        let mut trials = trials(3);
        assert_eq!(levels(&halving(), &trials), [Level::Rung(1), Level::Rung(3), Level::Budget]);
        come(&mut trials[0], RunState::Paused, 1, 5.0);
        come(&mut trials[1], RunState::Completed, 9, 2.0);
        come(&mut trials[2], RunState::Diverged, 2, 7.0);
        let values = |level| trials.iter().map(|trial| trial.value(level)).collect::<Vec<_>>();
        assert_eq!(values(Level::Rung(1)), [Some(5.0), Some(2.0), Some(7.0)]);
        assert_eq!(values(Level::Rung(3)), [None, Some(2.0), Some(f64::INFINITY)]);
        assert_eq!(values(Level::Budget), [None, Some(2.0), Some(f64::INFINITY)]);
        // The first is known, at another level: it says nothing here, and is not waited for.
        assert!(trials[0].observed(Level::Rung(3)).is_none());
    }

    #[test]
    fn a_trial_is_open_and_has_no_value_until_its_last_seed_has_come() {
        let mut trials = trials(2);
        let run = trials[0].runs[0].clone();
        let recorded = [(run.config.steps(1, &run.spec), 4.0)];
        let state = RunState::Paused;
        let result = RunResult { run: &run, state, step: recorded[0].0, values: &[], recorded: &recorded };
        trials[0].tell(&result, Metric::Fd);
        assert!(trials[0].is_open());
        let observed = trials[0].observed(Level::Rung(1)).unwrap();
        assert_eq!(observed, Trial { point: vec![Some(0.0)], value: None });
    }

    #[test]
    fn the_highest_level_with_enough_values_is_learnt_from() {
        let mut trials = trials(6);
        let learnt = |trials: &[SearchTrial]| level_to_learn_from(&levels(&halving(), trials), trials, 3);
        assert_eq!(learnt(&trials), Level::Budget, "nothing is known");
        come(&mut trials[0], RunState::Paused, 1, 5.0);
        come(&mut trials[1], RunState::Completed, 9, 2.0);
        assert_eq!(learnt(&trials), Level::Rung(1), "with two of two");
        for trial in &mut trials[2..4] {
            come(trial, RunState::Paused, 3, 3.0);
        }
        assert_eq!(learnt(&trials), Level::Rung(3));
        come(&mut trials[4], RunState::Diverged, 2, 1.0);
        assert_eq!(learnt(&trials), Level::Rung(3), "what diverges is no observation");
        for trial in &mut trials[2..4] {
            come(trial, RunState::Completed, 9, 3.0);
        }
        assert_eq!(learnt(&trials), Level::Budget);
    }

    #[test]
    fn without_pruning_there_is_the_budget_alone() {
        let none = Prune { method: PruneMethod::None, ..halving() };
        assert_eq!(levels(&none, &trials(2)), [Level::Budget]);
    }

    #[test]
    fn of_a_metric_that_is_to_be_high_the_loss_is_its_negative_and_what_is_not_finite_is_the_worst() {
        assert!(loss(0.5, Metric::Recall) < 0.0 && loss(0.5, Metric::Fd) > 0.0);
        for value in [f64::NAN, f64::NEG_INFINITY, f64::INFINITY] {
            assert!(loss(value, Metric::Fd).is_infinite() && loss(value, Metric::Fd) > 0.0);
        }
    }
}
