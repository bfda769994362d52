//! Experiment files: keys, layers, axes, constraints, expansion into a plan, and the identity of runs.
//!
//! Nothing here trains, stores or prints; the only input or output is reading an experiment file.

mod axis;
mod clash;
mod config;
mod dataset;
mod document;
mod draw;
mod expand;
mod experiment;
mod fault;
#[cfg(test)]
mod fixtures;
mod given;
mod group;
mod id;
mod identity;
mod layer;
mod layers;
mod loss;
mod merge;
mod optimizer;
mod plan;
mod range;
pub mod recipes;
mod record;
mod run;
pub mod schema;
mod short;
mod stored;
mod sweep;
mod value;

pub use axis::AxisKind;
pub use config::*;
pub use dataset::{Dataset, DatasetSpec, ImageShape};
pub use experiment::{Experiment, LoadOptions, ResolvedKey};
pub use fault::{Fault, Faults, Problem};
pub use group::{GroupKey, group_runs};
pub use id::{ConfigHash, RunId};
pub use layer::{Layer, Place};
pub use layers::PROGRAM_VARIABLES;
pub use loss::{Combine, LossConfig, LossKind, Undecided};
pub use optimizer::{NetworkOptimizer, OptimizerConfig, OptimizerKind};
pub use plan::{AxisSummary, DataIdentity, Plan};
pub use record::{Execution, Palette, Record, SampleMode};
pub use run::{Assignment, PlannedRun, RunState};
pub use short::short_keys;
pub use stored::{Lookup, StoredError};
pub use sweep::{Axis, Exclusion, Factor, Pinned, Sweep};
pub use value::Value;
