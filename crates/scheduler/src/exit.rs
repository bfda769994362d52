//! Exit status of a worker, and what its codes mean.

use std::fmt;

use signal_hook::consts::SIGXFSZ;

use crate::TaskEnd;

/// Exit code of a worker that cannot use its device (missing, lost, no driver). Its slot is closed, and
/// its lanes go to other slots; no attempt is counted.
pub const EXIT_DEVICE_UNAVAILABLE: i32 = 3;

/// Exit code of a worker that ran out of memory. Its group is halved.
pub const EXIT_OUT_OF_MEMORY: i32 = 4;

/// Exit code of a worker that met a failure which every run would meet (full disk, unreadable data). The
/// sweep ends; no attempt is counted.
pub const EXIT_SHARED_CAUSE: i32 = 5;

/// Exit code of a worker for which the system had no thread or open file left. Its slot is closed or pauses;
/// no attempt is counted.
pub const EXIT_SHORTAGE: i32 = 6;

/// Exit status of a worker and the end of its stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The status.
    pub status: ExitStatus,
    /// The last lines of its stderr; may be empty.
    pub stderr: String,
}

/// How a worker exited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// With an exit code; 0 stands for success.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// The cluster ended it.
    Cluster(TaskEnd),
    /// None: it could not be killed, or waiting for it failed.
    Unknown,
}

impl Exit {
    /// With empty stderr.
    pub fn without_stderr(status: ExitStatus) -> Self {
        Self { status, stderr: String::new() }
    }

    /// Whether memory ran out, as far as can be told.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        match self.status {
            // The kernel's out-of-memory killer sends SIGKILL; nothing tells it from another sender.
            ExitStatus::Code(EXIT_OUT_OF_MEMORY) | ExitStatus::Signal(9) => true,
            // A failed allocation in Rust or C++ aborts with one of these messages.
            ExitStatus::Signal(6) => {
                ["memory allocation of", "std::bad_alloc"].iter().any(|words| self.stderr.contains(words))
            }
            _ => false,
        }
    }

    /// Whether every run would end the worker in this way.
    pub(crate) fn is_shared(&self) -> bool {
        // Each checkpoint would exceed the limit on file sizes (SIGXFSZ).
        matches!(self.status, ExitStatus::Code(EXIT_SHARED_CAUSE) | ExitStatus::Signal(SIGXFSZ))
    }

    /// Whether the system had no thread, process or open file left, as far as can be told.
    pub(crate) fn is_shortage(&self) -> bool {
        // Libraries panic where a thread cannot be started; std's and rayon's messages, and the system's.
        let messages = ["failed to spawn thread", "Resource temporarily unavailable", "Too many open files"];
        match self.status {
            ExitStatus::Code(EXIT_SHORTAGE) => true,
            ExitStatus::Code(1 | 101) | ExitStatus::Signal(6) => {
                messages.iter().any(|message| self.stderr.contains(message))
            }
            _ => false,
        }
    }

    /// The status in words, with stderr if there is any.
    pub(crate) fn describe(&self) -> String {
        with_stderr(self.status.to_string(), &self.stderr)
    }
}

/// Whether a worker says that a disk or a quota is full, which every other run would meet too.
pub(crate) fn says_disk_is_full(stderr: &str) -> bool {
    ["No space left on device", "Disk quota exceeded"].iter().any(|message| stderr.contains(message))
}

/// Appends a worker's stderr to a cause.
pub(crate) fn with_stderr(cause: String, stderr: &str) -> String {
    if stderr.is_empty() { cause } else { format!("{cause}; stderr: {stderr}") }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(0) => f.write_str("the worker ended before its runs did"),
            Self::Code(EXIT_DEVICE_UNAVAILABLE) => f.write_str("the device is unavailable"),
            Self::Code(EXIT_OUT_OF_MEMORY) => f.write_str("the device or the machine is out of memory"),
            Self::Code(EXIT_SHARED_CAUSE) => f.write_str("the worker met what no run can train with"),
            Self::Code(EXIT_SHORTAGE) => f.write_str("the system has no thread or open file left"),
            Self::Code(101) => f.write_str("the worker panicked (exit code 101)"),
            Self::Code(code) => write!(f, "the worker failed with exit code {code}"),
            Self::Signal(SIGXFSZ) => f.write_str(
                "a file became larger than this user may write (raise the limit with `ulimit -f`)",
            ),
            Self::Signal(signal) => write!(f, "the worker was killed by {}", signal_name(signal)),
            Self::Cluster(end) => f.write_str(match end {
                TaskEnd::Preempted => "a job of higher priority took the place of the worker's job",
                TaskEnd::NodeLost => "the worker's node was lost",
                TaskEnd::TimeLimit => "the worker's job reached its time limit",
                TaskEnd::Cancelled => "the worker's job was cancelled",
                TaskEnd::OutOfMemory => "the worker's job needed more memory than it had asked for",
                TaskEnd::Completed | TaskEnd::Failed => "the worker's job ended before its runs did",
                TaskEnd::Forgotten => "the cluster no longer knows the worker's job",
            }),
            Self::Unknown => f.write_str("the worker vanished without an exit status"),
        }
    }
}

/// `SIGSEGV`, or `signal 70` where the system has no name for it.
fn signal_name(signal: i32) -> String {
    let name = signal_hook::low_level::signal_name(signal);
    name.map_or_else(|| format!("signal {signal}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_told_by_its_name_and_stderr_follows() {
        let exit = Exit { status: ExitStatus::Signal(11), stderr: "driver: oops".into() };
        assert_eq!(exit.describe(), "the worker was killed by SIGSEGV; stderr: driver: oops");
        assert_eq!(ExitStatus::Signal(70).to_string(), "the worker was killed by signal 70");
    }

    #[test]
    fn an_allocation_that_aborts_is_too_little_memory_and_another_abort_is_not() {
        let aborted = |stderr: &str| Exit { status: ExitStatus::Signal(6), stderr: stderr.into() };
        assert!(aborted("memory allocation of 51200 bytes failed").is_out_of_memory());
        assert!(!aborted("malloc(): corrupted top size").is_out_of_memory());
        assert!(Exit::without_stderr(ExitStatus::Signal(9)).is_out_of_memory());
        assert!(!Exit::without_stderr(ExitStatus::Signal(11)).is_out_of_memory());
    }

    #[test]
    fn a_thread_or_file_that_cannot_be_had_is_a_shortage_and_another_panic_is_not() {
        let panicked = |stderr: &str| Exit { status: ExitStatus::Code(101), stderr: stderr.into() };
        assert!(panicked("failed to spawn thread: Os { code: 11, kind: WouldBlock }").is_shortage());
        assert!(panicked("opening x: Too many open files (os error 24)").is_shortage());
        assert!(!panicked("index out of bounds").is_shortage());
        assert!(Exit::without_stderr(ExitStatus::Code(EXIT_SHORTAGE)).is_shortage());
        assert!(!Exit::without_stderr(ExitStatus::Code(1)).is_shortage());
    }

    #[test]
    fn an_exit_without_stderr_is_told_without_an_empty_tail() {
        assert_eq!(
            Exit::without_stderr(ExitStatus::Code(7)).describe(),
            "the worker failed with exit code 7"
        );
    }
}
