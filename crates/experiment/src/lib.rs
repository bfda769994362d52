//! The vocabulary of gansweep: experiments, configs, axes, runs, events and metrics.
//!
//! Every other crate speaks in these types. Nothing here trains, stores or prints; the only input
//! or output is reading an experiment file.

mod config;
mod event;
mod frame;
mod id;
mod job;
mod metric;
mod record;
mod run;

pub use config::*;
pub use event::*;
pub use frame::{FrameError, MAX_PAYLOAD_BYTES, read_frame, write_frame};
pub use id::{ConfigHash, RunId};
pub use job::{Job, LaneJob, Resume};
pub use metric::{Declaration, Direction, Metric};
pub use record::{Execution, Palette, Record, SampleMode};
pub use run::{Assignment, PlannedRun, RunState};
