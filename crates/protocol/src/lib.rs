//! What crosses a process border: the job that a worker is given, the commands that it is sent, the
//! frames that it answers with on a pipe or in a segment file, and the metrics that they report.

mod command;
mod event;
mod frame;
mod heartbeat;
mod job;
mod metric;
mod segment;

pub use command::Command;
pub use event::*;
pub use frame::{Frame, FrameError, Heartbeat, MAX_PAYLOAD_BYTES, Progress, read_frame, write_frame};
pub use heartbeat::{HeartbeatThread, SharedWriter};
pub use job::{Job, JobError, LaneJob, Resume};
pub use metric::{Cadence, ChartGroup, Declaration, Direction, Metric, Reference};
pub use segment::{SegmentError, SegmentReader, SegmentTail, SegmentWriter};

/// The version of jobs, commands and frames. It is raised with every change to one of them that the
/// version before would not understand or would misread; another version is refused.
pub const PROTOCOL_VERSION: u8 = 1;
