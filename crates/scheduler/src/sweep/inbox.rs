//! Messages from the threads that read workers' frames and verify checkpoints.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use gansweep_protocol::{Envelope, Frame, FrameError, Progress};

use crate::FrameStream;
use crate::checkpoint::CheckpointProblem;
use crate::clock::FrameCounters;

/// A checkpoint that a run cannot resume from.
pub(super) struct BadCheckpoint {
    pub(super) run: usize,
    pub(super) problem: CheckpointProblem,
}

/// A message about one launch at one slot.
pub(super) struct Message {
    pub(super) slot: usize,
    pub(super) launch: u64,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// A group's checkpoints have been verified; these are unusable.
    Verified(Vec<BadCheckpoint>),
    Event(Envelope),
    Progress(Progress),
    /// The worker's stream has ended, or cannot be read further.
    Closed(Result<(), FrameError>),
}

/// Takes a worker's frames for the sweep. Heartbeats are only counted.
pub struct FrameSink {
    pub(super) slot: usize,
    pub(super) launch: u64,
    pub(super) counters: Arc<FrameCounters>,
    pub(super) outbox: SyncSender<Message>,
}

impl FrameSink {
    /// Takes the next frame, or the error that ends the stream; `false` if the sweep takes no more. Blocks while
    /// the sweep is behind.
    pub fn take(&self, frame: Result<Frame, FrameError>) -> bool {
        let content = match frame {
            Err(fault) => {
                self.deliver(Content::Closed(Err(fault)));
                return false;
            }
            Ok(frame) => {
                self.counters.count(&frame);
                match frame {
                    Frame::Heartbeat(_) => return true,
                    Frame::Event(envelope) => Content::Event(envelope),
                    Frame::Progress(progress) => Content::Progress(progress),
                }
            }
        };
        self.deliver(content)
    }

    /// The worker is known to be suspended, or to wait to be started again: it does not hang.
    pub fn excuse(&self) {
        self.counters.excuse();
    }

    /// The worker has closed its stream.
    pub fn close(self) {
        self.deliver(Content::Closed(Ok(())));
    }

    /// Takes all frames of a stream.
    pub(crate) fn drain(self, frames: FrameStream) {
        for frame in frames {
            if !self.take(frame) {
                return;
            }
        }
        self.close();
    }

    /// Sending fails only if the sweep has ended.
    fn deliver(&self, content: Content) -> bool {
        self.counters.set_delivering(true);
        let delivered = self.outbox.send(Message { slot: self.slot, launch: self.launch, content }).is_ok();
        self.counters.set_delivering(false);
        delivered
    }
}

impl fmt::Debug for FrameSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, launch, .. } = self;
        f.debug_struct("FrameSink").field("slot", slot).field("launch", launch).finish_non_exhaustive()
    }
}
