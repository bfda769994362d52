//! The GPUs that wgpu finds, in the order of their indices.

use gansweep_train::DeviceKind;

/// A GPU, or a program that stands for one, as its driver describes it.
#[derive(Debug, Clone)]
pub(super) struct Adapter {
    /// Its name and driver.
    pub(super) description: String,
    /// What it is.
    pub(super) kind: DeviceKind,
    /// Its own memory in bytes.
    pub(super) memory_bytes: Option<u64>,
    /// The most bytes in one buffer that a shader reads or writes.
    pub(super) largest_buffer_bytes: Option<u64>,
    /// How many adapters of the same kind come before it.
    #[cfg_attr(not(feature = "wgpu"), expect(dead_code, reason = "needed to open it"))]
    pub(super) nth: usize,
}

/// Which graphics interface adapters are asked for through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// Vulkan alone.
    Vulkan,
    /// The one wgpu prefers on this machine.
    Preferred,
}

/// Every adapter of `api`: real GPUs first, software last. Runs the drivers' code.
#[cfg(not(feature = "wgpu"))]
pub(super) fn adapters(_: Api) -> Vec<Adapter> {
    Vec::new()
}

#[cfg(feature = "wgpu")]
pub(super) use with_wgpu::adapters;

#[cfg(feature = "wgpu")]
mod with_wgpu {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use burn::tensor::wgpu::wgpu;

    use super::{Adapter, Api};
    use gansweep_train::DeviceKind;

    /// Every adapter of `api`: real GPUs first, software last. Runs the drivers' code.
    pub(in crate::device) fn adapters(api: Api) -> Vec<Adapter> {
        let candidates: &[wgpu::Backend] = match api {
            Api::Vulkan => &[wgpu::Backend::Vulkan],
            Api::Preferred if cfg!(target_vendor = "apple") => &[wgpu::Backend::Metal],
            Api::Preferred => &[wgpu::Backend::Vulkan, wgpu::Backend::Dx12, wgpu::Backend::Gl],
        };
        let found: Vec<_> = candidates.iter().map(|&backend| adapters_of(backend)).collect();
        let has_gpu =
            |list: &&Vec<Adapter>| list.iter().any(|adapter| adapter.kind != DeviceKind::SoftwareGpu);
        let chosen = found.iter().find(has_gpu).or_else(|| found.iter().find(|list| !list.is_empty()));
        chosen.cloned().unwrap_or_default()
    }

    fn adapters_of(backend: wgpu::Backend) -> Vec<Adapter> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: backend.into(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let mut counts = [0; 5];
        let mut found: Vec<_> = ready(instance.enumerate_adapters(backend.into()))
            .unwrap_or_default()
            .iter()
            .filter_map(|adapter| {
                let kind = kind(adapter.get_info().device_type)?;
                let nth = counts[kind as usize];
                counts[kind as usize] += 1;
                Some(describe(adapter, kind, nth))
            })
            .collect();
        found.sort_by_key(|adapter| adapter.kind as usize);
        found
    }

    /// The result of a future that outside of browsers is ready at once.
    fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    /// `None` for what no selector of Burn's can name.
    fn kind(device_type: wgpu::DeviceType) -> Option<DeviceKind> {
        match device_type {
            wgpu::DeviceType::DiscreteGpu => Some(DeviceKind::DiscreteGpu),
            wgpu::DeviceType::IntegratedGpu => Some(DeviceKind::IntegratedGpu),
            wgpu::DeviceType::VirtualGpu => Some(DeviceKind::VirtualGpu),
            wgpu::DeviceType::Cpu => Some(DeviceKind::SoftwareGpu),
            wgpu::DeviceType::Other => None,
        }
    }

    fn describe(adapter: &wgpu::Adapter, kind: DeviceKind, nth: usize) -> Adapter {
        let info = adapter.get_info();
        let driver = [info.driver.trim(), info.driver_info.trim()].join(" ");
        let description = match driver.trim() {
            "" => format!("{}, {}", info.name, info.backend),
            driver => format!("{}, {}, driver {driver}", info.name, info.backend),
        };
        let limits = adapter.limits();
        let largest_buffer_bytes = Some(limits.max_buffer_size.min(limits.max_storage_buffer_binding_size));
        Adapter { description, kind, memory_bytes: memory_bytes(adapter), largest_buffer_bytes, nth }
    }

    #[cfg(not(target_vendor = "apple"))]
    fn memory_bytes(adapter: &wgpu::Adapter) -> Option<u64> {
        use wgpu::hal::api::Vulkan;

        /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`.
        const DEVICE_LOCAL: u32 = 1;
        // SAFETY: the handles are only read from, while the adapter they belong to is borrowed.
        let memory = unsafe {
            let adapter = adapter.as_hal::<Vulkan>()?;
            let instance = adapter.shared_instance().raw_instance();
            instance.get_physical_device_memory_properties(adapter.raw_physical_device())
        };
        let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
        heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
    }

    #[cfg(target_vendor = "apple")]
    fn memory_bytes(_: &wgpu::Adapter) -> Option<u64> {
        None
    }
}
