//! What can go wrong between the database and the page.

use std::io;
use std::path::PathBuf;

use gansweep_config::RunId;

/// What can go wrong between the database and the page.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The database could not be read.
    #[error("reading the database: {0}")]
    Store(#[from] gansweep_store::StoreError),
    /// No sweep of that name has been recorded.
    #[error("no sweep `{name}` in {database}; {}", known_sweeps(.known))]
    UnknownSweep {
        /// As asked for.
        name: String,
        /// The database's file.
        database: String,
        /// The sweeps that are there.
        known: Vec<String>,
    },
    /// The database lists a sample grid but has no image for it.
    #[error("the sample grid of run {run} at step {step} is listed in the database but missing from it")]
    MissingGrid {
        /// The grid's run.
        run: RunId,
        /// The grid's step.
        step: u64,
    },
    /// The database listed a grid of real images and no longer has it.
    #[error("the grid of real {dataset} images has disappeared from the database; make the report again")]
    MissingRealGrid {
        /// The dataset's name.
        dataset: String,
    },
    /// The page's template and the context disagree: a fault of this program.
    #[error("filling the page's template: {0}")]
    Template(#[from] minijinja::Error),
    /// The context cannot be expressed as JSON: a fault of this program.
    #[error("writing the page's data as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The page could not be written.
    #[error("writing {}: {source}", path.display())]
    Write {
        /// The page's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn known_sweeps(known: &[String]) -> String {
    match known {
        [] => "it has no sweep yet".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}
