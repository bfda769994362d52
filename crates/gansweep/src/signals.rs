//! Signals that ask the program to end: SIGINT (Ctrl-C), SIGTERM, and SIGHUP when the terminal is closed.
//!
//! During training, the first one stops the sweep cleanly and the second one at once; another cancels the writing of the page, and
//! the fourth ends the program. Before training there is nothing to save, so it ends the program. A worker saves its runs and
//! ends.
//!
//! A signal that was ignored when the program started stays ignored: `nohup` ignores SIGHUP, and shell scripts
//! start background jobs with SIGINT ignored.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gansweep_app::slurm::TaskSignals;
use gansweep_scheduler::StopSignal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::messages;

/// The exit code of an interrupted sweep: 128 + SIGINT, as in shells.
pub(crate) const INTERRUPTED: u8 = 130;

/// The requests to stop that a sweep is given to end by itself.
const MOST_REQUESTS: u8 = 3;
/// What a sweep that is ended early has to say.
pub(crate) const BEFORE_TRAINING: &str = "stopped before training began; run the same command to go on";

/// Handlers for the signals that ask the program to end.
#[derive(Debug)]
pub(crate) struct Interrupts {
    stop: StopSignal,
    training: Arc<AtomicBool>,
}

impl Interrupts {
    /// Installs the handlers. A signal ends the program at once with [`INTERRUPTED`].
    pub(crate) fn catch() -> io::Result<Self> {
        let caught = Self { stop: StopSignal::new(), training: Arc::default() };
        let mut signals = Signals::new(not_ignored())?;
        let (stop, training) = (caught.stop.clone(), Arc::clone(&caught.training));
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                tracing::info!(signal, "signal received");
                // What waits for something slow, such as a file system that is away, does not notice the stop signal. The
                // database and the workers take the end of the program as they take a loss of power.
                let is_training = training.load(Ordering::SeqCst);
                if !is_training || stop.requests() >= MOST_REQUESTS {
                    if !is_training {
                        messages::print(BEFORE_TRAINING);
                    }
                    messages::flush();
                    std::process::exit(INTERRUPTED.into());
                }
                stop.escalate();
            }
        })?;
        Ok(caught)
    }

    /// From now on, a signal raises the returned stop signal instead.
    pub(crate) fn stop_instead(self) -> StopSignal {
        self.training.store(true, Ordering::SeqCst);
        self.stop
    }
}

/// A flag that each of the signals sets, for a worker. A worker is in a process group of its own, which keeps
/// Ctrl-C away from it, but a service manager or a batch system sends its signals to every process.
pub(crate) fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::<AtomicBool>::default();
    for signal in not_ignored() {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// A flag that the first of the signals sets, for a command that then removes what it has begun and ends. The second ends the
/// program.
pub(crate) fn stop_flag_or_end() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::<AtomicBool>::default();
    for signal in not_ignored() {
        signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// The flags of a task on a cluster: USR1 means that its time limit is near.
pub(crate) fn task_signals() -> io::Result<TaskSignals> {
    let time_is_up = Arc::<AtomicBool>::default();
    signal_hook::flag::register(SIGUSR1, Arc::clone(&time_is_up))?;
    Ok(TaskSignals { stop: stop_flag()?, time_is_up })
}

fn not_ignored() -> impl Iterator<Item = libc::c_int> {
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal))
}

/// Whether the process ignores a signal: its parent may have decided so. Only true before a handler is
/// installed.
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: With a null pointer for the new action, `sigaction` changes nothing; it writes the current
    // action, and for a structure of plain data zeroes are a valid value if it fails.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_with_its_default_action_is_not_ignored() {
        assert!(is_ignored(libc::SIGPIPE), "Rust's runtime ignores it");
        assert!(!is_ignored(libc::SIGUSR1));
    }
}
