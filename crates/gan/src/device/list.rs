//! Which devices this machine has, and which of them this build can use.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::DeviceName;
use super::adapters::{Adapter, Api, adapters};

/// The release of Burn that the `burn` dependency is pinned to.
#[cfg(feature = "burn-path")]
pub(super) const BURN_VERSION: &str = "0.22.1";

/// A driver that has not answered after so long is given up.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

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
    /// `None` for a device this build can use.
    pub problem: Option<Problem>,
}

impl DeviceInfo {
    fn new(name: DeviceName, backend: &str, adapter: &str, kind: DeviceKind) -> Self {
        let (name, backend, adapter) = (name.to_string(), backend.to_owned(), adapter.to_owned());
        Self { name, backend, adapter, kind, memory_bytes: None, problem: None }
    }

    fn with_problem(self, cause: String, remedy: &str) -> Self {
        Self { problem: Some(Problem { cause, remedy: remedy.to_owned() }), ..self }
    }
}

/// Every device of this machine, usable or not, CPUs first.
///
/// `probe_command` starts this program so that it calls [`probe`] and prints the result as JSON;
/// it ends as it likes, and a crash or a hang there becomes a [`Problem`].
pub fn list(probe_command: Command) -> Vec<DeviceInfo> {
    let mut devices = cpus();
    devices.extend(gpus(ask(probe_command)));
    devices
}

fn gpus(answer: Result<Vec<DeviceInfo>, String>) -> Vec<DeviceInfo> {
    match answer {
        Ok(found) => found,
        Err(cause) => {
            let gpu = DeviceInfo::new(DeviceName::Vulkan(0), "burn-wgpu", "", DeviceKind::DiscreteGpu);
            let remedy = "update the graphics driver, or name the one to use in VK_DRIVER_FILES";
            vec![gpu.with_problem(cause, remedy)]
        }
    }
}

/// The devices whose listing runs a driver's code: all but the CPUs.
pub fn probe() -> Vec<DeviceInfo> {
    let mut devices = wgpu_devices();
    devices.extend(cuda_devices());
    devices
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
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let adapter = format!("{}, {threads} threads", processor());
    let memory_bytes = machine_memory();
    let cpu = |name, backend| DeviceInfo { memory_bytes, ..DeviceInfo::new(name, backend, &adapter, DeviceKind::Cpu) };
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
    if vulkan.is_empty() {
        let preferred = adapters(Api::Preferred);
        if !preferred.is_empty() {
            return preferred.iter().enumerate().map(|(index, it)| of_adapter(DeviceName::Wgpu(index), it)).collect();
        }
        let none = DeviceInfo::new(DeviceName::Vulkan(0), "burn-wgpu", "", DeviceKind::DiscreteGpu);
        return vec![match cfg!(feature = "wgpu") {
            true => none.with_problem("no Vulkan driver found a GPU".to_owned(), VULKAN_REMEDY),
            false => none.with_problem(not_compiled("vulkan"), remedy("vulkan")),
        }];
    }
    vulkan.iter().enumerate().map(|(index, it)| of_adapter(DeviceName::Vulkan(index), it)).collect()
}

fn of_adapter(name: DeviceName, adapter: &Adapter) -> DeviceInfo {
    let info = DeviceInfo::new(name, "burn-wgpu", &adapter.description, adapter.kind);
    DeviceInfo { memory_bytes: adapter.memory_bytes, ..info }
}

/// The CUDA devices that NVIDIA's driver reports, and whether libtorch sees them.
fn cuda_devices() -> Vec<DeviceInfo> {
    let usable = cuda_count();
    let reported = nvidia_cards();
    let count = reported.len().max(usable);
    let device = |index: usize| {
        let (adapter, memory_bytes) = reported.get(index).cloned().unwrap_or(("CUDA device".to_owned(), None));
        let name = DeviceName::LibtorchCuda(index);
        let info = DeviceInfo::new(name, "burn-libtorch", &adapter, DeviceKind::DiscreteGpu);
        let info = DeviceInfo { memory_bytes, ..info };
        match (cfg!(feature = "libtorch"), index < usable) {
            (false, _) => info.with_problem(not_compiled("libtorch"), remedy("libtorch")),
            (true, false) => info.with_problem(no_cuda(usable), "build with the CUDA libtorch: just setup-libtorch cuda"),
            (true, true) => info,
        }
    };
    (0..count).map(device).collect()
}

#[cfg(feature = "libtorch")]
fn cuda_count() -> usize {
    usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
}

#[cfg(not(feature = "libtorch"))]
fn cuda_count() -> usize {
    0
}

/// Name and memory of each NVIDIA card, from the tool that comes with its driver.
fn nvidia_cards() -> Vec<(String, Option<u64>)> {
    let mut query = Command::new("nvidia-smi");
    query.args(["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]);
    let Ok(text) = output_within(query, PROBE_LIMIT / 2) else { return Vec::new() };
    let card = |line: &str| {
        let (name, mebibytes) = line.rsplit_once(',')?;
        Some((name.trim().to_owned(), mebibytes.trim().parse::<u64>().ok().map(|number| number << 20)))
    };
    text.lines().filter_map(card).collect()
}

const VULKAN_REMEDY: &str =
    "install the GPU's driver with its Vulkan part and the loader, libvulkan (on Debian: apt install libvulkan1 mesa-vulkan-drivers)";

/// Why a named adapter is not there.
#[cfg(feature = "wgpu")]
pub(super) fn no_adapter(api: Api, count: usize) -> String {
    let interface = if api == Api::Vulkan { "Vulkan" } else { "wgpu" };
    match count {
        0 => format!("{interface} found no GPU; {VULKAN_REMEDY}"),
        count => format!("{interface} found {count} adapters, numbered from 0; `gansweep devices` lists them"),
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
        "libtorch" => "just setup-libtorch && just backend=libtorch build",
        "vulkan" => "just backend=vulkan build",
        _ => "cargo build --release --features flex",
    }
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    model.unwrap_or(std::env::consts::ARCH).to_owned()
}

fn machine_memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"))?;
    kibibytes.trim().parse::<u64>().ok().map(|number| number << 10)
}

fn ask(command: Command) -> Result<Vec<DeviceInfo>, String> {
    let text = output_within(command, PROBE_LIMIT)?;
    serde_json::from_str(text.trim()).map_err(|error| format!("the search for GPUs gave no list: {error}"))
}

/// What a program prints, if it ends well and in time.
fn output_within(mut command: Command, limit: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("the search for GPUs could not start: {error}"))?;
    let Some(mut stdout) = child.stdout.take() else { return Err("its output is gone".to_owned()) };
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let ended = wait_within(&mut child, limit);
    if ended.is_err() {
        // It may have ended between the last look and this; then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
    }
    ended?;
    match reader.join() {
        Ok(Ok(text)) => Ok(text),
        _ => Err("the search for GPUs printed no text".to_owned()),
    }
}

fn wait_within(child: &mut Child, limit: Duration) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("a graphics driver crashed while it was asked for its GPUs ({status})")),
            Ok(None) if start.elapsed() > limit => {
                return Err(format!("a graphics driver did not answer within {} seconds", limit.as_secs()));
            }
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(format!("the search for GPUs was lost: {error}")),
        }
    }
}
