//! Errors.

use gansweep_base::text::count;
use gansweep_store::StoreError;

/// Why a sweep cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The database cannot be read, or has no such sweep.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No run of the sweep has a value of the metric.
    #[error("no run of sweep {sweep} has a value of {metric} after {}; recorded are {}", count(*epochs as usize, "epoch"), recorded.join(", "))]
    MetricNotRecorded {
        /// The sweep's name.
        sweep: String,
        /// The metric.
        metric: &'static str,
        /// The epochs after which the runs are compared.
        epochs: u32,
        /// The metrics that are recorded.
        recorded: Vec<&'static str>,
    },
    /// The sweep does not vary the key.
    #[error("sweep {sweep} does not vary `{key}`; {}{suggestion}", if swept.is_empty() {
        "it varies the seed alone".to_owned()
    } else {
        format!("it varies {}", swept.join(", "))
    })]
    NotSwept {
        /// The sweep's name.
        sweep: String,
        /// The key, as the caller wrote it.
        key: String,
        /// The swept keys.
        swept: Vec<String>,
        /// The swept key that a misspelt one may stand for, as the end of the message.
        suggestion: String,
    },
}
