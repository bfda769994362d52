//! `gansweep devices`: where this machine and this build can train.

use std::io::Write;

use gansweep_app::devices as device;
use gansweep_train::{DeviceInfo, DeviceKind};

use super::programs::Programs;
use crate::cli::DevicesArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &DevicesArgs) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.probe {
        serde_json::to_writer(&mut out, &device::probe())?;
        writeln!(out)?;
        return Ok(());
    }
    let devices = list(&Programs::find()?);
    if args.json {
        serde_json::to_writer_pretty(&mut out, &devices)?;
        writeln!(out)?;
        return Ok(());
    }
    let rows = devices.into_iter().map(|device| {
        let memory = device.memory_bytes.map(output::memory);
        let usable = match (device.problem, device.kind) {
            (Some(it), _) => format!("no: {}; {}", it.cause, it.remedy),
            (None, DeviceKind::SoftwareGpu) => "yes, but slow: it is software".to_owned(),
            (None, _) => "yes".to_owned(),
        };
        vec![device.name, device.backend, device.adapter, memory.unwrap_or_default(), usable]
    });
    writeln!(
        out,
        "{}",
        output::table(&["DEVICE", "BACKEND", "ADAPTER", "MEMORY", "USABLE"], rows.collect())
    )?;
    Ok(())
}

/// Every device; drivers are asked from processes of their own, since they may crash.
pub(crate) fn list(programs: &Programs) -> Vec<DeviceInfo> {
    device::list(programs.probe(), programs.libtorch_probe())
}
