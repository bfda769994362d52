//! Queries the drivers in this process. A driver may crash it.

use gansweep_base::host;
use gansweep_train::{DeviceInfo, DeviceKind, DeviceName, Problem};
use serde::{Deserialize, Serialize};

/// The version of the whole program: all crates share it.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The answer of `gansweep devices --probe`, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The program's version. Runners and workers of different versions do not work together.
    pub version: String,
    /// The devices that [`probe`] found.
    pub devices: Vec<DeviceInfo>,
}

/// The devices whose listing runs driver code. A build with libtorch adds libtorch's CPU device, for the
/// build without libtorch that asks.
pub fn probe() -> Probe {
    let mut devices = gpus_of_this_build();
    if cfg!(feature = "libtorch") {
        devices.extend(cpus().into_iter().filter(|cpu| cpu.name == DeviceName::LibtorchCpu.to_string()));
    }
    Probe { version: VERSION.to_owned(), devices }
}

#[cfg(feature = "tensor")]
fn gpus_of_this_build() -> Vec<DeviceInfo> {
    gansweep_tensor::device::gpus(&super::nvidia::nvidia_gpus())
}

#[cfg(not(feature = "tensor"))]
fn gpus_of_this_build() -> Vec<DeviceInfo> {
    let vulkan = DeviceInfo::new(DeviceName::Vulkan(0), "burn-wgpu", "", DeviceKind::DiscreteGpu);
    vec![DeviceInfo { problem: Some(Problem::not_compiled("wgpu")), ..vulkan }]
}

/// The CPU, once for each backend that computes on it.
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
