//! Pruning: which runs of a sweep end or wait before their budget. Not part of a run's identity.

use serde::{Deserialize, Serialize};

/// How the runs of a sweep are pruned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// The rule.
    pub method: PruneMethod,
    /// The name of the metric that runs are compared by.
    pub metric: String,
    /// No run is compared before it has done this many epochs.
    pub min_epochs: u32,
    /// One of this many runs goes on at a rung, for this many times as long.
    pub factor: u32,
    /// What is compared.
    pub seeds: PruneSeeds,
}

/// The rule that runs are pruned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PruneMethod {
    /// Every run is trained to its budget.
    None,
    /// The best of a rung go on once all runs have come there (Jamieson and Talwalkar 2016).
    SuccessiveHalving,
    /// A run goes on as soon as it is among the best of those that have come to its rung (Li et al. 2020).
    Asha,
    /// Successive halving in brackets, each of which begins at another rung (Li et al. 2018).
    Hyperband,
    /// A run ends when it is worse than the median of the others (Golovin et al. 2017).
    Median,
}

/// What is compared at a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PruneSeeds {
    /// Configs, by the mean over their seeds.
    Together,
    /// Runs.
    Apart,
}

impl PruneMethod {
    /// The word in experiment files.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SuccessiveHalving => "successive-halving",
            Self::Asha => "asha",
            Self::Hyperband => "hyperband",
            Self::Median => "median",
        }
    }
}

impl Prune {
    /// Whether runs may end or wait before their budget.
    pub fn is_on(&self) -> bool {
        self.method != PruneMethod::None
    }

    /// The epochs at whose ends a run of that budget is compared with others, ascending: `min_epochs` times the
    /// powers of `factor`, below the budget. They do not depend on the budget otherwise, so that a larger one adds
    /// rungs and moves none. None for a rule without rungs.
    pub fn rungs(&self, budget: u32) -> Vec<u32> {
        if matches!(self.method, PruneMethod::None | PruneMethod::Median) {
            return Vec::new();
        }
        let next = |epochs: &u32| epochs.checked_mul(self.factor);
        let all = std::iter::successors(Some(self.min_epochs), next);
        all.take_while(|epochs| *epochs < budget).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prune(method: PruneMethod, min_epochs: u32, factor: u32) -> Prune {
        let metric = "fd".to_owned();
        Prune { method, metric, min_epochs, factor, seeds: PruneSeeds::Together }
    }

    #[test]
    fn rungs_are_powers_of_the_factor_below_the_budget() {
        let rungs = |budget| prune(PruneMethod::Asha, 1, 3).rungs(budget);
        assert_eq!(rungs(27), [1, 3, 9]);
        assert_eq!(rungs(28), [1, 3, 9, 27]);
        assert_eq!(rungs(1), [] as [u32; 0]);
        assert_eq!(prune(PruneMethod::Hyperband, 4, 2).rungs(20), [4, 8, 16]);
        assert_eq!(prune(PruneMethod::Median, 1, 3).rungs(27), [] as [u32; 0]);
        assert_eq!(prune(PruneMethod::None, 1, 3).rungs(27), [] as [u32; 0]);
    }

    proptest! {
        #[test]
        fn a_larger_budget_only_adds_rungs(
            min in 1_u32..100, factor in 2_u32..100, budget in 1_u32..=u32::MAX, more in 0_u32..1000
        ) {
            let prune = prune(PruneMethod::SuccessiveHalving, min, factor);
            let (before, after) = (prune.rungs(budget), prune.rungs(budget.saturating_add(more)));
            prop_assert!(after.starts_with(&before));
            prop_assert!(before.iter().all(|rung| *rung < budget));
        }
    }
}
