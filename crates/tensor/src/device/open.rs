//! Opening a device for Burn's tensors.

use burn::tensor::Device;

use gansweep_train::{DeviceKind, DeviceName, TrainError};

#[cfg(test)]
use crate::tests::recording::Fault;

/// A device that tensors can be made on.
#[derive(Debug, Clone)]
pub struct OpenDevice {
    /// The name that it was opened by.
    pub name: DeviceName,
    /// What computes, for the record: backend, adapter and driver.
    pub description: String,
    /// What it is.
    pub kind: DeviceKind,
    pub(crate) device: Device,
    /// Whether a recorded step is replayed faster than it is issued again.
    pub(crate) replays: bool,
    /// Recordings that find no room, for tests.
    #[cfg(test)]
    pub(crate) fault: Fault,
}

impl OpenDevice {
    /// The error of this device with that cause.
    pub(crate) fn failed(&self, cause: &(impl ToString + ?Sized)) -> TrainError {
        TrainError::Device { device: self.name.to_string(), cause: brief(&cause.to_string()) }
    }

    /// Bytes of device memory that this process has reserved, where the backend counts them.
    pub fn memory_held_bytes(&self) -> Option<u64> {
        self.device.memory_pool_usage().map(|usage| usage.bytes_reserved)
    }

    /// Makes persistent tensors, which live as long as the group is trained. Backends whose pages are as
    /// large as the largest tensor allocate these outside of pages, in their own size.
    pub(crate) fn lasting<T: Send>(&self, make: impl Fn() -> T + Send) -> T {
        self.device.memory_persistent_allocations((), move |()| make())
    }

    /// The same device without recorded steps, for comparisons.
    #[must_use]
    pub fn without_replay(self) -> Self {
        Self { replays: false, ..self }
    }
}

/// An error message of cubecl without places in its code and without the list of operations that it skipped.
fn brief(cause: &str) -> String {
    let noise = ["skipped `", "(", "Backtrace", "No backtrace", "Asked at"];
    let lines = cause.lines().map(str::trim);
    lines.filter(|line| !noise.iter().any(|noise| line.starts_with(noise))).collect::<Vec<_>>().join("\n")
}

/// Opens a device for Burn's tensors. Runs its driver's code, so a worker process should do it.
///
/// [`DeviceName::Cpu`] is no device of Burn's and is refused.
pub fn open(name: DeviceName) -> Result<OpenDevice, TrainError> {
    let opened = match name {
        DeviceName::Cpu => Err("it is this program's own CPU path, not one of Burn's devices".to_owned()),
        DeviceName::Flex => flex(),
        DeviceName::Vulkan(_) | DeviceName::Wgpu(_) => gpu(name),
        DeviceName::LibtorchCpu | DeviceName::LibtorchCuda(_) => libtorch(name),
    };
    opened.map_err(|cause| TrainError::Device { device: name.to_string(), cause })
}

/// Limits a device that computes on the processor to `threads` threads, for the whole process. A worker calls
/// it before its first work on the device.
pub fn limit_threads(name: DeviceName, threads: usize) {
    if !name.is_cpu() {
        return;
    }
    // Fails if the pool is already in use (in a process that is no worker); then it stays as it is.
    drop(rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global());
    #[cfg(feature = "libtorch")]
    if name.is_libtorch() {
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX).max(1));
    }
}

#[cfg(feature = "flex")]
#[expect(clippy::unnecessary_wraps, reason = "without its feature it fails")]
fn flex() -> Result<OpenDevice, String> {
    let description = format!("Burn {} flex", super::probe::BURN_VERSION);
    Ok(OpenDevice {
        name: DeviceName::Flex,
        description,
        kind: DeviceKind::Cpu,
        device: Device::flex(),
        replays: false,
        #[cfg(test)]
        fault: Fault::default(),
    })
}

#[cfg(not(feature = "flex"))]
fn flex() -> Result<OpenDevice, String> {
    Err(super::probe::missing("flex"))
}

#[cfg(feature = "wgpu")]
fn gpu(name: DeviceName) -> Result<OpenDevice, String> {
    use burn::tensor::DeviceKind as Selector;
    use burn::tensor::wgpu::WgpuBackend;

    use super::adapters::{Api, adapters};

    let (api, backend, index) = match name {
        DeviceName::Vulkan(index) => (Api::Vulkan, WgpuBackend::Vulkan, index),
        DeviceName::Wgpu(index) => (Api::Preferred, WgpuBackend::Auto, index),
        _ => return Err("it is no GPU".to_owned()),
    };
    let found = adapters(api);
    let Some(adapter) = found.get(index) else {
        return Err(super::probe::no_adapter(api, found.len()));
    };
    let selector = match adapter.kind {
        DeviceKind::DiscreteGpu => Selector::DiscreteGpu(adapter.nth),
        DeviceKind::IntegratedGpu => Selector::IntegratedGpu(adapter.nth),
        DeviceKind::VirtualGpu => Selector::VirtualGpu(adapter.nth),
        DeviceKind::SoftwareGpu | DeviceKind::Cpu => Selector::Cpu,
    };
    let options = Device::wgpu_options().device_kind(selector).graphics_api(backend);
    let device = options.init().map_err(|error| format!("{}: {error}", adapter.description))?;
    let shaders = if cfg!(feature = "vulkan") { "SPIR-V" } else { "WGSL" };
    let description =
        format!("Burn {} wgpu ({shaders}) on {}", super::probe::BURN_VERSION, adapter.description);
    Ok(OpenDevice {
        name,
        description,
        kind: adapter.kind,
        device,
        replays: true,
        #[cfg(test)]
        fault: Fault::default(),
    })
}

#[cfg(not(feature = "wgpu"))]
fn gpu(_: DeviceName) -> Result<OpenDevice, String> {
    Err(super::probe::missing("wgpu"))
}

#[cfg(feature = "libtorch")]
#[expect(deprecated, reason = "Burn's only way to cuBLAS; kept behind this module")]
fn libtorch(name: DeviceName) -> Result<OpenDevice, String> {
    let (device, kind) = if let DeviceName::LibtorchCuda(index) = name {
        let count = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
        if index >= count {
            return Err(super::probe::no_cuda(count));
        }
        (Device::libtorch_cuda(index), DeviceKind::DiscreteGpu)
    } else {
        keep_freed_memory();
        (Device::libtorch(), DeviceKind::Cpu)
    };
    let description = format!("Burn {} libtorch", super::probe::BURN_VERSION);
    Ok(OpenDevice {
        name,
        description,
        kind,
        device,
        replays: false,
        #[cfg(test)]
        fault: Fault::default(),
    })
}

/// Makes the allocator keep freed memory. libtorch allocates the result of every operation, and glibc returns
/// large blocks to the kernel when they are freed, which clears their pages for the next allocation. That
/// took a sixth of the time of a step of `realpython`.
#[cfg(all(feature = "libtorch", target_env = "gnu"))]
fn keep_freed_memory() {
    // SAFETY: it sets options of the allocator, under the allocator's own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}

#[cfg(all(feature = "libtorch", not(target_env = "gnu")))]
fn keep_freed_memory() {}

#[cfg(not(feature = "libtorch"))]
fn libtorch(_: DeviceName) -> Result<OpenDevice, String> {
    Err(super::probe::missing("libtorch"))
}
