//! A task that is started again, by the cluster or on its own request, goes on where it was.

use std::path::Path;

use gansweep_protocol::{Event, Frame, Job, LaneJob, Resume, SegmentReader};

use super::{ArrayFolder, SlurmError, commands};

/// What a start of a task does.
#[derive(Debug, Clone, PartialEq)]
pub struct Restart {
    /// The number of starts before this one.
    pub start: u32,
    /// What is left to train: runs that are not over, from their last checkpoints.
    pub job: Job,
}

/// What is left of a task's job. Each run that has begun goes on with its next attempt: the numbers of its events
/// begin anew, and the runner knows that what came after the checkpoint is taken back.
pub fn unfinished(folder: &ArrayFolder, index: u32) -> Result<Restart, SlurmError> {
    let job = folder.job(index)?;
    let mut start = 0;
    while folder.segment(index, start).exists() {
        start += 1;
    }
    let mut lanes: Vec<Lane> = job.lanes.iter().cloned().map(Lane::new).collect();
    for earlier in 0..start {
        follow(&mut lanes, &folder.segment(index, earlier));
    }
    let mut left: Vec<LaneJob> = lanes.into_iter().filter_map(Lane::left).collect();
    // Lanes of a group stand at the same step of their epochs. A kill may have come between their checkpoints; the
    // runs that are left out come back to the runner when the task has ended.
    if let Some(phase) = left.first().map(phase) {
        left.retain(|lane| self::phase(lane) == phase);
    }
    Ok(Restart { start, job: Job { lanes: left, ..job } })
}

/// A run of the job, as far as the earlier starts got.
struct Lane {
    job: LaneJob,
    /// The latest attempt with an event.
    attempt: Option<u32>,
    is_over: bool,
}

impl Lane {
    fn new(job: LaneJob) -> Self {
        Self { job, attempt: None, is_over: false }
    }

    fn left(self) -> Option<LaneJob> {
        let attempt = self.attempt.map_or(self.job.attempt, |attempt| attempt + 1);
        (!self.is_over).then_some(LaneJob { attempt, ..self.job })
    }
}

/// Takes over what a segment says. One that is damaged or ends within a frame counts as far as it can be read, as
/// it does for the runner.
fn follow(lanes: &mut [Lane], segment: &Path) {
    let Ok(reader) = SegmentReader::open(segment) else { return };
    for frame in reader.map_while(Result::ok) {
        let Frame::Event(envelope) = frame else { continue };
        let Some(lane) = lanes.iter_mut().find(|lane| lane.job.run == envelope.run) else { continue };
        lane.attempt = lane.attempt.max(Some(envelope.attempt));
        match envelope.event {
            Event::Checkpoint(checkpoint) => lane.job.resume = Some(Resume::from(checkpoint)),
            Event::Completed(_)
            | Event::Diverged(_)
            | Event::Paused(_)
            | Event::Pruned(_)
            | Event::TimedOut(_) => lane.is_over = true,
            Event::Started(_)
            | Event::Points(_)
            | Event::Samples(_)
            | Event::Evaluated(_)
            | Event::Interrupted(_)
            | Event::Failed(_) => {}
        }
    }
}

fn phase(lane: &LaneJob) -> u64 {
    let step = lane.resume.as_ref().map_or(0, |resume| resume.checkpoint.step);
    lane.config.phase(&lane.spec, step)
}

/// Puts the task that this process is back into the queue; `false` if that is not possible.
pub fn requeue_own_task() -> bool {
    let Some(id) = std::env::var("SLURM_JOB_ID").ok().filter(|id| !id.is_empty()) else { return false };
    match commands::requeue(&id) {
        Ok(()) => true,
        Err(error) => {
            tracing::info!(%error, id, "the cluster does not requeue this task");
            false
        }
    }
}
