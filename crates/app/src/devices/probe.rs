//! The devices that this build finds when it looks itself, in a process that a driver may take down.

use gansweep_base::host;
use gansweep_train::{DeviceInfo, DeviceKind, DeviceName, Problem};
use serde::{Deserialize, Serialize};

/// Of the whole program: its crates have one version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a program answers when it is asked for its devices, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The program's version: workers and runners of different ones do not understand each other.
    pub version: String,
    /// What [`probe`] found.
    pub devices: Vec<DeviceInfo>,
}

/// The devices whose listing runs a driver's code, and all of libtorch's, for a build that lacks it.
pub fn probe() -> Probe {
    let mut devices = gpus_of_this_build();
    if cfg!(feature = "libtorch") {
        devices.extend(cpus().into_iter().filter(|cpu| cpu.name == DeviceName::LibtorchCpu.to_string()));
    }
    Probe { version: VERSION.to_owned(), devices }
}

#[cfg(feature = "tensor")]
fn gpus_of_this_build() -> Vec<DeviceInfo> {
    gansweep_tensor::device::gpus(&super::nvidia::nvidia_cards())
}

#[cfg(not(feature = "tensor"))]
fn gpus_of_this_build() -> Vec<DeviceInfo> {
    let vulkan = DeviceInfo::new(DeviceName::Vulkan(0), "burn-wgpu", "", DeviceKind::DiscreteGpu);
    vec![DeviceInfo { problem: Some(Problem::not_compiled("wgpu")), ..vulkan }]
}

/// The processor, once for each backend that computes there.
pub(super) fn cpus() -> Vec<DeviceInfo> {
    let adapter = format!("{}, {} threads", host::processor(), host::threads());
    let memory_bytes = host::memory_bytes();
    let cpu = |name, backend| DeviceInfo {
        memory_bytes,
        ..DeviceInfo::new(name, backend, &adapter, DeviceKind::Cpu)
    };
    let optional = |name, backend, feature, built| match built {
        true => cpu(name, backend),
        false => DeviceInfo { problem: Some(Problem::not_compiled(feature)), ..cpu(name, backend) },
    };
    vec![
        cpu(DeviceName::Cpu, "native"),
        optional(DeviceName::Flex, "burn-flex", "flex", cfg!(feature = "flex")),
        optional(DeviceName::LibtorchCpu, "burn-libtorch", "libtorch", cfg!(feature = "libtorch")),
    ]
}
