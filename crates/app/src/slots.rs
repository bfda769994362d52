//! Selects devices, and the number of workers and lanes on each.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use gansweep_base::host;
use gansweep_config::{ConfigHash, Execution, Plan, PlannedRun};
use gansweep_scheduler::Slot;
use gansweep_train::{DeviceChoice, DeviceInfo, DeviceName, Unsupported};
use tracing::info;

use crate::schedule::Without;
use crate::{AppError, Programs, backends, devices};

/// Options that override the experiment file's `[execution]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionRequest {
    /// `auto` or device names; empty for those of the file.
    pub devices: Vec<String>,
    /// Concurrent workers per device, at least 1.
    pub jobs: Option<u32>,
    /// Maximum lanes per group, at least 1.
    pub fuse: Option<u32>,
}

/// The devices of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SweepDevices {
    devices: Vec<SweepDevice>,
    /// Maximum lanes per group as set by the user.
    fuse: Option<usize>,
}

/// A device and the workers on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SweepDevice {
    name: DeviceName,
    /// Details of the device; `None` for `cpu`, whose limits do not depend on them.
    info: Option<DeviceInfo>,
    workers: u32,
    /// Threads per worker.
    threads: u32,
}

/// Combines the caller's options, the experiment file's and the defaults for this machine.
pub(crate) fn choose(
    request: &ExecutionRequest,
    execution: &Execution,
    programs: &Programs,
) -> Result<SweepDevices, AppError> {
    let names = if request.devices.is_empty() { &execution.devices } else { &request.devices };
    let machine = Machine::new(programs);
    let named = names.iter().map(|name| machine.resolve(name)).collect::<Result<Vec<_>, _>>()?;
    let cores = host::threads() as u32;
    let jobs = request.jobs.or((execution.jobs > 0).then_some(execution.jobs));
    // CPU devices share the cores.
    let sharers = named.iter().filter(|(name, _)| name.is_cpu()).count() as u32;
    let device = |(name, info): (DeviceName, Option<DeviceInfo>)| {
        let cores = if name.is_cpu() { (cores / sharers).max(1) } else { cores };
        let workers = jobs.unwrap_or(if name.prefers_worker_per_core() { cores } else { 1 });
        let threads = (cores / workers).max(1);
        let adapter = info.as_ref().map(|info| &info.adapter);
        info!(device = %name, adapter, workers, threads, "device chosen");
        SweepDevice { name, info, workers, threads }
    };
    let devices = named.into_iter().map(device).collect();
    let fuse = request.fuse.or((execution.fuse > 0).then_some(execution.fuse));
    Ok(SweepDevices { devices, fuse: fuse.map(|lanes| lanes as usize) })
}

/// The device on a cluster's nodes. Whether the nodes have it is found out there.
pub(crate) fn of_cluster(
    request: &ExecutionRequest,
    execution: &Execution,
) -> Result<SweepDevices, AppError> {
    let names = if request.devices.is_empty() { &execution.devices } else { &request.devices };
    let devices = names.iter().map(|name| match name.parse().map_err(AppError::DeviceName)? {
        DeviceChoice::Named(name) => Ok(name),
        DeviceChoice::Auto if execution.slurm.gpus == 0 => Ok(DeviceName::Cpu),
        DeviceChoice::Auto => Err(AppError::NoDeviceOnCluster),
    });
    let devices = devices.collect::<Result<Vec<DeviceName>, AppError>>()?;
    let threads = execution.slurm.cpus.max(1);
    let device = |&name: &DeviceName| SweepDevice { name, info: None, workers: 1, threads };
    let fuse = request.fuse.or((execution.fuse > 0).then_some(execution.fuse));
    // Tasks share one queue, so that a second device would only get half of the groups.
    let devices = devices.first().map(device).into_iter().collect();
    Ok(SweepDevices { devices, fuse: fuse.map(|lanes| lanes as usize) })
}

impl SweepDevices {
    /// The same devices, each with a slot for every run: a cluster takes all groups at once and queues them itself.
    pub(crate) fn with_tasks(mut self, runs: usize) -> Self {
        for device in &mut self.devices {
            device.workers = u32::try_from(runs).unwrap_or(u32::MAX);
        }
        self
    }

    /// The devices' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.devices.iter().map(|device| device.name.to_string())
    }

    /// Why runs have no quality figures here unless they are asked for.
    pub(crate) fn without_figures(&self) -> Option<Without> {
        let cpu = DeviceName::Cpu.to_string();
        self.names().any(|name| name != cpu).then_some(Without::Gpu)
    }

    /// The most workers at the same time, and the most threads of one.
    pub(crate) fn workers(&self) -> (usize, u32) {
        let workers = self.devices.iter().map(|device| device.workers as usize).sum();
        (workers, self.devices.iter().map(|device| device.threads).max().unwrap_or(1))
    }

    /// Checks that every device can train every run of a plan: any of them may get it.
    ///
    /// # Errors
    ///
    /// [`AppError::UnsupportedRuns`] for the first device and run of which that is not so.
    pub(crate) fn check_support(&self, plan: &Plan) -> Result<(), AppError> {
        let mut known: HashSet<(&ConfigHash, &str)> = HashSet::new();
        let mut distinct: Vec<&PlannedRun> = Vec::new();
        for run in &plan.runs {
            if known.insert((&run.config_hash, &run.spec.fingerprint)) {
                distinct.push(run);
            }
        }
        for device in &self.devices {
            for run in &distinct {
                if let Err(reason) = backends::supports(device.name, &run.config, &run.spec) {
                    return Err(unsupported(device.name, run, reason));
                }
            }
        }
        Ok(())
    }

    /// One slot for each worker.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let workers_on = |device: &SweepDevice| {
            let same = self.devices.iter().filter(|other| other.name == device.name);
            same.map(|other| other.workers as usize).sum()
        };
        self.devices.iter().flat_map(|device| device.slots(self.fuse, workers_on(device))).collect()
    }
}

impl SweepDevice {
    /// The device's slots, if `workers` workers share it. On `cpu` a group has one lane by default: the
    /// backend computes each lane on its own, so larger groups gain nothing.
    fn slots(&self, fuse: Option<usize>, workers: usize) -> impl Iterator<Item = Slot> + use<> {
        let info = self.info.clone();
        let max_lanes = move |run: &PlannedRun| {
            let of_device =
                || info.as_ref().map_or(1, |info| devices::max_lanes(info, workers, &run.config, &run.spec));
            fuse.unwrap_or_else(of_device)
        };
        let slot =
            Slot { device: self.name.to_string(), threads: self.threads, max_lanes: Arc::new(max_lanes) };
        std::iter::repeat_n(slot, self.workers as usize)
    }
}

/// The error for a run that a device cannot train, with the device that can.
fn unsupported(device: DeviceName, run: &PlannedRun, reason: Unsupported) -> AppError {
    let elsewhere = backends::supports(DeviceName::Cpu, &run.config, &run.spec).is_ok();
    let way_out = match elsewhere {
        true => "use --device cpu",
        false => "change the config, or exclude the run",
    };
    AppError::UnsupportedRuns { device: device.to_string(), run: run.label.clone(), reason, way_out }
}

/// The machine's devices, listed on first use: listing starts their drivers.
struct Machine<'a> {
    programs: &'a Programs,
    devices: OnceCell<Vec<DeviceInfo>>,
}

impl<'a> Machine<'a> {
    fn new(programs: &'a Programs) -> Self {
        Self { programs, devices: OnceCell::new() }
    }

    fn devices(&self) -> &[DeviceInfo] {
        self.devices.get_or_init(|| devices::list(self.programs))
    }

    /// Finds a device by name; an error if it does not exist or cannot be used.
    fn resolve(&self, name: &str) -> Result<(DeviceName, Option<DeviceInfo>), AppError> {
        let choice: DeviceChoice = name.parse().map_err(AppError::DeviceName)?;
        let named = match choice {
            DeviceChoice::Named(named) => named,
            DeviceChoice::Auto => devices::best(self.devices()),
        };
        if named == DeviceName::Cpu {
            return Ok((named, None));
        }
        let name = named.to_string();
        let Some(found) = self.devices().iter().find(|device| device.name == name) else {
            let known = self.devices().iter().map(|device| device.name.clone()).collect();
            return Err(AppError::UnknownDevice { name, known });
        };
        match &found.problem {
            None => Ok((named, Some(found.clone()))),
            Some(problem) => Err(AppError::UnusableDevice { device: name, problem: problem.clone() }),
        }
    }
}
