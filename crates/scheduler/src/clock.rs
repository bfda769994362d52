//! Hang detection: a clock that stops while the runner is suspended, and a watchdog for each worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gansweep_protocol::Frame;
use tracing::debug;

/// A longer time between two ticks counts as this much. The runner ticks every 20 ms, so a longer gap
/// means that the runner itself did not run: it was stopped, the machine slept, or a write to a slow
/// disk blocked it. Heartbeats that its workers sent meanwhile may still be in the pipe.
const LONGEST_TICK: Duration = Duration::from_millis(250);

/// A clock that stops while the runner is suspended.
#[derive(Debug)]
pub(crate) struct AwakeClock {
    last: Instant,
    awake: Duration,
}

/// A reading of an [`AwakeClock`]: time awake since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AwakeTime(Duration);

impl AwakeClock {
    pub(crate) fn start(now: Instant) -> Self {
        Self { last: now, awake: Duration::ZERO }
    }

    /// Advances the clock to `now`, by [`LONGEST_TICK`] at most.
    pub(crate) fn tick(&mut self, now: Instant) -> AwakeTime {
        let passed = now.saturating_duration_since(self.last);
        if passed > LONGEST_TICK {
            debug!(?passed, "the runner did not run, or a write took long");
        }
        self.awake += passed.min(LONGEST_TICK);
        self.last = now;
        self.now()
    }

    /// The time of the last tick.
    pub(crate) fn now(&self) -> AwakeTime {
        AwakeTime(self.awake)
    }
}

impl AwakeTime {
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

/// Counters of a worker's frames, written by the thread that reads them. They hold no times: only the
/// sweep knows which times to leave out.
#[derive(Debug, Default)]
pub(crate) struct FrameCounters {
    frames: AtomicU64,
    /// Frames of the training thread: all except heartbeats.
    reports: AtomicU64,
    /// The worker's processor time in its last heartbeat: the bits of an `f64`, in seconds.
    cpu_seconds: AtomicU64,
    /// The reading thread waits for the sweep to take a frame: the sweep is late, not the worker.
    delivering: AtomicBool,
}

impl FrameCounters {
    /// Counts a frame.
    pub(crate) fn count(&self, frame: &Frame) {
        match frame {
            Frame::Heartbeat(heartbeat) => {
                self.cpu_seconds.store(heartbeat.cpu_seconds.to_bits(), Ordering::Relaxed);
            }
            Frame::Event(_) | Frame::Progress(_) => {
                self.reports.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.frames.fetch_add(1, Ordering::Relaxed);
    }

    /// The worker waits for the cluster, which is neither silence nor idleness of its own.
    pub(crate) fn excuse(&self) {
        self.reports.fetch_add(1, Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_delivering(&self, delivering: bool) {
        self.delivering.store(delivering, Ordering::Relaxed);
    }
}

/// A worker that uses less than this share of one core counts as idle. The heartbeat thread alone uses
/// less than a tenth of it.
const LEAST_CPU_SHARE: f64 = 0.005;

/// Measures for how long a worker has been silent (no frames) and idle (no reports and no processor
/// time).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watchdog {
    frames: u64,
    reports: u64,
    cpu_seconds: f64,
    launched: AwakeTime,
    /// When the last frame came; `None` before the first.
    last_frame: Option<AwakeTime>,
    /// When the training thread last reported, or the worker last used the processor.
    last_work: AwakeTime,
    /// When the training thread last reported.
    last_report: AwakeTime,
}

impl Watchdog {
    /// For a worker that is launched now.
    pub(crate) fn new(now: AwakeTime) -> Self {
        let (frames, reports, cpu_seconds) = (0, 0, 0.0);
        Self {
            frames,
            reports,
            cpu_seconds,
            launched: now,
            last_frame: None,
            last_work: now,
            last_report: now,
        }
    }

    /// Takes in the frames that have come since the last update.
    pub(crate) fn update(&mut self, counters: &FrameCounters, now: AwakeTime) {
        let delivering = counters.delivering.load(Ordering::Relaxed);
        let frames = counters.frames.load(Ordering::Relaxed);
        let reports = counters.reports.load(Ordering::Relaxed);
        let cpu_seconds = f64::from_bits(counters.cpu_seconds.load(Ordering::Relaxed));
        if frames != self.frames || delivering {
            if self.last_frame.is_none() {
                // In a cluster's queue a worker may wait for hours before it starts.
                (self.last_work, self.last_report, self.cpu_seconds) = (now, now, cpu_seconds);
            }
            (self.frames, self.last_frame) = (frames, Some(now));
        }
        if reports != self.reports || delivering {
            self.last_report = now;
        }
        let used = cpu_seconds - self.cpu_seconds;
        let idle = now.since(self.last_work).as_secs_f64();
        let computes = used > 0.0 && used >= LEAST_CPU_SHARE * idle;
        if reports != self.reports || delivering || computes {
            (self.reports, self.cpu_seconds, self.last_work) = (reports, cpu_seconds, now);
        }
    }

    /// Time since the last frame; `None` before the first.
    pub(crate) fn silent(&self, now: AwakeTime) -> Option<Duration> {
        self.last_frame.map(|last| now.since(last))
    }

    /// Time since the worker last reported a step or used the processor; `None` before its first
    /// frame.
    pub(crate) fn idle(&self, now: AwakeTime) -> Option<Duration> {
        self.last_frame.map(|_| now.since(self.last_work))
    }

    /// Time since the training thread last reported, whether the worker computes or not; `None` before the first
    /// frame.
    pub(crate) fn unreported(&self, now: AwakeTime) -> Option<Duration> {
        self.last_frame.map(|_| now.since(self.last_report))
    }

    /// Time since the launch; `None` once the first frame has come.
    pub(crate) fn starting(&self, now: AwakeTime) -> Option<Duration> {
        match self.last_frame {
            Some(_) => None,
            None => Some(now.since(self.launched)),
        }
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::RunId;
    use gansweep_protocol::{Heartbeat, Progress};

    use super::*;

    fn at(seconds: f64) -> AwakeTime {
        AwakeTime(Duration::from_secs_f64(seconds))
    }

    fn heartbeat(cpu_seconds: f64) -> Frame {
        Frame::Heartbeat(Heartbeat { cpu_seconds })
    }

    fn report() -> Frame {
        Frame::Progress(Progress {
            run: RunId::parse("0123456789abcdef").unwrap(),
            attempt: 1,
            step: 1,
            total_steps: 2,
            epoch: 1,
            epochs: 1,
            d_loss: 0.0,
            g_loss: 0.0,
            images_per_second: 0.0,
        })
    }

    fn seconds(duration: Option<Duration>) -> f64 {
        duration.expect("the first frame has come").as_secs_f64()
    }

    #[test]
    fn the_clock_counts_short_ticks_and_leaves_out_a_suspension() {
        let start = Instant::now();
        let mut clock = AwakeClock::start(start);
        let mut now = start;
        for _ in 0..100 {
            now += Duration::from_millis(20);
            clock.tick(now);
        }
        assert_eq!(clock.now(), at(2.0));
        now += Duration::from_hours(8);
        assert_eq!(clock.tick(now).since(at(2.0)), LONGEST_TICK);
    }

    #[test]
    fn a_worker_is_not_silent_before_its_first_frame() {
        let counters = FrameCounters::default();
        let mut watchdog = Watchdog::new(at(0.0));
        watchdog.update(&counters, at(500.0));
        assert_eq!((watchdog.silent(at(500.0)), watchdog.idle(at(500.0))), (None, None));
        assert_eq!(watchdog.starting(at(500.0)), Some(Duration::from_secs(500)));
        counters.count(&heartbeat(0.1));
        watchdog.update(&counters, at(501.0));
        assert_eq!(watchdog.starting(at(501.0)), None);
        assert!(seconds(watchdog.silent(at(502.0))) <= 1.0 && seconds(watchdog.idle(at(502.0))) <= 1.0);
    }

    #[test]
    fn a_long_step_that_computes_is_neither_silent_nor_idle() {
        let counters = FrameCounters::default();
        let mut watchdog = Watchdog::new(at(0.0));
        for second in 0..1000 {
            counters.count(&heartbeat(f64::from(second)));
            watchdog.update(&counters, at(f64::from(second)));
        }
        assert!(seconds(watchdog.silent(at(1000.0))) <= 1.0 && seconds(watchdog.idle(at(1000.0))) <= 1.0);
        assert!(seconds(watchdog.unreported(at(1000.0))) >= 999.0);
    }

    #[test]
    fn a_training_thread_that_is_stuck_is_idle_though_heartbeats_come() {
        let counters = FrameCounters::default();
        let mut watchdog = Watchdog::new(at(0.0));
        counters.count(&report());
        for second in 0..1000 {
            // The cost of the heartbeats themselves.
            counters.count(&heartbeat(3.0 + 5e-4 * f64::from(second)));
            watchdog.update(&counters, at(f64::from(second)));
        }
        assert!(seconds(watchdog.silent(at(1000.0))) <= 1.0);
        assert!(seconds(watchdog.idle(at(1000.0))) >= 999.0, "{watchdog:?}");
        counters.count(&report());
        watchdog.update(&counters, at(1000.0));
        assert!(seconds(watchdog.idle(at(1000.0))) <= 0.0);
    }

    #[test]
    fn a_worker_whose_frame_the_sweep_has_not_taken_is_neither_silent_nor_idle() {
        let counters = FrameCounters::default();
        let mut watchdog = Watchdog::new(at(0.0));
        counters.set_delivering(true);
        watchdog.update(&counters, at(3600.0));
        assert_eq!(watchdog.silent(at(3600.0)), Some(Duration::ZERO));
        assert_eq!(watchdog.idle(at(3600.0)), Some(Duration::ZERO));
        counters.set_delivering(false);
        watchdog.update(&counters, at(7200.0));
        assert!(seconds(watchdog.silent(at(7200.0))) >= 3600.0);
    }
}
