//! Estimate of a sweep's remaining time from its recent speed.

use std::time::Duration;

/// Time constant of the mean: work this long ago has weight 1/e. Long enough to average over groups,
/// short enough that the estimate follows within a minute or two when a costlier group begins.
const MEMORY: Duration = Duration::from_secs(30);
/// Shorter observations give no estimate: the first seconds are start-up, not training.
const LEAST_EVIDENCE: Duration = Duration::from_secs(2);

/// A longer time between two observations says nothing about the speed: the sweep was stopped, or its machine slept.
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);

/// An estimate of the time left, fed with the work done so far, in any unit.
///
/// The speed is an exponentially weighted mean. Work that a crash takes back counts as no work, never as
/// negative speed.
#[derive(Debug, Clone, Default)]
pub struct Eta {
    last: Option<(Duration, f64)>,
    /// Weighted work, and the weighted time in which it was done, in seconds.
    work: f64,
    seconds: f64,
    observed: Duration,
}

impl Eta {
    /// An estimator without observations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records the total work done at a time since the start, several times in [`LONGEST_INTERVAL`]. Times that do not increase are
    /// ignored.
    pub fn observe(&mut self, elapsed: Duration, work_done: f64) {
        let Some((then, before)) = self.last else {
            self.last = Some((elapsed, work_done));
            return;
        };
        let Some(passed) = elapsed.checked_sub(then).filter(|passed| !passed.is_zero()) else { return };
        self.last = Some((elapsed, work_done));
        if passed > LONGEST_INTERVAL {
            return;
        }
        let fade = (-passed.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        self.work = self.work * fade + (work_done - before).max(0.0);
        self.seconds = self.seconds * fade + passed.as_secs_f64();
        self.observed += passed;
    }

    /// The time that `work_left` more will take; `None` while the speed is unknown.
    pub fn remaining(&self, work_left: f64) -> Option<Duration> {
        if work_left <= 0.0 {
            return Some(Duration::ZERO);
        }
        if self.observed < LEAST_EVIDENCE || self.work <= 0.0 {
            return None;
        }
        Duration::try_from_secs_f64(work_left * self.seconds / self.work).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, pace: impl Fn(u64) -> f64) -> Eta {
        let mut eta = Eta::new();
        let mut done = 100.0;
        for second in 0..=seconds {
            eta.observe(Duration::from_secs(second), done);
            done += pace(second);
        }
        eta
    }

    fn seconds_left(eta: &Eta, work: f64) -> f64 {
        eta.remaining(work).expect("enough evidence").as_secs_f64()
    }

    #[test]
    fn a_steady_pace_is_extrapolated_and_work_done_before_does_not_count() {
        assert!((seconds_left(&after(10, |_| 5.0), 50.0) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn there_is_no_estimate_without_evidence() {
        assert_eq!(Eta::new().remaining(1.0), None);
        assert_eq!(after(1, |_| 5.0).remaining(1.0), None);
        assert_eq!(after(10, |_| 0.0).remaining(1.0), None);
    }

    #[test]
    fn nothing_left_takes_no_time() {
        assert_eq!(Eta::new().remaining(0.0), Some(Duration::ZERO));
    }

    #[test]
    fn a_change_of_pace_is_followed_within_minutes() {
        let eta = after(240, |second| if second < 60 { 1.0 } else { 4.0 });
        assert!((seconds_left(&eta, 40.0) - 10.0).abs() < 0.5);
    }

    #[test]
    fn lost_work_never_makes_the_pace_negative() {
        let mut eta = after(10, |_| 5.0);
        eta.observe(Duration::from_secs(11), 0.0);
        assert!(seconds_left(&eta, 50.0) > 0.0);
    }

    #[test]
    fn a_sweep_that_was_stopped_for_a_while_has_its_pace_of_before() {
        let mut eta = after(10, |_| 5.0);
        eta.observe(Duration::from_hours(8), 150.0);
        assert!((seconds_left(&eta, 50.0) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_clock_that_stands_still_is_ignored() {
        let mut eta = after(10, |_| 5.0);
        eta.observe(Duration::from_secs(10), 1e9);
        assert!((seconds_left(&eta, 50.0) - 10.0).abs() < 1e-9);
    }
}
