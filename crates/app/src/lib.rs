//! The use cases of gansweep, callable without a terminal: typed requests in, typed results out.
//!
//! Each module is one use case. Nothing here prints, exits or parses arguments. An [`Observer`] receives
//! progress, a [`StopSignal`](gansweep_scheduler::StopSignal) stops a sweep, and [`AppError::class`] says
//! whether work had been started when a use case failed.
//!
//! ```no_run
//! # fn main() -> Result<(), gansweep_app::AppError> {
//! use gansweep_app::experiment::ExperimentRequest;
//! use gansweep_app::plan::PlanRequest;
//! use gansweep_app::sweep::{self, SweepRequest, Workers};
//! use gansweep_app::{Programs, Progress};
//! use gansweep_scheduler::StopSignal;
//!
//! let request = SweepRequest {
//!     plan: PlanRequest {
//!         experiment: ExperimentRequest {
//!             file: "experiment.toml".into(),
//!             options: gansweep_config::LoadOptions::default(),
//!             data: gansweep_data::DataSource::from_environment(None),
//!         },
//!         execution: gansweep_app::ExecutionRequest::default(),
//!         results: "results".into(),
//!         programs: Programs::of("/usr/local/bin/gansweep".into()),
//!         only: Vec::new(),
//!     },
//!     workers: Workers::Processes,
//!     restore_checkpoints: false,
//!     retry_failed: false,
//!     detach: false,
//! };
//! let mut observer = |progress: Progress<'_>| drop(progress);
//! let end = sweep::prepare(&request, &mut observer)?.train(&StopSignal::new(), &mut observer)?;
//! # drop(end);
//! # Ok(())
//! # }
//! ```

pub mod animate;
pub mod backends;
pub mod bench;
pub mod check;
pub mod checkpoint;
mod classes;
pub mod compare;
pub mod data;
pub mod devices;
pub mod energy;
mod error;
pub mod evaluate;
pub mod experiment;
pub mod export;
pub mod generate;
pub mod housekeeping;
mod limits;
mod log;
pub mod merge;
mod out_of_memory;
pub mod plan;
mod programs;
mod progress;
pub mod recognize;
pub mod recorded;
mod recorded_images;
mod recorded_speed;
pub mod report;
pub mod schedule;
mod search;
pub mod serve;
mod slots;
pub mod slurm;
pub mod sweep;
mod work_left;
pub mod worker;

pub use error::{AppError, ErrorClass};
pub use programs::Programs;
pub use progress::{CacheEffect, Observer, Progress};
pub use slots::ExecutionRequest;
