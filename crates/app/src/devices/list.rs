//! Lists the devices of this machine.

use std::process::Command;
use std::thread;
use std::time::Duration;

use gansweep_train::{DeviceInfo, DeviceKind, DeviceName};
use tracing::debug;

use super::child::output_within;
use super::libtorch_build;
use super::probe::{Probe, cpus};
use crate::Programs;

/// Time limit for drivers to answer.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// All devices of this machine, usable or not, CPUs first. Drivers are queried in child processes, because
/// they may crash.
pub fn list(programs: &Programs) -> Vec<DeviceInfo> {
    list_by(programs.probe(), programs.libtorch_probe())
}

/// `probe_command` starts this program to call [`probe`](super::probe()) and print the result as JSON. A crash or a hang of
/// it becomes a [`Problem`](gansweep_train::Problem). `libtorch_command` does the same with the program built with
/// libtorch; `None` if there is none.
pub(super) fn list_by(probe_command: Command, libtorch_command: Option<Command>) -> Vec<DeviceInfo> {
    let mut devices = cpus();
    let (own, other) = thread::scope(|scope| {
        let other = libtorch_command.map(|command| {
            let program = command.get_program().to_string_lossy().into_owned();
            (program, scope.spawn(|| output_within(command, PROBE_LIMIT)))
        });
        let own = output_within(probe_command, PROBE_LIMIT);
        (own, other.map(|(program, answer)| (program, answer.join())))
    });
    let of_drivers = gpus(own).into_iter().filter(|device| device.kind != DeviceKind::Cpu);
    devices.extend(of_drivers);
    if let Some((program, answer)) = other {
        let answer = answer.unwrap_or_else(|_| Err("could not be queried".to_owned()));
        libtorch_build::merge(&mut devices, &program, answer);
    }
    for DeviceInfo { name, backend, adapter, problem, .. } in &devices {
        let cause = problem.as_ref().map(|problem| &problem.cause);
        debug!(device = name, backend, adapter, cause, "device found");
    }
    devices
}

fn gpus(answer: Result<String, String>) -> Vec<DeviceInfo> {
    let unreadable = |error| format!("returned no list: {error}");
    match answer.and_then(|text| serde_json::from_str::<Probe>(text.trim()).map_err(unreadable)) {
        Ok(probe) => probe.devices,
        Err(cause) => {
            let gpu = DeviceInfo::new(DeviceName::Vulkan(0), "burn-wgpu", "", DeviceKind::DiscreteGpu);
            let remedy = "update the graphics driver, or name the one to use in VK_DRIVER_FILES";
            vec![gpu.with_problem(format!("the search for GPUs {cause}"), remedy)]
        }
    }
}

/// The device that `auto` selects: CUDA through libtorch, else a discrete, integrated or virtual GPU through
/// Vulkan, else the CPU. Never a software adapter: it is slower than the CPU backend.
pub fn best(devices: &[DeviceInfo]) -> DeviceName {
    let usable = |device: &&DeviceInfo| device.problem.is_none();
    let names = |device: &DeviceInfo| device.name.parse::<DeviceName>().ok();
    let cuda = |name: &DeviceName| matches!(name, DeviceName::LibtorchCuda(_));
    let vulkan = |name: &DeviceName| matches!(name, DeviceName::Vulkan(_) | DeviceName::Wgpu(_));
    let hardware = |device: &&DeviceInfo| (device.kind as usize) < DeviceKind::SoftwareGpu as usize;
    let mut candidates: Vec<_> = devices.iter().filter(usable).filter(hardware).collect();
    candidates.sort_by_key(|device| device.kind as usize);
    let names: Vec<_> = candidates.into_iter().filter_map(names).collect();
    let chosen = names.iter().find(|name| cuda(name)).or_else(|| names.iter().find(|name| vulkan(name)));
    chosen.copied().unwrap_or(DeviceName::Cpu)
}

#[cfg(test)]
mod tests {
    use super::super::probe::VERSION;
    use super::*;

    fn device(name: &str, kind: DeviceKind) -> DeviceInfo {
        DeviceInfo::new(name.parse().unwrap(), "", "", kind)
    }

    #[test]
    fn the_best_device_is_cuda_then_a_real_gpu_then_the_cpu() {
        let cpu = device("cpu", DeviceKind::Cpu);
        let software = device("vulkan:2", DeviceKind::SoftwareGpu);
        let integrated = device("vulkan:1", DeviceKind::IntegratedGpu);
        let discrete = device("vulkan:0", DeviceKind::DiscreteGpu);
        let cuda = device("libtorch:cuda:0", DeviceKind::DiscreteGpu);
        let mut all = vec![cpu, software, integrated, discrete, cuda];
        let mut order = Vec::new();
        while !all.is_empty() {
            order.push(best(&all).to_string());
            all.pop();
        }
        assert_eq!(order, ["libtorch:cuda:0", "vulkan:0", "vulkan:1", "cpu", "cpu"]);
    }

    #[test]
    fn a_device_that_cannot_be_used_is_never_the_best() {
        let broken = device("vulkan:0", DeviceKind::DiscreteGpu).with_problem("no".to_owned(), "none");
        assert_eq!(best(&[broken]), DeviceName::Cpu);
        assert_eq!(best(&[]), DeviceName::Cpu);
    }

    #[test]
    fn a_driver_that_crashes_or_prints_no_list_is_listed_with_the_cause() {
        for answer in [Err("crashed".to_owned()), Ok("Segmentation".to_owned())] {
            let listed = gpus(answer);
            let problem = listed[0].problem.as_ref().unwrap();
            assert!(problem.cause.contains("crashed") || problem.cause.contains("no list"), "{problem:?}");
        }
    }

    #[test]
    fn the_devices_that_a_probe_prints_are_listed() {
        let found = vec![device("vulkan:0", DeviceKind::SoftwareGpu)];
        let answer = Probe { version: VERSION.to_owned(), devices: found.clone() };
        assert_eq!(gpus(Ok(serde_json::to_string(&answer).unwrap())), found);
    }

    #[test]
    fn every_machine_has_the_cpu() {
        let listed = list_by(Command::new("/no/such/program"), None);
        assert!(listed[0].problem.is_none() && listed[0].name == "cpu" && listed[0].memory_bytes.is_some());
    }
}
