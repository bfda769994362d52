//! Experiment files: keys, layers, axes, constraints, expansion into a plan, and the ids of runs.
//!
//! An experiment passes through these stages: a TOML table becomes parsed layers (`parsed_layer`), which
//! are merged (`merge`) and checked (`load`) into an [`Experiment`], which is expanded (`expand`) into a
//! [`Plan`]. This crate does not train, store or print; its only input is the experiment file.

mod augment;
mod axis;
mod axis_reader;
mod class_names;
mod config;
mod constraints;
mod dataset;
mod document;
mod draw;
mod exclusions;
mod expand;
mod experiment;
mod fault;
#[cfg(test)]
mod fixtures;
mod group;
mod id;
mod identity;
mod label;
mod layer;
mod layers;
mod load;
mod loss;
mod merge;
mod model;
mod network_layer;
mod network_layer_reader;
mod optimizer;
mod parsed_layer;
mod penalty;
mod plan;
mod prune;
mod range;
mod reader;
pub mod recipes;
mod record;
mod run;
mod schedule;
pub mod schema;
mod search;
mod search_space;
mod selection;
mod smooth_activation;
mod stored;
mod sweep;
mod syntax_hint;
mod value;
mod value_names;
mod without_effect;

pub use augment::AugmentConfig;
pub use axis::AxisKind;
pub use class_names::ClassNames;
pub use config::*;
pub use dataset::{DataIdentity, DataRequest, Dataset, DatasetSpec, ImageShape, STROKES_SIDES};
pub use experiment::Experiment;
pub use fault::{Fault, Faults, Problem};
pub use group::{GroupKey, group_runs};
pub use id::{ConfigHash, RunId};
pub use label::{short_keys, value_text};
pub use layer::{Layer, Place};
pub use layers::{LoadOptions, PROGRAM_VARIABLES};
pub use loss::{Combine, LossConfig, LossKind, Relativistic, Undecided};
pub use merge::ResolvedKey;
pub use model::*;
pub use network_layer::{NetworkLayer, Window};
pub use optimizer::{NetworkOptimizer, OptimizerConfig, OptimizerKind};
pub use penalty::{PenaltyConfig, PenaltyKind};
pub use plan::{AxisSummary, Plan};
pub use prune::{Prune, PruneMethod, PruneSeeds};
pub use record::{EvaluateEpochs, Execution, Palette, RANKING_METRICS, Record, SampleMode, SlurmConfig};
pub use run::{Assignment, PlannedRun, RunState};
pub use schedule::ScheduleKind;
pub use search::Search;
pub use search_space::SearchSpace;
pub use selection::{Selection, SelectionError};
pub use smooth_activation::SmoothActivation;
pub use stored::{Lookup, StoredError};
pub use sweep::{Axis, Exclusion, Factor, Pinned, Sweep};
pub use value::Value;
pub use without_effect::{Switch, WithoutEffect};
