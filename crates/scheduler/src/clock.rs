//! Time as the runner has lived through it, and how long a worker has been silent by it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gansweep_protocol::Frame;
use tracing::debug;

/// The longest time between two ticks that counts. The runner ticks many times in it, so a longer
/// one means that the runner itself did not run: it was stopped, the machine slept, or a write to a
/// slow disk held it up. Its workers' signs of life of that time may still be on their way.
const LONGEST_TICK: Duration = Duration::from_millis(250);

/// A clock that stands still while the runner does.
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

    /// Moves on to that moment.
    pub(crate) fn tick(&mut self, now: Instant) -> AwakeTime {
        let passed = now.saturating_duration_since(self.last);
        if passed > LONGEST_TICK {
            debug!(?passed, "the runner did not run, or a write took long");
        }
        self.awake += passed.min(LONGEST_TICK);
        self.last = now;
        self.now()
    }

    /// As of the last tick.
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

/// What the thread that reads a worker's frames knows of its signs of life. The thread only counts;
/// when they came is for the sweep to say, by its own clock.
#[derive(Debug, Default)]
pub(crate) struct SignsOfLife {
    frames: AtomicU64,
    /// Frames of the training thread: all but heartbeats.
    reports: AtomicU64,
    /// Processor time of the worker as of its last heartbeat, in seconds, as bits.
    cpu_seconds: AtomicU64,
    /// A frame waits to be taken by the sweep. Until then it is not the worker that is silent.
    delivering: AtomicBool,
}

impl SignsOfLife {
    /// A frame has come.
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

    pub(crate) fn set_delivering(&self, delivering: bool) {
        self.delivering.store(delivering, Ordering::Relaxed);
    }
}

/// The part of a processor that a worker must use to count as computing. A heartbeat thread alone
/// uses less than a tenth of it.
const LEAST_CPU_SHARE: f64 = 0.005;

/// Since when a worker has been silent or idle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Silence {
    frames: u64,
    reports: u64,
    cpu_seconds: f64,
    launched: AwakeTime,
    /// When a frame was last there; `None` before the first.
    last_frame: Option<AwakeTime>,
    /// When the training thread last reported, or the worker was last seen to compute.
    last_work: AwakeTime,
}

impl Silence {
    /// Of a worker that is launched now.
    pub(crate) fn new(now: AwakeTime) -> Self {
        let (frames, reports, cpu_seconds) = (0, 0, 0.0);
        Self { frames, reports, cpu_seconds, launched: now, last_frame: None, last_work: now }
    }

    /// Looks at the signs of life that have come since the last look.
    pub(crate) fn look(&mut self, signs: &SignsOfLife, now: AwakeTime) {
        let delivering = signs.delivering.load(Ordering::Relaxed);
        let frames = signs.frames.load(Ordering::Relaxed);
        let reports = signs.reports.load(Ordering::Relaxed);
        let cpu_seconds = f64::from_bits(signs.cpu_seconds.load(Ordering::Relaxed));
        if frames != self.frames || delivering {
            if self.last_frame.is_none() {
                // A worker may wait long before it begins; nothing before counts as idle.
                (self.last_work, self.cpu_seconds) = (now, cpu_seconds);
            }
            (self.frames, self.last_frame) = (frames, Some(now));
        }
        let used = cpu_seconds - self.cpu_seconds;
        let idle = now.since(self.last_work).as_secs_f64();
        let computes = used > 0.0 && used >= LEAST_CPU_SHARE * idle;
        if reports != self.reports || delivering || computes {
            (self.reports, self.cpu_seconds, self.last_work) = (reports, cpu_seconds, now);
        }
    }

    /// How long nothing has come, since the first frame; `None` before it.
    pub(crate) fn silent(&self, now: AwakeTime) -> Option<Duration> {
        self.last_frame.map(|last| now.since(last))
    }

    /// How long the worker has neither reported a step nor used the processor, since its first
    /// frame; `None` before it.
    pub(crate) fn idle(&self, now: AwakeTime) -> Option<Duration> {
        self.last_frame.map(|_| now.since(self.last_work))
    }

    /// How long the first frame has been waited for; `None` once it has come.
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
    fn the_clock_counts_short_ticks_and_leaves_out_a_sleep() {
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
    fn nothing_is_silent_before_its_first_sign_of_life() {
        let signs = SignsOfLife::default();
        let mut silence = Silence::new(at(0.0));
        silence.look(&signs, at(500.0));
        assert_eq!((silence.silent(at(500.0)), silence.idle(at(500.0))), (None, None));
        assert_eq!(silence.starting(at(500.0)), Some(Duration::from_secs(500)));
        signs.count(&heartbeat(0.1));
        silence.look(&signs, at(501.0));
        assert_eq!(silence.starting(at(501.0)), None);
        assert!(seconds(silence.silent(at(502.0))) <= 1.0 && seconds(silence.idle(at(502.0))) <= 1.0);
    }

    #[test]
    fn a_long_step_that_computes_is_neither_silent_nor_idle() {
        let signs = SignsOfLife::default();
        let mut silence = Silence::new(at(0.0));
        for second in 0..1000 {
            signs.count(&heartbeat(f64::from(second)));
            silence.look(&signs, at(f64::from(second)));
        }
        assert!(seconds(silence.silent(at(1000.0))) <= 1.0 && seconds(silence.idle(at(1000.0))) <= 1.0);
    }

    #[test]
    fn a_training_thread_that_is_stuck_is_idle_though_heartbeats_come() {
        let signs = SignsOfLife::default();
        let mut silence = Silence::new(at(0.0));
        signs.count(&report());
        for second in 0..1000 {
            // What heartbeats cost by themselves.
            signs.count(&heartbeat(3.0 + 5e-4 * f64::from(second)));
            silence.look(&signs, at(f64::from(second)));
        }
        assert!(seconds(silence.silent(at(1000.0))) <= 1.0);
        assert!(seconds(silence.idle(at(1000.0))) >= 999.0, "{silence:?}");
        signs.count(&report());
        silence.look(&signs, at(1000.0));
        assert!(seconds(silence.idle(at(1000.0))) <= 0.0);
    }

    #[test]
    fn a_worker_whose_frame_waits_to_be_taken_is_neither_silent_nor_idle() {
        let signs = SignsOfLife::default();
        let mut silence = Silence::new(at(0.0));
        signs.set_delivering(true);
        silence.look(&signs, at(3600.0));
        assert_eq!(silence.silent(at(3600.0)), Some(Duration::ZERO));
        assert_eq!(silence.idle(at(3600.0)), Some(Duration::ZERO));
        signs.set_delivering(false);
        silence.look(&signs, at(7200.0));
        assert!(seconds(silence.silent(at(7200.0))) >= 3600.0);
    }
}
