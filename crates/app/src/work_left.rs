//! What is left to train of a plan: groups, operations, time.

use std::collections::{BTreeMap, HashMap};

use gansweep_config::{GroupKey, PlannedRun, RunId};
use gansweep_nn::cost;
use gansweep_scheduler::{PlannedGroup, Slot, form_groups};
use gansweep_store::RunStatus;
use serde::Serialize;

use crate::devices;
use crate::recorded_speed::{Likeness, RecordedSpeeds};

/// A planned group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupPreview {
    /// The device.
    pub device: String,
    /// Number of runs in the group.
    pub lanes: usize,
    /// Estimated GPU memory in bytes; `None` on a CPU.
    pub memory_bytes: Option<u64>,
}

/// What recorded runs tell about how long training takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimeEstimate {
    /// Nothing: nothing is left to train, or no run is recorded on one of the devices.
    NothingRecorded,
    /// Nothing, since some runs have many times more, or fewer, operations a step than any recorded one.
    OtherSizes,
    /// As long as that.
    Known(TrainingTime),
}

impl TimeEstimate {
    /// Seconds until the last run has ended, if that is known.
    pub fn seconds(self) -> Option<f64> {
        match self {
            Self::Known(time) => Some(time.seconds),
            Self::NothingRecorded | Self::OtherSizes => None,
        }
    }
}

/// How long training takes at the speed of recorded runs. It took longer or shorter if something else kept the machine busy
/// then, or keeps it busy now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingTime {
    /// Seconds until the last run has ended, if each is trained to its budget.
    pub seconds: f64,
    /// Number of recorded runs whose speed it is.
    pub runs: usize,
    /// How these are like the runs to train: the least alike of them.
    pub likeness: Likeness,
}

/// The runs of a plan that have something left to train, and how they would be trained.
pub(crate) struct WorkLeft {
    runs: Vec<PlannedRun>,
    /// Floating-point operations that are left of each run.
    flops: Vec<f64>,
    groups: Vec<PlannedGroup>,
    slots: Vec<Slot>,
}

impl WorkLeft {
    /// Groups the runs, each of which goes on from its checkpoint.
    pub(crate) fn new(runs: Vec<PlannedRun>, statuses: &HashMap<RunId, RunStatus>, slots: Vec<Slot>) -> Self {
        let steps = steps_done(&runs, statuses);
        let groups = form_groups(&runs, &steps, &slots, step_flops);
        let flops = |(run, done): (&PlannedRun, &u64)| {
            step_flops(run) * run.total_steps().saturating_sub(*done) as f64
        };
        let flops = runs.iter().zip(&steps).map(flops).collect();
        Self { runs, flops, groups, slots }
    }

    /// Number of concurrent workers.
    pub(crate) fn workers(&self) -> usize {
        self.slots.len()
    }

    /// Floating-point operations of all runs.
    pub(crate) fn flops(&self) -> f64 {
        self.flops.iter().sum()
    }

    /// The groups, in the order in which they would be trained.
    pub(crate) fn groups(&self) -> Vec<GroupPreview> {
        let preview = |group: &PlannedGroup| {
            let (device, lanes) = (self.slots[group.slot].device.clone(), group.runs.len());
            let first = group.runs.first().map(|&run| &self.runs[run]);
            let memory_bytes =
                first.and_then(|run| devices::group_memory_bytes(&device, &run.config, &run.spec, lanes));
            GroupPreview { device, lanes, memory_bytes }
        };
        self.groups.iter().map(preview).collect()
    }

    /// How long the groups take, on all devices at the same time.
    pub(crate) fn time(&self, speeds: &RecordedSpeeds) -> TimeEstimate {
        let is_known = |group: &PlannedGroup| speeds.knows(&self.slots[group.slot].device);
        if self.groups.is_empty() || !self.groups.iter().all(is_known) {
            return TimeEstimate::NothingRecorded;
        }
        self.known_time(speeds).map_or(TimeEstimate::OtherSizes, TimeEstimate::Known)
    }

    /// The time by recorded speeds; `None` if no recorded run is like those of some group.
    fn known_time(&self, speeds: &RecordedSpeeds) -> Option<TrainingTime> {
        let mut devices: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut timed: HashMap<(&str, &GroupKey), usize> = HashMap::new();
        let mut least_alike = Likeness::SameShapes;
        for PlannedGroup { slot, runs } in &self.groups {
            let (device, first) = (self.slots[*slot].device.as_str(), &self.runs[*runs.first()?]);
            let (key, speed, likeness) = speeds.speed(device, &first.config, &first.spec)?;
            timed.insert((device, key), speed.runs);
            least_alike = least_alike.max(likeness);
            let flops: f64 = runs.iter().map(|&run| self.flops[run]).sum();
            devices.entry(device).or_default().push(flops / speed.flops_per_second());
        }
        // The longest begin first, so that all slots of a device end at about the same time, unless one group takes longer.
        let of_device = |(device, seconds): (&&str, &Vec<f64>)| {
            let slots = self.slots.iter().filter(|slot| slot.device == **device).count().max(1);
            let longest = seconds.iter().copied().fold(0.0, f64::max);
            longest.max(seconds.iter().sum::<f64>() / slots as f64)
        };
        let seconds = devices.iter().map(of_device).reduce(f64::max)?;
        Some(TrainingTime { seconds, runs: timed.values().sum(), likeness: least_alike })
    }
}

/// Floating-point operations of one step of a run; of no run where planning would have refused it.
pub(crate) fn step_flops(run: &PlannedRun) -> f64 {
    cost::step_flops(&run.config, &run.spec).unwrap_or(0.0)
}

/// The steps of the checkpoints that the runs would resume from; 0 without a checkpoint.
fn steps_done(runs: &[PlannedRun], statuses: &HashMap<RunId, RunStatus>) -> Vec<u64> {
    let resume = |run: &PlannedRun| statuses.get(&run.id)?.resume.as_ref();
    runs.iter().map(|run| resume(run).map_or(0, |resume| resume.checkpoint.step)).collect()
}
