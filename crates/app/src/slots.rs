//! Where a sweep trains: devices, workers on each, lanes in a group.

use std::cell::OnceCell;
use std::sync::Arc;

use gansweep_base::host;
use gansweep_config::{Execution, PlannedRun};
use gansweep_scheduler::Slot;
use gansweep_train::{DeviceChoice, DeviceInfo, DeviceName};
use tracing::info;

use crate::{AppError, Programs, devices};

/// Where to train, as the caller wishes over what the experiment file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionRequest {
    /// `auto`, or names of devices; the file's if empty.
    pub devices: Vec<String>,
    /// Workers at the same time on each device, from 1.
    pub jobs: Option<u32>,
    /// The most lanes of a group, from 1.
    pub fuse: Option<u32>,
}

/// What takes groups from the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    places: Vec<Place>,
    /// Lanes in a group as the user wants them.
    fuse: Option<usize>,
}

/// A device and the workers on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: DeviceName,
    /// What the device said of itself, unless it is this program's own CPU path.
    info: Option<DeviceInfo>,
    workers: u32,
    /// Of each worker.
    threads: u32,
}

/// The caller's wishes over the experiment file's, over what pays on this machine.
pub(crate) fn choose(
    request: &ExecutionRequest,
    execution: &Execution,
    programs: &Programs,
) -> Result<Places, AppError> {
    let names = if request.devices.is_empty() { &execution.devices } else { &request.devices };
    let machine = Machine::new(programs);
    let named = names.iter().map(|name| machine.resolve(name)).collect::<Result<Vec<_>, _>>()?;
    let cores = host::threads() as u32;
    let jobs = request.jobs.or((execution.jobs > 0).then_some(execution.jobs));
    // Each device of the processor's own gets its part of the cores.
    let sharers = named.iter().filter(|(name, _)| name.is_cpu()).count() as u32;
    let place = |(name, info): (DeviceName, Option<DeviceInfo>)| {
        let cores = if name.is_cpu() { (cores / sharers).max(1) } else { cores };
        let workers = jobs.unwrap_or(if name.pays_a_worker_a_core() { cores } else { 1 });
        let threads = (cores / workers).max(1);
        let adapter = info.as_ref().map(|info| &info.adapter);
        info!(device = %name, adapter, workers, threads, "device chosen");
        Place { name, info, workers, threads }
    };
    let places = named.into_iter().map(place).collect();
    let fuse = request.fuse.or((execution.fuse > 0).then_some(execution.fuse));
    Ok(Places { places, fuse: fuse.map(|lanes| lanes as usize) })
}

impl Places {
    /// Names of the devices.
    pub(crate) fn devices(&self) -> impl Iterator<Item = String> {
        self.places.iter().map(|place| place.name.to_string())
    }

    /// The most workers at the same time, and the most threads of one.
    pub(crate) fn workers(&self) -> (usize, u32) {
        let workers = self.places.iter().map(|place| place.workers as usize).sum();
        (workers, self.places.iter().map(|place| place.threads).max().unwrap_or(1))
    }

    /// One slot for each worker.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let sharing = |place: &Place| {
            let same = self.places.iter().filter(|other| other.name == place.name);
            same.map(|other| other.workers as usize).sum()
        };
        self.places.iter().flat_map(|place| place.slots(self.fuse, sharing(place))).collect()
    }
}

impl Place {
    /// Its slots, where so many workers share the device. A lane on the CPU is one thread's work:
    /// lanes share nothing there that would pay for a group.
    fn slots(&self, fuse: Option<usize>, sharing: usize) -> impl Iterator<Item = Slot> + use<> {
        let info = self.info.clone();
        let most_lanes = move |run: &PlannedRun| {
            let of_device =
                || info.as_ref().map_or(1, |info| devices::most_lanes(info, sharing, &run.config, &run.spec));
            fuse.unwrap_or_else(of_device)
        };
        let slot =
            Slot { device: self.name.to_string(), threads: self.threads, max_lanes: Arc::new(most_lanes) };
        std::iter::repeat_n(slot, self.workers as usize)
    }
}

/// The machine's devices, asked for when they are first needed: that starts their drivers.
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

    /// The device of that name, if this machine and this build have it.
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
            return Err(AppError::UnknownDevice(name));
        };
        match &found.problem {
            None => Ok((named, Some(found.clone()))),
            Some(problem) => Err(AppError::UnusableDevice { device: name, problem: problem.clone() }),
        }
    }
}
