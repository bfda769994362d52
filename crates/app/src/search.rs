//! Searches: the searcher of an experiment whose configs are proposed while the sweep goes on.

use gansweep_config::{Experiment, Search, SearchSpace};
use gansweep_protocol::Metric;
use gansweep_scheduler::AdaptiveSearch;
use gansweep_store::TrialRow;

use crate::AppError;
use crate::experiment::{self, Specs, UsedDatasets};

/// The searcher of an experiment, which goes on from its recorded trials; `None` if the experiment has no search.
pub(crate) fn searcher<'e>(
    experiment: &'e Experiment,
    specs: &Specs,
    used_datasets: &UsedDatasets,
    recorded: &[TrialRow],
) -> Result<Option<AdaptiveSearch<'e>>, AppError> {
    let identity = |asked| experiment::identity(specs, used_datasets, asked);
    let Some(space) = SearchSpace::new(experiment, &identity) else { return Ok(None) };
    let metric = metric(space.search())?;
    Ok(Some(AdaptiveSearch::new(space, experiment.prune.clone(), metric, recorded)))
}

/// Refuses a part of a search, if there is one. `is_part` says that a part of the experiment's runs is asked for.
pub(crate) fn check(experiment: &Experiment, is_part: bool) -> Result<(), AppError> {
    if is_part && experiment.search.is_some() { Err(AppError::PartOfSearch) } else { Ok(()) }
}

/// Limits the trials in flight on a cluster, which has no number of workers: it would take all trials at once, and none would
/// know the result of another.
pub(crate) fn limit_trials_in_flight(experiment: &mut Experiment) {
    let seeds = experiment.sweep.seeds.len().max(1);
    let tasks = experiment.execution.slurm.concurrency as usize;
    if let Some(search) = experiment.search.as_mut().filter(|search| search.parallel == 0) {
        search.parallel = if tasks > 0 { tasks.div_ceil(seeds) } else { search.startup.max(1) };
    }
}

/// The metric that a search improves. The experiment's schema knows the names; its list is compared with the metrics by a test of
/// theirs.
fn metric(search: &Search) -> Result<Metric, AppError> {
    let name = &search.metric;
    Metric::from_name(name)
        .ok_or_else(|| AppError::UnknownMetric { name: name.clone(), known: Search::METRICS.to_vec() })
}
