//! The length of chunks of steps, and the rate of progress reports.

use std::time::{Duration, Instant};

/// The target duration of a chunk of steps: commands are handled between chunks, well within a second.
const CHUNK: Duration = Duration::from_millis(200);
/// The least time between two progress reports.
const PROGRESS: Duration = Duration::from_millis(250);

/// Chooses chunk lengths from measured step times. The length of a chunk changes no bit of a run.
#[derive(Debug)]
pub(super) struct Pace {
    seconds_per_step: Option<f64>,
    last_progress: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { seconds_per_step: None, last_progress: Instant::now() }
    }

    /// Steps to take next, at most `boundary`. The first chunk has one step, since no time is known yet.
    pub(super) fn chunk(&self, boundary: u32) -> u32 {
        let fitting = self.seconds_per_step.map_or(1.0, |seconds| CHUNK.as_secs_f64() / seconds);
        (fitting as u32).clamp(1, boundary.max(1))
    }

    /// Runs `work`, which takes `steps` steps, and returns how long it took.
    pub(super) fn time<T, E>(
        &mut self,
        steps: u32,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, f64), E> {
        let begin = Instant::now();
        let result = work()?;
        let seconds = begin.elapsed().as_secs_f64();
        self.seconds_per_step = Some(seconds / f64::from(steps.max(1)));
        Ok((result, seconds))
    }

    /// Whether it is time to report progress. If so, the next report is due [`PROGRESS`] later.
    pub(super) fn progress_due(&mut self) -> bool {
        let due = self.last_progress.elapsed() >= PROGRESS;
        if due {
            self.last_progress = Instant::now();
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_never_passes_the_boundary_and_is_never_empty() {
        let mut pace = Pace::new();
        assert_eq!(pace.chunk(50), 1);
        pace.seconds_per_step = Some(1e-9);
        assert_eq!(pace.chunk(50), 50);
        pace.seconds_per_step = Some(60.0);
        assert_eq!(pace.chunk(50), 1);
        pace.seconds_per_step = Some(0.0);
        assert_eq!(pace.chunk(50), 50);
    }
}
