//! `gansweep devices`: the devices of this machine.

use clap::Args;
use gansweep_app::{Programs, devices};
use gansweep_train::{DeviceInfo, DeviceKind};

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Query the drivers in this process and print JSON: `devices` starts this in a child process.
    #[arg(long, hide = true)]
    pub(crate) probe: bool,
}

/// Runs the command.
pub(crate) fn run(args: &DevicesArgs) -> Result<(), Failure> {
    if args.probe {
        return Ok(output::print_json_lines(&[devices::probe()])?);
    }
    let devices = devices::list(&Programs::find()?);
    if args.json {
        return Ok(output::print_json(&devices)?);
    }
    let rows = devices.into_iter().map(row).collect();
    let header = ["DEVICE", "BACKEND", "ADAPTER", "MEMORY", "USABLE"];
    Ok(output::print(&output::table(&header, rows))?)
}

fn row(device: DeviceInfo) -> Vec<String> {
    let memory = device.memory_bytes.map(output::memory);
    let usable = match (device.problem, device.kind) {
        (Some(it), _) => format!("no: {}; {}", it.cause, it.remedy),
        (None, DeviceKind::SoftwareGpu) => "yes, but slow (software)".to_owned(),
        (None, _) => "yes".to_owned(),
    };
    vec![device.name, device.backend, device.adapter, memory.unwrap_or_default(), usable]
}
