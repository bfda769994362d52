//! Where a sweep trains: devices, workers on each, lanes in a group.

use std::num::NonZero;
use std::thread::available_parallelism;

use gansweep_experiment::Execution;
use gansweep_gan::device;
use gansweep_runner::Slot;

use crate::cli::ExecutionArgs;
use crate::failure::Failure;

/// What takes groups from the queue, and how large groups may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// One worker each.
    pub(crate) slots: Vec<Slot>,
    /// The most lanes in a group.
    pub(crate) max_lanes: usize,
}

/// The command line's wishes over the experiment file's, over what pays on this machine.
pub(crate) fn choose(args: &ExecutionArgs, execution: &Execution) -> Result<Places, Failure> {
    let names = if args.devices.is_empty() { &execution.devices } else { &args.devices };
    let devices = device::resolve(names)?;
    let cores = available_parallelism().map_or(1, NonZero::get) as u32;
    let jobs = args.jobs.or((execution.jobs > 0).then_some(execution.jobs));
    let mut slots = Vec::new();
    for device in &devices {
        let jobs = jobs.unwrap_or(if device.is_cpu() { cores } else { 1 });
        let threads = (cores / jobs).max(1);
        slots.extend((0..jobs).map(|_| Slot { device: device.to_string(), threads }));
    }
    let fuse = args.fuse.or((execution.fuse > 0).then_some(execution.fuse));
    // A lane on the CPU is one thread's work: lanes share nothing there that would pay for a group.
    let fitting = if devices.iter().all(device::DeviceName::is_cpu) { 1 } else { 64 };
    Ok(Places { slots, max_lanes: fuse.unwrap_or(fitting) as usize })
}
