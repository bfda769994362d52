//! `gansweep devices`: where this machine and this build can train.

use std::io::Write;

use gansweep_gan::device;

use crate::cli::DevicesArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &DevicesArgs) -> Result<(), Failure> {
    let devices = device::list();
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &devices)?;
        writeln!(out)?;
        return Ok(());
    }
    let rows = devices.into_iter().map(|device| {
        let memory = device.memory_bytes.map(|bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)));
        let usable = device.unusable.map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"));
        vec![device.name, device.backend, device.adapter, memory.unwrap_or_default(), usable]
    });
    writeln!(out, "{}", output::table(&["DEVICE", "BACKEND", "ADAPTER", "MEMORY", "USABLE"], rows.collect()))?;
    Ok(())
}
