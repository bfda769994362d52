//! Row types of the store and its readers.

use gansweep_config::{Assignment, Config, ConfigHash, Dataset, DatasetSpec, Record, RunId, RunState};
use gansweep_protocol::{ClassFigures, Geometry, Metric, Resume, SampleSource};
use serde::Serialize;

use crate::{Call, StoreError};

/// A sweep's number in one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SweepId(pub(crate) i64);

/// A sweep to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRecord {
    /// The experiment's name, which identifies the sweep.
    pub name: String,
    /// The experiment file, as the user named it.
    pub file: String,
    /// The program's other arguments.
    pub call: Call,
    /// The file's content.
    pub source_toml: String,
    /// The experiment's description; may be empty.
    pub description: String,
    /// The recipe that its runs start from; where recipes are swept, all of them: `jovian, udacity`.
    pub recipe: String,
    /// The axes as JSON, in the order of the plan.
    pub axes_json: String,
    /// The dataset that the file asks for.
    pub dataset_requested: Dataset,
    /// The dataset that the runs train on: the fallback if the requested one is unavailable.
    pub dataset: Dataset,
    /// Recording settings, with the seed of the fixed latents and the palette.
    pub record: Record,
    /// The program's version.
    pub program_version: String,
    /// Host, processor and cores, as text.
    pub machine: String,
}

/// A trial of a sweep whose configs are proposed while it goes on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialRow {
    /// Its number, from 0. The random numbers of a proposal depend on it.
    pub trial: u32,
    /// Where its values come from.
    pub source: TrialSource,
    /// The name of the metric that the search improves.
    pub metric: String,
    /// The searched keys and their values, as proposed.
    pub assignments: Vec<Assignment>,
    /// The config's hash.
    pub config_hash: String,
    /// Earlier trials that had no value yet when this one was proposed. All others were known.
    pub open: Vec<u32>,
}

/// Where the values of a trial come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialSource {
    /// Random draws.
    Drawn,
    /// A model of the results.
    Model,
}

impl TrialSource {
    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drawn => "drawn",
            Self::Model => "model",
        }
    }
}

/// Status of a run: all that the next attempt needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunStatus {
    /// State of its latest attempt, whatever the budget.
    pub state: RunState,
    /// Attempts so far.
    pub attempts: u32,
    /// The checkpoint that the next attempt resumes from.
    pub resume: Option<Resume>,
    /// Last recorded step.
    pub step: u64,
    /// Records up to this step never change: the step of the latest checkpoint or the end.
    pub confirmed_step: u64,
}

impl RunStatus {
    /// State of the run for a sweep that asks for `total_steps`: completed once they are confirmed. A run that
    /// is completed for a smaller budget counts as interrupted.
    pub fn state_after(&self, total_steps: u64) -> RunState {
        match self.state {
            _ if self.confirmed_step >= total_steps => RunState::Completed,
            RunState::Completed => RunState::Interrupted,
            state => state,
        }
    }

    /// Epochs that are recorded for good, whatever the budget.
    pub const fn confirmed_epochs(&self, steps_per_epoch: u64) -> u64 {
        self.confirmed_step / if steps_per_epoch == 0 { 1 } else { steps_per_epoch }
    }
}

/// Result of importing a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Events that were new.
    pub events: usize,
    /// Events that cannot be recorded yet, because events before them are in another segment.
    pub waiting: usize,
    /// Bytes of an incomplete frame at the end: its writer was killed, or is still writing it.
    pub torn_bytes: u64,
}

/// What a removal takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Names of the sweeps.
    pub sweeps: Vec<String>,
    /// The runs, and their checkpoints.
    pub runs: Vec<RunFiles>,
    /// Runs of the sweeps that stay, because other sweeps have them.
    pub shared: usize,
    /// Sweeps that stay and lose runs.
    pub others: Vec<String>,
    /// Points of the runs.
    pub points: u64,
    /// Sample grids of the runs.
    pub grids: u64,
}

/// A run and the files of its checkpoints, by their paths relative to the results folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFiles {
    /// The run.
    pub run: RunId,
    /// The last checkpoint, if the run has one.
    pub checkpoint: Option<String>,
    /// The best checkpoint, if the run keeps one. It may be the same file.
    pub best: Option<String>,
}

impl RunFiles {
    /// The files, each once.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
        let best = self.best.as_ref().filter(|best| Some(*best) != self.checkpoint.as_ref());
        self.checkpoint.iter().chain(best)
    }
}

/// What a merge takes from another database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MergePlan {
    /// Runs that are new, or longer there.
    pub taken: Vec<RunFiles>,
    /// Runs that are the same in both.
    pub equal: usize,
    /// Runs that stay as they are here: they are longer, or as long and their records come first in a fixed order.
    pub kept: usize,
    /// Runs that get quality figures besides: of both, since figures are added after training.
    pub evaluated: Vec<RunId>,
    /// Runs of which both have a step with different values.
    pub conflicts: Vec<Conflict>,
}

/// A confirmed point of a run that differs between two databases.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The run.
    pub run: RunId,
    /// The metric, which the run's config determines.
    pub metric: Metric,
    /// The first step that differs.
    pub step: u64,
    /// The value in this database.
    pub here: f64,
    /// The value in the other one.
    pub there: f64,
}

/// What a merge has changed besides the runs of its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Sweeps of one name whose experiment files differ.
    pub sweeps: Vec<String>,
    /// Checkpoints of runs that were replaced.
    pub replaced: Vec<RunFiles>,
}

/// How much a sweep takes. What sweeps share counts for each of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepSize {
    /// The sweep.
    pub name: String,
    /// Runs of its latest plan.
    pub runs: u64,
    /// Runs that only earlier plans of the name had. They are still recorded, and count in all that follows.
    pub earlier_runs: u64,
    /// Their points, each of about 20 bytes.
    pub points: u64,
    /// Bytes of their sample grids.
    pub grid_bytes: u64,
    /// Bytes of their checkpoints.
    pub checkpoint_bytes: u64,
    /// Seconds in which devices trained its runs; workers of one device at the same time count once.
    pub device_seconds: f64,
    /// Last started, in milliseconds since 1970-01-01T00:00:00Z.
    pub updated_unix_ms: i64,
}

/// A stored sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepRow {
    /// Its number in this database.
    pub id: SweepId,
    /// The experiment's name.
    pub name: String,
    /// The experiment file, as the user named it.
    pub file: String,
    /// The program's other arguments at the last start; `None` if an earlier version of the program started it
    /// last.
    pub call: Option<Call>,
    /// The file's content when the sweep was last started.
    pub source_toml: String,
    /// The experiment's description.
    pub description: String,
    /// The recipe that its runs start from; where recipes are swept, all of them: `jovian, udacity`.
    pub recipe: String,
    /// The axes, in the order of the plan.
    pub axes: serde_json::Value,
    /// The dataset that the file asks for.
    pub dataset_requested: Dataset,
    /// The dataset that the runs train on.
    pub dataset: Dataset,
    /// What is recorded.
    pub record: Record,
    /// The version of the program that last started it.
    pub program_version: String,
    /// The machine that last started it.
    pub machine: String,
    /// First started, in milliseconds since 1970-01-01T00:00:00Z.
    pub created_unix_ms: i64,
    /// Last started, in milliseconds since 1970-01-01T00:00:00Z.
    pub updated_unix_ms: i64,
    /// Runs in the latest plan.
    pub runs: u64,
    /// Number of them in each state, in the order of [`RunState::ALL`]; zeros included.
    pub states: Vec<(RunState, u64)>,
}

/// Filter of a listing of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only the entries of this sweep's latest plan.
    pub sweep: Option<String>,
    /// Only the runs for which this SQL expression over the columns of `run_overview` is true.
    pub where_sql: Option<String>,
}

/// A stored run, up to the budget of an entry of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The sweep whose latest plan contains it; `None` if no plan does. A run has a row for each sweep and each
    /// budget.
    pub sweep: Option<String>,
    /// Its place in that plan, from 0.
    pub position: Option<u32>,
    /// Its id.
    pub id: RunId,
    /// The assignments and the seed as text.
    pub label: String,
    /// The swept keys and their values, in the order of the axes.
    pub assignments: Vec<Assignment>,
    /// Of the config.
    pub config_hash: ConfigHash,
    /// The resolved values, as recorded; see [`RunRow::typed_config`].
    pub config: serde_json::Value,
    /// The seed.
    pub seed: u64,
    /// Of the data; [`Reader::dataset`](crate::Reader::dataset) has its spec.
    pub data_fingerprint: String,
    /// Its state with respect to the budget.
    pub state: RunState,
    /// Cause of its state, unless completed.
    pub cause: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// The latest attempt's device.
    pub device: Option<String>,
    /// The backend there.
    pub backend: Option<String>,
    /// Its place in its group.
    pub lane: Option<u32>,
    /// Number of lanes of the group.
    pub lanes: Option<u32>,
    /// The budget, in epochs.
    pub epochs: u32,
    /// The budget, in steps.
    pub total_steps: u64,
    /// Last recorded step, up to the budget.
    pub step: u64,
    /// Seconds of training up to that step, over all attempts.
    pub seconds: f64,
    /// Real images per second, over the whole training.
    pub images_per_second: Option<f64>,
    /// The Fréchet distance of the last evaluation up to that step; `None` if there was none, or if it is not finite.
    pub fd: Option<f64>,
    /// First planned, in milliseconds since 1970-01-01T00:00:00Z.
    pub created_unix_ms: i64,
    /// The first attempt began.
    pub started_unix_ms: Option<i64>,
    /// The latest attempt ended; `None` while one goes on.
    pub ended_unix_ms: Option<i64>,
}

impl RunRow {
    /// The config as this version of the program reads it; see [`Config::from_stored`].
    ///
    /// # Errors
    /// [`StoreError::Content`] if this version does not know a value.
    pub fn typed_config(&self) -> Result<Config, StoreError> {
        Config::from_stored(&self.config).map_err(|error| StoreError::Content {
            what: format!("the config of run {}", self.id),
            detail: error.to_string(),
        })
    }

    /// Steps per epoch, at least one.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.total_steps / u64::from(self.epochs.max(1))).max(1)
    }

    /// The epoch at a step, counted in completed epochs: fractional within an epoch.
    pub fn epoch_of(&self, step: u64) -> f64 {
        step as f64 / self.steps_per_epoch() as f64
    }
}

/// How fast a run trained.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeedRow {
    /// Its resolved values, as recorded; see [`Config::from_stored`].
    pub config: serde_json::Value,
    /// The spec of its data, without the names of the classes.
    pub spec: DatasetSpec,
    /// The device of its latest attempt.
    pub device: String,
    /// Number of runs that trained there at the same time, in one group.
    pub lanes: u32,
    /// Steps done.
    pub steps: u64,
    /// Seconds of training, over all attempts.
    pub seconds: f64,
}

/// One value of one metric of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Steps done when it was taken.
    pub step: u64,
    /// May be NaN or infinite (serialised as `null` then).
    pub value: f64,
}

/// Summary of one metric of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SummaryRow {
    /// Which metric.
    pub metric: Metric,
    /// Points, those that are not finite included.
    pub count: u64,
    /// Finite points.
    pub finite: u64,
    /// The value at the last step; may be NaN or infinite.
    pub last: f64,
    /// The last step.
    pub last_step: u64,
    /// The best finite value by the metric's direction; `None` where no direction is good.
    pub best: Option<f64>,
    /// The first step that reached it.
    pub best_step: Option<u64>,
    /// The smallest finite value.
    pub min: Option<f64>,
    /// The largest finite value.
    pub max: Option<f64>,
}

/// A sample grid without its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SampleInfo {
    /// Steps done when it was drawn.
    pub step: u64,
    /// Epochs done when it was drawn.
    pub epoch: u32,
    /// The weights that drew it.
    pub source: SampleSource,
    /// Where each image lies.
    pub geometry: Geometry,
    /// Length of the PNG.
    pub bytes: u64,
}

/// A sample grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleImage {
    /// Its step, epoch and layout.
    pub info: SampleInfo,
    /// One 8-bit PNG of the whole grid, grey or RGB.
    pub png: Vec<u8>,
}

/// Quality figures of images that a run's generator has drawn after a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationRow {
    /// Steps done when they were drawn.
    pub step: u64,
    /// The weights that drew them.
    pub source: SampleSource,
    /// Number of images. Figures of other numbers do not compare.
    pub images: u32,
    /// Digest of the evaluator. Figures of another one do not compare.
    pub evaluator: String,
    /// Whether the figures are points of the run.
    pub is_curve: bool,
    /// The figures that the images have; NaN for one that is not finite.
    pub figures: Vec<(Metric, f64)>,
    /// Generated images of each class, where the evaluator knows classes.
    pub classes: Option<Vec<u64>>,
    /// The figures of each class, where each image was drawn for one.
    pub by_class: Option<Vec<ClassFigures>>,
}

impl EvaluationRow {
    /// The name under which the value of one class is stored, beside that of the metric about all classes.
    pub(crate) fn class_key(metric: Metric, class: usize) -> String {
        format!("{}.{class}", metric.name())
    }
}

/// What a pruner decided about a run at the end of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RungRow {
    /// The run.
    pub run: RunId,
    /// Epochs done; 0 where the run was put into a bracket.
    pub epochs: u32,
    /// The bracket; 0 where a rule has only one.
    pub bracket: u32,
    /// The value that the run is compared by; `None` if it has none.
    pub value: Option<f64>,
    /// The decision.
    pub decision: RungDecision,
    /// Why, in words; empty where nothing is decided yet.
    pub reason: String,
}

impl RungRow {
    /// Whether it says the same.
    pub fn says(&self, other: &Self) -> bool {
        let bits = |row: &Self| row.value.map(f64::to_bits);
        (&self.run, self.epochs, self.bracket, bits(self), self.decision, &self.reason)
            == (&other.run, other.epochs, other.bracket, bits(other), other.decision, &other.reason)
    }
}

/// A decision about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RungDecision {
    /// It was put into a bracket.
    Begun,
    /// It has come to the rung and waits.
    Waits,
    /// It goes on.
    Promoted,
    /// It stays there, unless a later sweep has a larger budget or more runs.
    Stays,
    /// It was ended.
    Stopped,
}

impl RungDecision {
    /// Every decision.
    pub const ALL: [Self; 5] = [Self::Begun, Self::Waits, Self::Promoted, Self::Stays, Self::Stopped];

    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Waits => "waits",
            Self::Promoted => "promoted",
            Self::Stays => "stays",
            Self::Stopped => "stopped",
        }
    }

    /// The decision with that word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.name() == name)
    }
}

/// A dataset that runs train on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetRow {
    /// Its name.
    pub dataset: Dataset,
    /// Its spec.
    pub spec: DatasetSpec,
}

/// A grid of real images, for comparison with samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealImages {
    /// The dataset.
    pub dataset: Dataset,
    /// The data's fingerprint.
    pub data_fingerprint: String,
    /// Where each image lies.
    pub geometry: Geometry,
    /// One 8-bit PNG of the whole grid, grey or RGB.
    pub png: Vec<u8>,
}

/// One try at a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRow {
    /// From 1.
    pub attempt: u32,
    /// `pending`, `running`, or how it ended.
    pub state: RunState,
    /// Why it ended, unless the run was completed.
    pub cause: Option<String>,
    /// The device.
    pub device: String,
    /// The backend there; `None` if the worker never opened it.
    pub backend: Option<String>,
    /// The lane's place in its group.
    pub lane: Option<u32>,
    /// Number of lanes of the group.
    pub lanes: Option<u32>,
    /// The worker's process id.
    pub pid: Option<u32>,
    /// The worker's machine.
    pub host: Option<String>,
    /// Step that it started from.
    pub from_step: Option<u64>,
    /// Last recorded step.
    pub step: Option<u64>,
    /// When the runner began it, in milliseconds since 1970-01-01T00:00:00Z.
    pub began_unix_ms: i64,
    /// When its worker started to train.
    pub started_unix_ms: Option<i64>,
    /// When it ended.
    pub ended_unix_ms: Option<i64>,
}

/// The latest complete checkpoint of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointRow {
    /// Steps done.
    pub step: u64,
    /// The file, relative to the results folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// The run id in the file, if it differs from the run's: ids have changed since it was written.
    pub written_for: Option<RunId>,
    /// The latest attempt that wrote it or went on from it.
    pub attempt: u32,
    /// When that was, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_unix_ms: i64,
}

/// One key of a config.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigValue {
    /// The full key: `optimizer.generator.lr`.
    pub key: String,
    /// A number, a text, a truth value or a list.
    pub value: serde_json::Value,
}

/// A key in which runs differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyDifference {
    /// The full key: `optimizer.generator.lr`; `seed` and `data_fingerprint` for what is no config key.
    pub key: String,
    /// One value per run, in the order of the runs; `None` where a run's config lacks the key.
    pub values: Vec<Option<serde_json::Value>>,
}
