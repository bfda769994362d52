//! The GPUs of this machine that Burn's backends can use.

use gansweep_train::{DeviceInfo, DeviceKind, DeviceName, Problem};

use super::adapters::{Adapter, Api, adapters};

/// The release of Burn that the `burn` dependency is pinned to.
pub(super) const BURN_VERSION: &str = "0.22.1";

/// GPUs through wgpu, then CUDA devices through libtorch. Runs the drivers' code. `nvidia_cards` are name
/// and bytes of memory of each card that NVIDIA's driver reports.
pub fn gpus(nvidia_cards: &[(String, Option<u64>)]) -> Vec<DeviceInfo> {
    let mut devices = wgpu_devices();
    devices.extend(cuda_devices(nvidia_cards));
    devices
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
        false => DeviceInfo { problem: Some(Problem::not_compiled("wgpu")), ..none },
    };
    std::iter::once(none).chain(others).collect()
}

fn of_adapter(name: DeviceName, adapter: &Adapter) -> DeviceInfo {
    let info = DeviceInfo::new(name, "burn-wgpu", &adapter.description, adapter.kind);
    let Adapter { memory_bytes, largest_buffer_bytes, .. } = *adapter;
    DeviceInfo { memory_bytes, largest_buffer_bytes, ..info }
}

/// The CUDA devices that NVIDIA's driver reports, and whether libtorch sees them.
fn cuda_devices(reported: &[(String, Option<u64>)]) -> Vec<DeviceInfo> {
    let libtorch = libtorch_cuda();
    // A build with libtorch says why it has no CUDA; any other has no reason to speak of it.
    let count = reported.len().max(libtorch.map_or(0, |libtorch| libtorch.devices.max(1)));
    let device = |index: usize| {
        let (adapter, memory_bytes) = reported.get(index).cloned().unwrap_or_default();
        let name = DeviceName::LibtorchCuda(index);
        let info = DeviceInfo::new(name, "burn-libtorch", &adapter, DeviceKind::DiscreteGpu);
        let info = DeviceInfo { memory_bytes, ..info };
        match libtorch {
            None => info.with_problem(Problem::not_compiled("libtorch").cause, CUDA_REMEDY),
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
#[cfg_attr(
    all(feature = "flex", feature = "wgpu", feature = "libtorch"),
    expect(dead_code, reason = "this build has every backend")
)]
pub(super) fn missing(feature: &str) -> String {
    let Problem { cause, remedy } = Problem::not_compiled(feature);
    format!("{cause}; build it in: {remedy}")
}

#[cfg(test)]
mod tests {
    use super::BURN_VERSION;

    #[test]
    fn the_version_in_the_record_is_the_one_that_is_pinned() {
        let manifest = include_str!("../../../../Cargo.toml");
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN_VERSION}\"")));
    }
}
