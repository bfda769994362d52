//! How many epochs a pruned sweep trains at least and at most.

use std::collections::BTreeSet;

use gansweep_config::{PlannedRun, Prune, PruneMethod, RunState};
use gansweep_protocol::Metric;

use super::halving::RungPruner;
use super::median::NEEDED;
use super::units::{Priced, share};
use super::{AddedRun, Pruner};

/// Epochs of all runs of a sweep together, from their beginnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochBounds {
    /// At least, if no run diverges or fails.
    pub least: u64,
    /// At most.
    pub most: u64,
    /// Without pruning.
    pub unpruned: u64,
}

/// Bounds on what the runs of a plan, each once with its largest budget, are trained for.
pub fn epoch_bounds(prune: &Prune, metric: Metric, runs: &[PlannedRun]) -> EpochBounds {
    let unpruned: u64 = runs.iter().map(|run| u64::from(run.epochs)).sum();
    let mut pruner = RungPruner::new(prune.clone(), metric);
    let added = |run| AddedRun { run, state: RunState::Queued, step: 0, confirmed_step: 0, values: &[] };
    pruner.add(&runs.iter().map(added).collect::<Vec<_>>());
    let mut bounds = EpochBounds { least: 0, most: 0, unpruned };
    for competitors in pruner.competitors() {
        let (least, most) = match prune.method {
            PruneMethod::None => full(&competitors),
            PruneMethod::Median => of_median(prune, &competitors),
            PruneMethod::SuccessiveHalving | PruneMethod::Hyperband | PruneMethod::Asha => {
                of_rungs(prune, &competitors)
            }
        };
        bounds.least += least;
        bounds.most += most;
    }
    bounds
}

/// Every config is trained to its first rung, and from each rung as many go on as are promoted there; which ones, only the
/// values can tell.
fn of_rungs(prune: &Prune, configs: &[Priced]) -> (u64, u64) {
    let to_first = |config: &Priced| config.epochs(0, config.rungs.first().copied());
    let first: u64 = configs.iter().map(to_first).sum();
    let (mut least, mut most) = (first, first);
    let rungs: BTreeSet<u32> = configs.iter().flat_map(|config| config.rungs.iter().copied()).collect();
    let mut promoted: Option<(usize, usize)> = None;
    for rung in rungs {
        let come: Vec<&Priced> = configs.iter().filter(|config| config.rungs.contains(&rung)).collect();
        let end_before = configs.len() - come.len();
        let (fewest, most_of_them) = match promoted {
            None => (come.len(), come.len()),
            Some((fewest, most)) => (fewest.saturating_sub(end_before), most.min(come.len())),
        };
        let going = (share(prune, fewest), most_promoted(prune, most_of_them));
        let mut costs: Vec<u64> =
            come.iter().map(|config| config.epochs(rung, config.next_rung(rung))).collect();
        costs.sort_unstable();
        least += costs.iter().take(going.0).sum::<u64>();
        most += costs.iter().rev().take(going.1).sum::<u64>();
        promoted = Some(going);
    }
    (least, most)
}

/// In the worst order of arrival, ASHA promotes each config that comes after the first `factor - 1`.
fn most_promoted(prune: &Prune, come: usize) -> usize {
    match prune.method {
        PruneMethod::Asha if come > 0 => (come + 1).saturating_sub(prune.factor as usize).max(1),
        _ => share(prune, come),
    }
}

fn full(configs: &[Priced]) -> (u64, u64) {
    let epochs = configs.iter().map(|config| config.epochs(0, None)).sum();
    (epochs, epochs)
}

/// No config ends before as many are completed as the rule needs, nor before `min_epochs`.
fn of_median(prune: &Prune, configs: &[Priced]) -> (u64, u64) {
    let mut costs: Vec<(u64, u64)> = configs
        .iter()
        .map(|config| (config.epochs(0, None), config.epochs(0, Some(prune.min_epochs))))
        .collect();
    costs.sort_unstable();
    let full: u64 = costs.iter().map(|(full, _)| full).sum();
    let (complete, ended) = costs.split_at(NEEDED.min(costs.len()));
    let least =
        complete.iter().map(|(full, _)| full).sum::<u64>() + ended.iter().map(|(_, min)| min).sum::<u64>();
    (least, full)
}

#[cfg(test)]
mod tests {
    use gansweep_config::PruneSeeds;

    use super::*;
    use crate::mock::plan;

    fn bounds(
        method: PruneMethod,
        min_epochs: u32,
        seeds: PruneSeeds,
        runs: &[PlannedRun],
    ) -> (u64, u64, u64) {
        let prune = Prune { method, metric: "fd".to_owned(), min_epochs, factor: 3, seeds };
        let EpochBounds { least, most, unpruned } = epoch_bounds(&prune, Metric::Fd, runs);
        (least, most, unpruned)
    }

    /// Nine configs of two seeds.
    fn nine(epochs: u32) -> Vec<PlannedRun> {
        let rates = "[sweep]\nseeds = 2\n[sweep.grid]\n\"optimizer.lr\" = { log = [1e-4, 1e-2], n = 9 }\n";
        plan(rates, epochs).unwrap()
    }

    #[test]
    fn successive_halving_trains_as_many_epochs_as_published() {
        // 9 for 1 epoch, 3 for 2 more, 1 for 6 more; with two seeds each.
        let expected = 2 * (9 + 3 * 2 + 6);
        let found = bounds(PruneMethod::SuccessiveHalving, 1, PruneSeeds::Together, &nine(9));
        assert_eq!(found, (expected, expected, 2 * 81));
        // 18 runs: 6, then 2.
        let apart = bounds(PruneMethod::SuccessiveHalving, 1, PruneSeeds::Apart, &nine(9));
        assert_eq!(apart.0, 18 + 6 * 2 + 2 * 6);
    }

    #[test]
    fn asha_may_promote_more_in_a_bad_order() {
        let (least, most, _) = bounds(PruneMethod::Asha, 1, PruneSeeds::Together, &nine(9));
        assert_eq!(least, 2 * (9 + 3 * 2 + 6));
        // 7 of 9 go on, then 5 of 7.
        assert_eq!(most, 2 * (9 + 7 * 2 + 5 * 6));
    }

    #[test]
    fn hyperband_adds_up_its_brackets() {
        // Of 9 configs in shares of 9 : 5 : 3 (rungs 1 and 3): 5, 3 and 1. The first bracket trains 5 to 1, 1 to 9; the
        // second 3 to 3, 1 to 9; the third 1 to 9.
        let (least, most, _) = bounds(PruneMethod::Hyperband, 1, PruneSeeds::Together, &nine(9));
        assert_eq!(least, most);
        let brackets = [(5 + 2 + 6), (3 * 3 + 6), 9];
        let other = [(5 + 2 + 6), (2 * 3 + 6), 2 * 9];
        assert!(
            [2 * brackets.iter().sum::<u64>(), 2 * other.iter().sum::<u64>()].contains(&least),
            "{least}"
        );
    }

    #[test]
    fn the_median_rule_completes_what_it_needs() {
        let found = bounds(PruneMethod::Median, 2, PruneSeeds::Together, &nine(9));
        assert_eq!(found, (2 * (3 * 9 + 6 * 2), 2 * 81, 2 * 81));
    }

    #[test]
    fn without_pruning_every_run_is_trained_to_its_budget() {
        assert_eq!(bounds(PruneMethod::None, 1, PruneSeeds::Apart, &nine(4)), (72, 72, 72));
    }
}
