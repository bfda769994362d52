//! Compares the configs of a sweep: means with intervals, tests against the best, what each axis explains.

use std::path::PathBuf;

pub use gansweep_compare::{AxisShare, Budget, ComparedConfig, Quantity, SweepComparison, Variance};
use gansweep_protocol::Metric;

use crate::{AppError, recorded};

/// Which sweep to compare, and how.
#[derive(Debug, Clone)]
pub struct CompareRequest {
    /// Folder of the database.
    pub results: PathBuf,
    /// The sweep's name.
    pub sweep: String,
    /// Swept keys, full or short: configs with equal values of these count as one. Without any, each config is
    /// for itself.
    pub by: Vec<String>,
    /// Name of the metric; without it, the first recorded one that says which run is better.
    pub metric: Option<String>,
}

/// Compares the configs of a sweep.
///
/// # Errors
/// An unknown sweep or metric, a metric that no run has, a key that is not swept.
pub fn sweep(request: &CompareRequest) -> Result<SweepComparison, AppError> {
    let metric = request.metric.as_deref().map(known_metric).transpose()?;
    let reader = recorded::open(&request.results)?;
    Ok(gansweep_compare::sweep(&reader, &request.sweep, &request.by, metric)?)
}

/// The metric of that name.
pub(crate) fn known_metric(name: &str) -> Result<Metric, AppError> {
    Metric::from_name(name).ok_or_else(|| AppError::UnknownMetric {
        name: name.to_owned(),
        known: Metric::ALL.iter().map(|metric| metric.name()).collect(),
    })
}
