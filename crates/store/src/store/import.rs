//! Import of segment files: events of workers that have no pipe to the runner.

use std::path::Path;

use gansweep_protocol::{Envelope, Frame, SegmentReader, SegmentTail};

use crate::{Imported, StoreError, store::Store};

/// Events per transaction. A batch is held in memory, and a sample grid may take megabytes; smaller batches
/// wait for the disk more often.
const BATCH_EVENTS: usize = 256;

impl Store {
    /// Records the events of segments that are not recorded yet, whatever the order of the segments: events that wait for
    /// others in a later segment are recorded after those. The results are in the order of the paths; one segment's
    /// error keeps no other from being imported.
    pub fn import_segments(&mut self, paths: &[&Path]) -> Vec<Result<Imported, StoreError>> {
        let mut results: Vec<_> = paths.iter().map(|path| self.import_segment(path)).collect();
        loop {
            let mut recorded = 0;
            for (path, result) in paths.iter().zip(&mut results) {
                let Ok(before) = result else { continue };
                if before.waiting > 0 {
                    let events = before.events;
                    *result = self.import_segment(path).map(|now| {
                        recorded += now.events;
                        Imported { events: events + now.events, ..now }
                    });
                }
            }
            if recorded == 0 {
                return results;
            }
        }
    }

    /// Records the events of a segment that are not recorded yet. A segment may be imported again at any time,
    /// also while its worker writes: only new events are recorded. Events that another segment's must come before are
    /// left for a later import ([`Store::import_segments`] takes several).
    ///
    /// # Errors
    /// [`StoreError::Segment`] for a segment that is damaged or of another version, after the events before the
    /// damage have been recorded. Otherwise those of [`Store::record`].
    pub fn import_segment(&mut self, path: &Path) -> Result<Imported, StoreError> {
        let mut segment = SegmentReader::open(path)?;
        let (mut events, mut waiting) = (0, 0);
        loop {
            let (batch, damage) = next_batch(&mut segment);
            let recorded = self.record_possible(&batch)?;
            events += recorded.new;
            waiting += recorded.waiting;
            if let Some(damage) = damage {
                return Err(damage.into());
            }
            if let Some(tail) = segment.tail() {
                let torn_bytes = match tail {
                    SegmentTail::Whole => 0,
                    SegmentTail::Torn { bytes, .. } => bytes,
                };
                return Ok(Imported { events, waiting, torn_bytes });
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
