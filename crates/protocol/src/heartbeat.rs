//! Heartbeats: signs of life of a worker from a thread of their own, so that a long step is not a silence.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::frame::{Frame, Heartbeat, write_frame};

impl Heartbeat {
    /// The time between heartbeats. The shortest hang timeout is a second, and even on a busy machine several
    /// heartbeats must arrive within it.
    pub const INTERVAL: Duration = Duration::from_millis(250);

    /// A heartbeat of this process, with the processor time that it has used so far.
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Self { cpu_seconds: time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9 }
    }
}

/// A thread that sends a heartbeat immediately and then at a fixed interval, until it is dropped or sending
/// fails.
#[derive(Debug)]
pub struct HeartbeatThread {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HeartbeatThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        interval: Duration,
        mut send: impl FnMut(Frame) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
            // If the reader is gone, the training thread notices it too and reports it.
            while send(Frame::Heartbeat(Heartbeat::now())).is_ok() {
                match stopped.recv_timeout(interval) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for HeartbeatThread {
    /// Waits for the thread, so that a process that exits does not cut a frame in two.
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // If the thread panicked, the panic hook has reported it.
            let _ = thread.join();
        }
    }
}

/// A writer of frames that the training thread and the heartbeat thread share.
#[derive(Debug)]
pub struct SharedWriter<W>(Arc<Mutex<W>>);

impl<W: Write> SharedWriter<W> {
    /// Shares a writer.
    pub fn new(writer: W) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes a frame and flushes it; frames of several threads are never mixed.
    pub fn send(&self, frame: &Frame) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write_frame(&mut *writer, frame)?;
        writer.flush()
    }
}

impl<W> Clone for SharedWriter<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn heartbeats_come_at_once_and_then_until_the_thread_is_dropped() {
        let (sender, receiver) = mpsc::channel();
        let send = move |frame| sender.send(frame).map_err(|_| io::ErrorKind::BrokenPipe.into());
        let beats = HeartbeatThread::start(Duration::from_millis(1), send).unwrap();
        for _ in 0..3 {
            assert!(matches!(receiver.recv(), Ok(Frame::Heartbeat(_))));
        }
        drop(beats);
        assert_eq!(receiver.iter().filter(|frame| !matches!(frame, Frame::Heartbeat(_))).count(), 0);
    }

    #[test]
    fn dropping_the_thread_does_not_wait_for_its_interval() {
        let beats = HeartbeatThread::start(Duration::from_hours(1), |_| Ok(())).unwrap();
        let began = Instant::now();
        drop(beats);
        assert!(began.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn a_reader_that_is_gone_ends_the_thread() {
        let mut beats =
            HeartbeatThread::start(Duration::ZERO, |_| Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        beats.thread.take().unwrap().join().unwrap();
    }

    #[test]
    fn processor_time_grows_with_work() {
        let before = Heartbeat::now().cpu_seconds;
        let mut sum = 0_u64;
        while Heartbeat::now().cpu_seconds < before + 0.01 {
            sum = std::hint::black_box(sum + 1);
        }
    }

    #[test]
    fn frames_of_two_threads_are_never_mixed() {
        let shared = SharedWriter::new(Vec::new());
        thread::scope(|scope| {
            for cpu_seconds in [1.0, 2.0] {
                let shared = shared.clone();
                scope.spawn(move || {
                    for _ in 0..500 {
                        shared.send(&Frame::Heartbeat(Heartbeat { cpu_seconds })).unwrap();
                    }
                });
            }
        });
        let bytes = shared.0.lock().unwrap();
        let mut reader = &bytes[..];
        let mut frames = 0;
        while crate::read_frame(&mut reader).unwrap().is_some() {
            frames += 1;
        }
        assert_eq!(frames, 1000);
    }
}
