//! Import of segment files: events of workers that have no pipe to the runner.

use std::path::Path;

use gansweep_protocol::{Envelope, Frame, SegmentReader, SegmentTail};

use crate::{Imported, StoreError, store::Store};

/// Events per transaction. A batch is held in memory, and a sample grid may take megabytes; smaller batches
/// wait for the disk more often.
const BATCH_EVENTS: usize = 256;

impl Store {
    /// Records the events of a segment that are not recorded yet. A segment may be imported again at any time,
    /// also while its worker writes: only new events are recorded.
    ///
    /// # Errors
    /// [`StoreError::Segment`] for a segment that is damaged or of another version, after the events before the
    /// damage have been recorded. Otherwise those of [`Store::record`].
    pub fn import_segment(&mut self, path: &Path) -> Result<Imported, StoreError> {
        let mut segment = SegmentReader::open(path)?;
        let mut events = 0;
        loop {
            let (batch, damage) = next_batch(&mut segment);
            events += self.record(&batch)?;
            if let Some(damage) = damage {
                return Err(damage.into());
            }
            if let Some(tail) = segment.tail() {
                let torn_bytes = match tail {
                    SegmentTail::Whole => 0,
                    SegmentTail::Torn { bytes, .. } => bytes,
                };
                return Ok(Imported { events, torn_bytes });
            }
        }
    }
}

/// The next events, and the damage that ends them, if any.
fn next_batch(segment: &mut SegmentReader) -> (Vec<Envelope>, Option<gansweep_protocol::SegmentError>) {
    let mut batch = Vec::with_capacity(BATCH_EVENTS);
    while batch.len() < BATCH_EVENTS {
        match segment.next() {
            Some(Ok(Frame::Event(envelope))) => batch.push(envelope),
            Some(Ok(Frame::Progress(_) | Frame::Heartbeat(_))) => {}
            Some(Err(damage)) => return (batch, Some(damage)),
            None => break,
        }
    }
    (batch, None)
}
