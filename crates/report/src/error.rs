//! Errors.

use std::io;
use std::path::PathBuf;

use gansweep_config::RunId;

/// An error from reading the database, analysing it or writing the page.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The database could not be read.
    #[error("cannot read the database: {0}")]
    Store(#[from] gansweep_store::StoreError),
    /// The configs could not be compared.
    #[error("cannot compare the configs: {0}")]
    Compare(#[from] gansweep_compare::CompareError),
    /// The database has no sweep of that name.
    #[error("no sweep `{name}` in {database}; {}", known_sweeps(.known))]
    UnknownSweep {
        /// The requested name.
        name: String,
        /// The database's file.
        database: String,
        /// The names of the recorded sweeps.
        known: Vec<String>,
    },
    /// A sample grid is in the index but its image is not in the database.
    #[error(
        "the sample grid of run {run} at step {step} is listed in the database but missing from it; `gansweep check` shows all damage"
    )]
    MissingGrid {
        /// The grid's run.
        run: RunId,
        /// The grid's step.
        step: u64,
    },
    /// A grid of real images was deleted from the database while the page was written.
    #[error("the grid of real {dataset} images is no longer in the database; write the report again")]
    MissingRealGrid {
        /// The dataset's name.
        dataset: String,
    },
    /// The templates do not fit the context: a bug of this program.
    #[error("cannot render the page's templates: {0:#}")]
    Template(#[from] minijinja::Error),
    /// The context cannot be serialised: a bug of this program.
    #[error("cannot write the page's data as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The page could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The page's file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
}

fn known_sweeps(known: &[String]) -> String {
    match known {
        [] => "it has no sweeps yet".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}
