//! The vocabulary of gansweep: experiments, configs, axes, runs, events and metrics.
//!
//! Every other crate speaks in these types. Nothing here trains, stores or prints; the only input
//! or output is reading an experiment file.

mod config;
mod event;
mod experiment;
mod fault;
mod frame;
mod group;
mod id;
mod job;
mod layer;
mod metric;
mod plan;
pub mod recipes;
mod record;
mod run;

pub use config::*;
pub use event::*;
pub use experiment::{Experiment, LoadOptions, ResolvedKey};
pub use fault::{Fault, Faults, Problem};
pub use frame::{FrameError, MAX_PAYLOAD_BYTES, read_frame, write_frame};
pub use group::{GroupKey, group_runs};
pub use id::{ConfigHash, RunId};
pub use job::{Job, LaneJob, Resume};
pub use layer::{Layer, Place};
pub use metric::{Declaration, Direction, Metric};
pub use plan::{AxisKind, AxisSummary, DataIdentity, Plan};
pub use record::{Execution, Palette, Record, SampleMode};
pub use run::{Assignment, PlannedRun, RunState};
