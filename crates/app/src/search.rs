//! Searches: the searcher of an experiment whose configs are proposed while the sweep goes on.

use gansweep_config::{Experiment, Search, SearchSpace};
use gansweep_protocol::{Direction, Metric};
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
    Ok(Some(AdaptiveSearch::new(space, metric, recorded)))
}

/// Checks what a search of the experiment needs, if there is one.
pub(crate) fn check(experiment: &Experiment, only: &[String], detach: bool) -> Result<(), AppError> {
    let Some(search) = &experiment.search else { return Ok(()) };
    metric(search, experiment)?;
    if !only.is_empty() {
        return Err(AppError::PartOfSearch);
    }
    if detach {
        return Err(AppError::DetachedSearch);
    }
    Ok(())
}

/// The metric that a search improves.
fn metric(search: &Search, experiment: &Experiment) -> Result<Metric, AppError> {
    let name = search.metric.clone();
    let has_direction = |metric: &Metric| metric.declaration().direction != Direction::Neither;
    let known = || Metric::ALL.iter().filter(|metric| has_direction(metric)).map(|metric| metric.name());
    let Some(metric) = Metric::from_name(&name).filter(has_direction) else {
        return Err(AppError::NoMetricToSearch { name, known: known().collect() });
    };
    if metric.is_figure() && experiment.record.evaluate_epochs.period().is_none() {
        return Err(AppError::UnrecordedMetric { name, epochs: experiment.epochs });
    }
    Ok(metric)
}
