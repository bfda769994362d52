//! Limits on the number of lanes in a group.

use gansweep_config::{Config, DatasetSpec};
use gansweep_nn::cost;
#[cfg(not(feature = "tensor"))]
use gansweep_nn::network::Mismatch;
use gansweep_train::{DeviceInfo, DeviceKind, DeviceName};

/// A GPU gains little from more lanes: with 64 lanes of the smallest recipe, launch overhead is already a
/// small part of each operation. Larger groups give results later and lose more work when a worker dies.
const MAX_USEFUL_GPU_LANES: usize = 64;
/// The most lanes that gain on CPUs through Burn, which computes lanes one after the other: a group saves only launch
/// overhead.
const MAX_USEFUL_CPU_LANES: usize = 8;
/// Floating-point operations of a step from which on `flex` takes longer for a group than for its lanes one after the other: the
/// tensors of one lane stay in the processor's caches, those of a group do not (`docs/performance.md`, "Groups on processors").
const FLEX_GROUP_FLOPS: f64 = 1e7;
/// Share of a GPU's dedicated memory that groups may use. The rest is for the display, the driver and the
/// estimate's error.
const DEDICATED_MEMORY_SHARE: f64 = 0.75;
/// Share of a device's memory that groups may use where it is the host's memory, too.
const SHARED_MEMORY_SHARE: f64 = 0.4;

/// The maximum number of lanes of a group with that config and dataset, if `workers` workers share the
/// device.
///
/// At least 1, even if the estimate says that it does not fit: the estimate may be wrong, and a single run
/// that does not fit fails with its own cause.
pub fn max_lanes(device: &DeviceInfo, workers: usize, config: &Config, spec: &DatasetSpec) -> usize {
    let useful = match device.kind {
        DeviceKind::DiscreteGpu | DeviceKind::IntegratedGpu | DeviceKind::VirtualGpu => MAX_USEFUL_GPU_LANES,
        DeviceKind::Cpu if is_slower_as_group(device, config, spec) => 1,
        DeviceKind::SoftwareGpu | DeviceKind::Cpu => MAX_USEFUL_CPU_LANES,
    };
    let share = match device.kind {
        DeviceKind::DiscreteGpu | DeviceKind::VirtualGpu => DEDICATED_MEMORY_SHARE,
        DeviceKind::IntegratedGpu | DeviceKind::SoftwareGpu | DeviceKind::Cpu => SHARED_MEMORY_SHARE,
    };
    let budget = device.memory_bytes.map(|bytes| (bytes as f64 * share) as u64 / workers.max(1) as u64);
    let fits = |lanes: usize| {
        budget.is_none_or(|budget| memory_bytes(config, spec, lanes).is_ok_and(|bytes| bytes <= budget))
            && device
                .largest_buffer_bytes
                .is_none_or(|most| largest_buffer_bytes(config, spec, lanes).is_ok_and(|bytes| bytes <= most))
    };
    (1..=useful).rev().find(|&lanes| fits(lanes)).unwrap_or(1)
}

fn is_slower_as_group(device: &DeviceInfo, config: &Config, spec: &DatasetSpec) -> bool {
    matches!(device.name.parse(), Ok(DeviceName::Flex))
        && cost::step_flops(config, spec).is_ok_and(|flops| flops > FLEX_GROUP_FLOPS)
}

/// Estimated bytes of GPU memory of a group with that config and number of lanes; `None` on a CPU.
pub fn group_memory_bytes(device: &str, config: &Config, spec: &DatasetSpec, lanes: usize) -> Option<u64> {
    let name: DeviceName = device.parse().ok()?;
    if !cfg!(feature = "tensor") || name.is_cpu() {
        return None;
    }
    memory_bytes(config, spec, lanes).ok()
}

#[cfg(feature = "tensor")]
use gansweep_tensor::{largest_buffer_bytes, memory_bytes};

/// Without Burn, no device trains more than one lane per group.
#[cfg(not(feature = "tensor"))]
#[expect(clippy::unnecessary_wraps, reason = "with Burn it can fail")]
fn memory_bytes(_: &Config, _: &DatasetSpec, _: usize) -> Result<u64, Mismatch> {
    Ok(u64::MAX)
}

#[cfg(not(feature = "tensor"))]
#[expect(clippy::unnecessary_wraps, reason = "with Burn it can fail")]
fn largest_buffer_bytes(_: &Config, _: &DatasetSpec, _: usize) -> Result<u64, Mismatch> {
    Ok(u64::MAX)
}

#[cfg(all(test, feature = "tensor"))]
mod tests {
    use gansweep_fixtures::config::config;

    use super::*;

    /// A dataset of MNIST's shape.
    fn mnist() -> DatasetSpec {
        gansweep_data::strokes::spec()
    }

    fn device(kind: DeviceKind, memory: Option<u64>, buffer: Option<u64>) -> DeviceInfo {
        DeviceInfo {
            name: "vulkan:0".to_owned(),
            backend: "burn-wgpu".to_owned(),
            adapter: String::new(),
            kind,
            memory_bytes: memory,
            largest_buffer_bytes: buffer,
            problem: None,
        }
    }

    #[test]
    fn a_large_gpu_trains_the_maximum_of_useful_lanes() {
        let h200 = device(DeviceKind::DiscreteGpu, Some(139 << 30), Some(2 << 30));
        for recipe in gansweep_config::recipes::NAMES {
            assert_eq!(max_lanes(&h200, 1, &config(recipe, &[]), &mnist()), MAX_USEFUL_GPU_LANES, "{recipe}");
        }
        let unknown = device(DeviceKind::IntegratedGpu, None, None);
        assert_eq!(max_lanes(&unknown, 1, &config("jovian", &[]), &mnist()), MAX_USEFUL_GPU_LANES);
    }

    #[test]
    fn the_memory_of_a_small_gpu_limits_the_lanes_and_is_shared_by_its_workers() {
        let config = config("coursera", &[]);
        let small = device(DeviceKind::DiscreteGpu, Some(2 << 30), None);
        let lanes = max_lanes(&small, 1, &config, &mnist());
        let budget = ((2_u64 << 30) as f64 * DEDICATED_MEMORY_SHARE) as u64;
        assert!(lanes > 1 && lanes < MAX_USEFUL_GPU_LANES, "{lanes}");
        assert!(
            memory_bytes(&config, &mnist(), lanes).unwrap() <= budget
                && memory_bytes(&config, &mnist(), lanes + 1).unwrap() > budget
        );
        let half = max_lanes(&small, 2, &config, &mnist());
        assert!(half < lanes && half >= 1, "{half} of {lanes}");
    }

    #[test]
    fn no_buffer_is_larger_than_the_driver_takes() {
        let config = config("coursera", &[]);
        let narrow = device(DeviceKind::DiscreteGpu, Some(139 << 30), Some(128 << 20));
        let lanes = max_lanes(&narrow, 1, &config, &mnist());
        assert!(largest_buffer_bytes(&config, &mnist(), lanes).unwrap() <= 128 << 20, "{lanes}");
        assert!(largest_buffer_bytes(&config, &mnist(), lanes + 1).unwrap() > 128 << 20, "{lanes}");
    }

    #[test]
    fn a_device_without_room_still_tries_one_lane() {
        assert_eq!(
            max_lanes(
                &device(DeviceKind::DiscreteGpu, Some(1 << 20), None),
                1,
                &config("fast", &[]),
                &mnist()
            ),
            1
        );
    }

    #[test]
    fn flex_fuses_no_lanes_but_those_of_tiny_networks() {
        let flex = DeviceInfo { name: "flex".to_owned(), ..device(DeviceKind::Cpu, Some(32 << 30), None) };
        for recipe in gansweep_config::recipes::NAMES {
            assert_eq!(max_lanes(&flex, 1, &config(recipe, &[]), &mnist()), 1, "{recipe}");
        }
        let tiny = config("jovian", &["model.hidden=16", "train.batch_size=16"]);
        assert_eq!(max_lanes(&flex, 1, &tiny, &mnist()), MAX_USEFUL_CPU_LANES);
        let libtorch = DeviceInfo { name: "libtorch:cpu".to_owned(), ..flex };
        assert_eq!(max_lanes(&libtorch, 1, &config("dcgan", &[]), &mnist()), MAX_USEFUL_CPU_LANES);
    }

    #[test]
    fn software_trains_few_lanes() {
        let lavapipe = device(DeviceKind::SoftwareGpu, Some(32 << 30), Some(128 << 20));
        assert_eq!(max_lanes(&lavapipe, 1, &config("jovian", &[]), &mnist()), MAX_USEFUL_CPU_LANES);
    }
}
