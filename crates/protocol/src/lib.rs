//! What crosses a process border: the job that a worker is given, the events that it answers with, the
//! frames they travel in, and the metrics that they report.

mod event;
mod frame;
mod job;
mod metric;

pub use event::*;
pub use frame::{FrameError, MAX_PAYLOAD_BYTES, read_frame, write_frame};
pub use job::{Job, LaneJob, Resume};
pub use metric::{Cadence, ChartGroup, Declaration, Direction, Metric, Reference};
