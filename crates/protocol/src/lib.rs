//! What runner and worker processes exchange: a worker reads a job and then commands, and writes frames to a
//! pipe or to a segment file; frames report metrics.

mod checkpoint_path;
mod command;
mod event;
mod frame;
mod heartbeat;
mod job;
mod metric;
mod path;
mod segment;

pub use checkpoint_path::{CHECKPOINTS, checkpoint_path, other_checkpoint_paths};
pub use command::Command;
pub use event::*;
pub use frame::{Frame, FrameError, Heartbeat, MAX_PAYLOAD_BYTES, Progress, read_frame, write_frame};
pub use heartbeat::{HeartbeatThread, SharedWriter};
pub use job::{Job, JobError, LaneJob, Resume};
pub use metric::{Cadence, ChartGroup, Declaration, Direction, Metric, Presence, Reference};
pub use segment::{SegmentError, SegmentReader, SegmentTail, SegmentWriter};

/// The version of jobs, commands and frames. Every change that the previous version cannot read raises it,
/// and jobs and frames of another version are refused.
pub const PROTOCOL_VERSION: u8 = 2;
