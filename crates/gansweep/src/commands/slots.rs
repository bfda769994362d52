//! Where a sweep trains: devices, workers on each, lanes in a group.

use std::num::NonZero;
use std::thread::available_parallelism;

use gansweep_experiment::Execution;
use gansweep_gan::device::{self, DeviceChoice, DeviceName};
use gansweep_runner::Slot;

use super::devices;
use super::programs::Programs;
use crate::cli::ExecutionArgs;
use crate::failure::Failure;

/// Lanes of one group on a device other than the CPU, unless the user says otherwise.
const GPU_LANES: usize = 64;

/// What takes groups from the queue, and how large groups may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// One worker each.
    pub(crate) slots: Vec<Slot>,
    /// The most lanes in a group.
    pub(crate) max_lanes: usize,
}

/// The command line's wishes over the experiment file's, over what pays on this machine.
pub(crate) fn choose(
    args: &ExecutionArgs,
    execution: &Execution,
    programs: &Programs,
) -> Result<Places, Failure> {
    let names = if args.devices.is_empty() { &execution.devices } else { &args.devices };
    let devices = names.iter().map(|name| resolve(name, programs)).collect::<Result<Vec<_>, _>>()?;
    let cores = available_parallelism().map_or(1, NonZero::get) as u32;
    let jobs = args.jobs.or((execution.jobs > 0).then_some(execution.jobs));
    // Each device of the processor's own gets its part of the cores.
    let sharers = devices.iter().filter(|device| device.is_cpu()).count() as u32;
    let mut slots = Vec::new();
    for device in &devices {
        let cores = if device.is_cpu() { (cores / sharers).max(1) } else { cores };
        let jobs = jobs.unwrap_or(if *device == DeviceName::Cpu { cores } else { 1 });
        let threads = (cores / jobs).max(1);
        slots.extend((0..jobs).map(|_| Slot { device: device.to_string(), threads }));
    }
    let fuse = args.fuse.or((execution.fuse > 0).then_some(execution.fuse));
    // A lane on the CPU is one thread's work: lanes share nothing there that would pay for a group.
    let paying = if devices.iter().all(|device| *device == DeviceName::Cpu) { 1 } else { GPU_LANES };
    Ok(Places { slots, max_lanes: fuse.map_or(paying, |lanes| lanes as usize) })
}

/// The device of that name, if this machine and this build have it.
fn resolve(name: &str, programs: &Programs) -> Result<DeviceName, Failure> {
    let choice: DeviceChoice =
        name.parse().map_err(|error: gansweep_gan::GanError| Failure::Wrong(error.to_string()))?;
    match choice {
        DeviceChoice::Named(DeviceName::Cpu) => Ok(DeviceName::Cpu),
        DeviceChoice::Auto => Ok(device::best(&devices::list(programs))),
        DeviceChoice::Named(named) => {
            let name = named.to_string();
            match devices::list(programs).into_iter().find(|device| device.name == name) {
                None => Err(Failure::Wrong(format!(
                    "this machine has no device {name}; `gansweep devices` lists what it has"
                ))),
                Some(found) => match found.problem {
                    None => Ok(named),
                    Some(problem) => Err(Failure::Wrong(format!(
                        "device {name} cannot be used: {}; {}",
                        problem.cause, problem.remedy
                    ))),
                },
            }
        }
    }
}
