//! Which devices this machine has, and which of them this build can use.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::adapters::{Adapter, Api, adapters};
use super::child::output_within;
use super::{DeviceName, libtorch_build, machine};

/// The release of Burn that the `burn` dependency is pinned to.
#[cfg(feature = "burn-path")]
pub(super) const BURN_VERSION: &str = "0.22.1";

/// A driver that has not answered after so long is given up.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// Of the whole program: its crates have one version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a device is. Discriminants are the order in which devices are preferred and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A GPU with memory of its own.
    DiscreteGpu = 0,
    /// A GPU that shares the machine's memory.
    IntegratedGpu = 1,
    /// A GPU that a virtual machine passes on.
    VirtualGpu = 2,
    /// A program that stands for a GPU.
    SoftwareGpu = 3,
    /// The processor.
    Cpu = 4,
}

/// Why a device cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Why.
    pub cause: String,
    /// The command that would change it, or what to install.
    pub remedy: String,
}

/// One line of `gansweep devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The name that `--device` takes.
    pub name: String,
    /// What computes: `native`, `burn-flex`, `burn-wgpu`, `burn-libtorch`.
    pub backend: String,
    /// The adapter and its driver, as the driver calls them.
    pub adapter: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The device's own memory in bytes, or the machine's for a CPU.
    pub memory_bytes: Option<u64>,
    /// The most bytes that its driver takes in one tensor, where there is such a limit.
    pub largest_buffer_bytes: Option<u64>,
    /// `None` for a device this build can use.
    pub problem: Option<Problem>,
}

impl DeviceInfo {
    pub(super) fn new(name: DeviceName, backend: &str, adapter: &str, kind: DeviceKind) -> Self {
        let (name, backend, adapter) = (name.to_string(), backend.to_owned(), adapter.to_owned());
        Self { name, backend, adapter, kind, memory_bytes: None, largest_buffer_bytes: None, problem: None }
    }

    pub(super) fn with_problem(self, cause: String, remedy: &str) -> Self {
        Self { problem: Some(Problem { cause, remedy: remedy.to_owned() }), ..self }
    }
}

/// What a program answers when it is asked for its devices, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The program's version: workers and runners of different ones do not understand each other.
    pub version: String,
    /// What [`probe`] found.
    pub devices: Vec<DeviceInfo>,
}

/// Every device of this machine, usable or not, CPUs first.
///
/// `probe_command` starts this program so that it calls [`probe`] and prints the result as JSON;
/// it ends as it likes, and a crash or a hang there becomes a [`Problem`]. `libtorch_command` asks
/// the same of the program built with libtorch, for a build that lacks it; `None` if there is none.
pub fn list(probe_command: Command, libtorch_command: Option<Command>) -> Vec<DeviceInfo> {
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
        let answer = answer.unwrap_or_else(|_| Err("could not be asked".to_owned()));
        libtorch_build::merge(&mut devices, &program, answer);
    }
    devices
}

fn gpus(answer: Result<String, String>) -> Vec<DeviceInfo> {
    let unreadable = |error| format!("gave no list: {error}");
    match answer.and_then(|text| serde_json::from_str::<Probe>(text.trim()).map_err(unreadable)) {
        Ok(probe) => probe.devices,
        Err(cause) => {
            let gpu = DeviceInfo::new(DeviceName::Vulkan(0), "burn-wgpu", "", DeviceKind::DiscreteGpu);
            let remedy = "update the graphics driver, or name the one to use in VK_DRIVER_FILES";
            vec![gpu.with_problem(format!("the search for GPUs {cause}"), remedy)]
        }
    }
}

/// The devices whose listing runs a driver's code, and all of libtorch's, for a build that lacks it.
pub fn probe() -> Probe {
    let mut devices = wgpu_devices();
    if cfg!(feature = "libtorch") {
        devices.extend(cpus().into_iter().filter(|cpu| cpu.name == DeviceName::LibtorchCpu.to_string()));
    }
    devices.extend(cuda_devices());
    Probe { version: VERSION.to_owned(), devices }
}

/// The device that `auto` stands for: a CUDA device through libtorch, else a discrete, integrated
/// or virtual GPU through Vulkan, else the CPU; never a software adapter.
pub fn best(devices: &[DeviceInfo]) -> DeviceName {
    let usable = |device: &&DeviceInfo| device.problem.is_none();
    let names = |device: &DeviceInfo| device.name.parse::<DeviceName>().ok();
    let cuda = |name: &DeviceName| matches!(name, DeviceName::LibtorchCuda(_));
    let vulkan = |name: &DeviceName| matches!(name, DeviceName::Vulkan(_) | DeviceName::Wgpu(_));
    let real = |device: &&DeviceInfo| (device.kind as usize) < DeviceKind::SoftwareGpu as usize;
    let mut candidates: Vec<_> = devices.iter().filter(usable).filter(real).collect();
    candidates.sort_by_key(|device| device.kind as usize);
    let names: Vec<_> = candidates.into_iter().filter_map(names).collect();
    let chosen = names.iter().find(|name| cuda(name)).or_else(|| names.iter().find(|name| vulkan(name)));
    chosen.copied().unwrap_or(DeviceName::Cpu)
}

fn cpus() -> Vec<DeviceInfo> {
    let adapter = machine::processor();
    let memory_bytes = machine::memory_bytes();
    let cpu = |name, backend| DeviceInfo {
        memory_bytes,
        ..DeviceInfo::new(name, backend, &adapter, DeviceKind::Cpu)
    };
    let optional = |name, backend, feature, built| match built {
        true => cpu(name, backend),
        false => cpu(name, backend).with_problem(not_compiled(feature), remedy(feature)),
    };
    vec![
        cpu(DeviceName::Cpu, "native"),
        optional(DeviceName::Flex, "burn-flex", "flex", cfg!(feature = "flex")),
        optional(DeviceName::LibtorchCpu, "burn-libtorch", "libtorch", cfg!(feature = "libtorch")),
    ]
}

fn wgpu_devices() -> Vec<DeviceInfo> {
    let vulkan = adapters(Api::Vulkan);
    if !vulkan.is_empty() {
        let vulkan = vulkan.iter().enumerate();
        return vulkan.map(|(index, it)| of_adapter(DeviceName::Vulkan(index), it)).collect();
    }
    let preferred = adapters(Api::Preferred);
    let others = preferred.iter().enumerate().map(|(index, it)| of_adapter(DeviceName::Wgpu(index), it));
    let none = DeviceInfo::new(DeviceName::Vulkan(0), "burn-wgpu", "", DeviceKind::DiscreteGpu);
    let none = match cfg!(feature = "wgpu") {
        true => none.with_problem("no Vulkan driver found a GPU".to_owned(), VULKAN_REMEDY),
        false => none.with_problem(not_compiled("wgpu"), remedy("wgpu")),
    };
    std::iter::once(none).chain(others).collect()
}

fn of_adapter(name: DeviceName, adapter: &Adapter) -> DeviceInfo {
    let info = DeviceInfo::new(name, "burn-wgpu", &adapter.description, adapter.kind);
    let Adapter { memory_bytes, largest_buffer_bytes, .. } = *adapter;
    DeviceInfo { memory_bytes, largest_buffer_bytes, ..info }
}

/// The CUDA devices that NVIDIA's driver reports, and whether libtorch sees them.
fn cuda_devices() -> Vec<DeviceInfo> {
    let libtorch = libtorch_cuda();
    let reported = machine::nvidia_cards();
    // A build with libtorch says why it has no CUDA; any other has no reason to speak of it.
    let count = reported.len().max(libtorch.map_or(0, |libtorch| libtorch.devices.max(1)));
    let device = |index: usize| {
        let (adapter, memory_bytes) = reported.get(index).cloned().unwrap_or_default();
        let name = DeviceName::LibtorchCuda(index);
        let info = DeviceInfo::new(name, "burn-libtorch", &adapter, DeviceKind::DiscreteGpu);
        let info = DeviceInfo { memory_bytes, ..info };
        match libtorch {
            None => info.with_problem(not_compiled("libtorch"), CUDA_REMEDY),
            Some(libtorch) if index < libtorch.devices => info,
            Some(libtorch) if libtorch.has_cuda => {
                info.with_problem(no_cuda(libtorch.devices), "install NVIDIA's driver for CUDA 12.8 or newer")
            }
            Some(_) => info.with_problem("this libtorch was made without CUDA".to_owned(), CUDA_REMEDY),
        }
    };
    (0..count).map(device).collect()
}

/// What this build's libtorch says of CUDA.
#[derive(Debug, Clone, Copy)]
struct LibtorchCuda {
    /// Whether its part for CUDA is there.
    has_cuda: bool,
    /// The devices that it can use.
    devices: usize,
}

#[cfg(feature = "libtorch")]
#[expect(clippy::unnecessary_wraps, reason = "without its feature there is none")]
fn libtorch_cuda() -> Option<LibtorchCuda> {
    let devices = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
    Some(LibtorchCuda { has_cuda: tch::utils::has_cudart(), devices })
}

#[cfg(not(feature = "libtorch"))]
fn libtorch_cuda() -> Option<LibtorchCuda> {
    None
}

const CUDA_REMEDY: &str = "just setup-libtorch cuda (or scripts/setup-libtorch cuda)";

const VULKAN_REMEDY: &str = "install the GPU's driver with its Vulkan part and the loader, libvulkan (on Debian: apt install libvulkan1 mesa-vulkan-drivers)";

/// Why a named adapter is not there.
#[cfg(feature = "wgpu")]
pub(super) fn no_adapter(api: Api, count: usize) -> String {
    let interface = if api == Api::Vulkan { "Vulkan" } else { "wgpu" };
    match count {
        0 => format!("{interface} found no GPU; {VULKAN_REMEDY}"),
        count => {
            format!("{interface} found {count} adapters, numbered from 0; `gansweep devices` lists them")
        }
    }
}

pub(super) fn no_cuda(count: usize) -> String {
    format!("libtorch sees {count} CUDA devices, numbered from 0")
}

/// Why a device cannot be opened in a build without its backend.
#[cfg(feature = "burn-path")]
#[cfg_attr(
    all(feature = "flex", feature = "wgpu", feature = "libtorch"),
    expect(dead_code, reason = "this build has every backend")
)]
pub(super) fn missing(feature: &str) -> String {
    format!("{}; build it in: {}", not_compiled(feature), remedy(feature))
}

fn not_compiled(feature: &str) -> String {
    format!("this build has no {feature}")
}

fn remedy(feature: &str) -> &'static str {
    match feature {
        "libtorch" => "just setup-libtorch (or scripts/setup-libtorch)",
        "wgpu" => "cargo build --release --features wgpu",
        _ => "cargo build --release --features flex",
    }
}

#[cfg(test)]
mod tests {
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
    fn a_driver_that_crashes_or_babbles_is_listed_with_its_cause() {
        for answer in [Err("crashed".to_owned()), Ok("Segmentation".to_owned())] {
            let listed = gpus(answer);
            let problem = listed[0].problem.as_ref().unwrap();
            assert!(problem.cause.contains("crashed") || problem.cause.contains("no list"), "{problem:?}");
        }
    }

    #[test]
    fn what_a_probe_prints_is_what_is_listed() {
        let found = vec![device("vulkan:0", DeviceKind::SoftwareGpu)];
        let answer = Probe { version: VERSION.to_owned(), devices: found.clone() };
        assert_eq!(gpus(Ok(serde_json::to_string(&answer).unwrap())), found);
    }

    #[test]
    fn every_machine_has_the_cpu() {
        let listed = list(Command::new("/no/such/program"), None);
        assert!(listed[0].problem.is_none() && listed[0].name == "cpu" && listed[0].memory_bytes.is_some());
    }

    #[test]
    #[cfg(feature = "burn-path")]
    fn the_version_in_the_record_is_the_one_that_is_pinned() {
        let manifest = include_str!("../../../../Cargo.toml");
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN_VERSION}\"")));
    }
}
