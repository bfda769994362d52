//! Signals. During training, the first Ctrl-C stops the sweep cleanly and the second at once. Before
//! training there is nothing to save, so Ctrl-C ends the program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gansweep_scheduler::StopSignal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The exit code of an interrupted sweep: 128 + SIGINT, as in shells.
pub(crate) const INTERRUPTED: u8 = 130;

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
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let (stop, training) = (caught.stop.clone(), Arc::clone(&caught.training));
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                tracing::info!(signal, "signal received");
                if !training.load(Ordering::SeqCst) {
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
