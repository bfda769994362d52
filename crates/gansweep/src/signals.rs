//! Ctrl-C: the first ends the sweep cleanly, the second at once.

use std::io;

use gansweep_runner::StopSignal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// From now on, signals that ask the program to end raise the returned stop signal instead.
pub(crate) fn stop_on_signals() -> io::Result<StopSignal> {
    let stop = StopSignal::new();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let raised = stop.clone();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for _ in signals.forever() {
            raised.escalate();
        }
    })?;
    Ok(stop)
}
