//! What ends a whole sweep.

use std::io;

use gansweep_store::StoreError;

/// What ends a whole sweep; the failure of a worker never does.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The database failed. Everything written before is kept.
    #[error(
        "{doing} failed: {source}; the workers were stopped, what was recorded before is kept, and the same \
         command run again goes on from the last checkpoints"
    )]
    Database {
        /// What was being done: `recording events`.
        doing: &'static str,
        /// What the database says.
        source: StoreError,
    },
    /// There is nowhere to train.
    #[error("there are runs to train but no slot: name at least one device, with at least one job")]
    NoSlots,
    /// The system gave no thread.
    #[error(
        "the system gave no thread to watch a worker: {0}; close other programs and run the same command again"
    )]
    Thread(#[source] io::Error),
}
