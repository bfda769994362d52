//! Ctrl-C: while a sweep trains, the first ends it cleanly and the second at once; before it trains
//! there is nothing to end cleanly.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gansweep_scheduler::StopSignal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The exit code of a sweep that was interrupted: 128 + SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Signals that ask the program to end, caught.
#[derive(Debug)]
pub(crate) struct Interrupts {
    stop: StopSignal,
    training: Arc<AtomicBool>,
}

impl Interrupts {
    /// From now on a signal ends the program at once, with [`INTERRUPTED`].
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

    /// From now on a signal raises the returned stop signal instead.
    pub(crate) fn stop_instead(self) -> StopSignal {
        self.training.store(true, Ordering::SeqCst);
        self.stop
    }
}
