//! Messages from the threads that read workers' frames and verify checkpoints.

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

/// Forwards a worker's frames to the sweep until the stream or the sweep ends. Heartbeats are only counted.
pub(super) fn relay(
    frames: FrameStream,
    slot: usize,
    launch: u64,
    counters: &FrameCounters,
    outbox: &SyncSender<Message>,
) {
    // Sending fails only if the sweep has ended.
    let deliver = |content| {
        counters.set_delivering(true);
        let delivered = outbox.send(Message { slot, launch, content }).is_ok();
        counters.set_delivering(false);
        delivered
    };
    for frame in frames {
        let content = match frame {
            Err(fault) => {
                deliver(Content::Closed(Err(fault)));
                return;
            }
            Ok(frame) => {
                counters.count(&frame);
                match frame {
                    Frame::Heartbeat(_) => continue,
                    Frame::Event(envelope) => Content::Event(envelope),
                    Frame::Progress(progress) => Content::Progress(progress),
                }
            }
        };
        if !deliver(content) {
            return;
        }
    }
    deliver(Content::Closed(Ok(())));
}
