//! Export as `TensorBoard` event files: curves, sample grids, and swept keys as hyperparameters.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use gansweep_config::RunState;
use gansweep_protocol::{Metric, SampleSource};

use super::event_file::{Message, write_record};
use super::folder::{self, ExportFolder, ExportedRuns};
use crate::{Point, Reader, RunRow, StoreError};

/// The name that `TensorBoard` looks for, with a time of 0: an export that is repeated replaces its file.
const FILE: &str = "events.out.tfevents.0000000000.gansweep";
const HYPERPARAMETERS: &str = "hparams";
/// The two values of `tensorboard.plugins.hparams.api_pb2.Status` for runs that are over.
const SUCCESS: u64 = 1;
const FAILURE: u64 = 2;
const RUNNING: u64 = 3;
/// `tensorboard.hparams.DataType` of texts.
const TEXT: u64 = 1;

/// Writes a folder for each run, below one for its sweep, in place of what an earlier export of the sweep wrote there.
/// `tensorboard --logdir FOLDER` shows them.
///
/// Values are written as 32-bit numbers, as `TensorBoard` has them. Seeds of one config are a group of the hyperparameters' page.
///
/// # Errors
/// [`StoreError::UnknownSweep`], [`StoreError::OutputFile`].
pub fn tensorboard(reader: &Reader, sweep: Option<&str>, folder: &Path) -> Result<ExportedRuns, StoreError> {
    let runs = folder::runs_of(reader, sweep)?;
    let mut files = ExportFolder::new(folder);
    let keys = kinds_of_keys(&runs);
    for run in &runs {
        files.write(format!("{}/{FILE}", folder::run_folder(run)), |output| {
            let mut events = Events { output, times: Times::of(reader, run)? };
            events.header()?;
            events.hyperparameters(run, &keys)?;
            events.curves(reader, run)?;
            events.grids(reader, run)
        })?;
    }
    Ok(ExportedRuns { runs: runs.len(), deleted: files.finish()? })
}

/// The time of each step: when the run began, and the seconds that it had trained by then.
struct Times {
    began: f64,
    seconds: Vec<Point>,
}

impl Times {
    fn of(reader: &Reader, run: &RunRow) -> Result<Self, StoreError> {
        let began = run.started_unix_ms.unwrap_or(run.created_unix_ms) as f64 / 1000.0;
        Ok(Self { began, seconds: reader.points(&run.id, Metric::Seconds, run.total_steps, usize::MAX)? })
    }

    fn at(&self, step: u64) -> f64 {
        let after = self.seconds.partition_point(|point| point.step < step);
        let point = self.seconds.get(after).or(self.seconds.last());
        self.began + point.map_or(0.0, |point| point.value)
    }
}

struct Events<'o> {
    output: &'o mut dyn Write,
    times: Times,
}

impl Events<'_> {
    fn header(&mut self) -> Result<(), StoreError> {
        let version = Message::default().double(1, self.times.began).text(3, "brain.Event:2");
        Ok(write_record(self.output, &version)?)
    }

    fn event(&mut self, step: u64, value: &Message) -> Result<(), StoreError> {
        let summary = Message::default().message(1, value);
        let event = Message::default().double(1, self.times.at(step)).integer(2, step).message(5, &summary);
        Ok(write_record(self.output, &event)?)
    }

    fn curves(&mut self, reader: &Reader, run: &RunRow) -> Result<(), StoreError> {
        for metric in Metric::ALL {
            for point in reader.points(&run.id, metric, run.total_steps, usize::MAX)? {
                let value = Message::default().text(1, &tag(metric)).float(2, point.value as f32);
                self.event(point.step, &value)?;
            }
        }
        Ok(())
    }

    fn grids(&mut self, reader: &Reader, run: &RunRow) -> Result<(), StoreError> {
        for info in reader.samples_index(&run.id, run.total_steps)? {
            let Some(grid) = reader.sample(&run.id, info.step, info.source)? else { continue };
            let geometry = info.geometry;
            // Channels by TensorBoard's numbers: 1 for grey, 3 for RGB. A PNG says it at byte 25.
            let channels = if grid.png.get(25) == Some(&2) { 3 } else { 1 };
            let image = Message::default()
                .integer(1, u64::from(geometry.rows) * u64::from(geometry.height))
                .integer(2, u64::from(geometry.cols) * u64::from(geometry.width))
                .integer(3, channels)
                .bytes(4, &grid.png);
            let tag = match info.source {
                SampleSource::Raw => "samples",
                SampleSource::Ema => "samples/ema",
            };
            self.event(info.step, &Message::default().text(1, tag).message(4, &image))?;
        }
        Ok(())
    }

    /// The three records of `TensorBoard`'s plugin: which keys and metrics there are, the run's values, and how it ended. It
    /// shows the keys of one run's first record, so that each has those of all runs.
    fn hyperparameters(&mut self, run: &RunRow, keys: &BTreeMap<&str, u64>) -> Result<(), StoreError> {
        let created = run.created_unix_ms as f64 / 1000.0;

        let mut experiment =
            Message::default().double(3, created).text(6, run.sweep.as_deref().unwrap_or_default());
        for (key, kind) in keys {
            experiment = experiment.message(4, &Message::default().text(1, key).integer(4, *kind));
        }
        let metrics = Metric::ALL.into_iter().filter(|metric| metric.declaration().in_run_table);
        for metric in metrics {
            let name = Message::default().text(2, &tag(metric));
            let info = Message::default().message(1, &name).text(3, metric.declaration().title);
            experiment = experiment.message(5, &info.text(4, metric.declaration().help));
        }
        self.plugin("_hparams_/experiment", &Message::default().message(2, &experiment))?;

        let mut start = Message::default();
        for (key, value) in values_of(run) {
            let is_text = keys.get(key) == Some(&TEXT);
            let value = if is_text { Message::default().text(3, &shown(&value)) } else { value_of(&value) };
            start = start.message(1, &Message::default().text(1, key).message(2, &value));
        }
        start = start.text(4, run.config_hash.as_str()).double(5, self.times.began);
        self.plugin("_hparams_/session_start_info", &Message::default().message(3, &start))?;

        let status = match run.state {
            RunState::Completed => SUCCESS,
            RunState::Diverged | RunState::Failed => FAILURE,
            _ => RUNNING,
        };
        let mut end = Message::default().integer(1, status);
        if let Some(ended) = run.ended_unix_ms {
            end = end.double(2, ended as f64 / 1000.0);
        }
        self.plugin("_hparams_/session_end_info", &Message::default().message(4, &end))
    }

    fn plugin(&mut self, tag: &str, content: &Message) -> Result<(), StoreError> {
        let data = Message::default().text(1, HYPERPARAMETERS).bytes(2, content.as_bytes());
        let metadata = Message::default().message(1, &data);
        self.event(0, &Message::default().text(1, tag).message(9, &metadata))
    }
}

/// The name of a curve: `TensorBoard` puts those with one beginning into one group.
fn tag(metric: Metric) -> String {
    let group = metric.declaration().group.map_or("progress", |group| group.title());
    format!("{}/{}", group.to_lowercase(), metric.name())
}

/// The swept keys of a run, and its seed, with their values.
fn values_of(run: &RunRow) -> impl Iterator<Item = (&str, serde_json::Value)> {
    let swept = run.assignments.iter().map(|assignment| (assignment.key.as_str(), assignment.value.clone()));
    swept.chain([("seed", run.seed.into())])
}

/// The keys of all runs, each with `tensorboard.hparams.DataType` of its values: text where they are of several kinds.
fn kinds_of_keys(runs: &[RunRow]) -> BTreeMap<&str, u64> {
    let mut kinds = BTreeMap::new();
    for (key, value) in runs.iter().flat_map(values_of) {
        let kind = kind_of(&value);
        let known = kinds.entry(key).or_insert(kind);
        if *known != kind {
            *known = TEXT;
        }
    }
    kinds
}

/// `tensorboard.hparams.DataType` of a value.
fn kind_of(value: &serde_json::Value) -> u64 {
    match value {
        serde_json::Value::Bool(_) => 2,
        serde_json::Value::Number(_) => 3,
        _ => TEXT,
    }
}

/// A value as text.
fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value as `google.protobuf.Value`; a list as text.
fn value_of(value: &serde_json::Value) -> Message {
    match value {
        serde_json::Value::Bool(truth) => Message::default().integer(4, u64::from(*truth)),
        serde_json::Value::Number(number) => {
            Message::default().double(2, number.as_f64().unwrap_or(f64::NAN))
        }
        other => Message::default().text(3, &shown(other)),
    }
}
