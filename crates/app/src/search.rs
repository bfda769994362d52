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
    let metric = metric(space.search(), experiment)?;
    Ok(Some(AdaptiveSearch::new(space, experiment.prune.clone(), metric, recorded)))
}

/// Checks what a search of the experiment needs, if there is one. `is_part` says that a part of its runs is asked for.
pub(crate) fn check(experiment: &Experiment, is_part: bool) -> Result<(), AppError> {
    let Some(search) = &experiment.search else { return Ok(()) };
    metric(search, experiment)?;
    if is_part { Err(AppError::PartOfSearch) } else { Ok(()) }
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

/// The metric that a search improves.
fn metric(search: &Search, experiment: &Experiment) -> Result<Metric, AppError> {
    let name = search.metric.clone();
    let Some(metric) = Metric::from_name(&name).filter(Metric::has_direction) else {
        let known = Metric::ALL.into_iter().filter(Metric::has_direction).map(Metric::name).collect();
        return Err(AppError::NoMetricToSearch { name, known });
    };
    if metric.is_figure() && experiment.record.evaluate_epochs.period().is_none() {
        return Err(AppError::UnrecordedMetric { name, epochs: experiment.epochs });
    }
    Ok(metric)
}
