//! How many lanes a device trains at a time.

use gansweep_config::{Config, DatasetSpec};
use gansweep_train::{DeviceInfo, DeviceKind, DeviceName};

/// Lanes beyond which a GPU gains no more worth having: with 64 lanes of the smallest recipe, what
/// starting an operation costs is a small part of the operation, and with more, the first results
/// come later and a worker that dies takes more with it.
const PAYING_LANES_ON_A_GPU: usize = 64;
/// The same of a processor behind Burn's tensors: it computes lanes one after the other, so that a
/// group saves nothing but what starting an operation costs.
const PAYING_LANES_ON_A_PROCESSOR: usize = 8;
/// The share of a GPU's own memory that groups may fill; the display, the driver and the error of
/// the estimate have the rest.
const SHARE_OF_OWN_MEMORY: f64 = 0.75;
/// The same of memory that the device shares with the machine and its other workers.
const SHARE_OF_COMMON_MEMORY: f64 = 0.4;

/// The most lanes of that config, on that data, that a group on the device should have, where `workers`
/// share it.
///
/// At least one, whether it fits or not: what does not fit alone fails alone, with its cause.
pub fn most_lanes(device: &DeviceInfo, workers: usize, config: &Config, spec: &DatasetSpec) -> usize {
    let paying = match device.kind {
        DeviceKind::DiscreteGpu | DeviceKind::IntegratedGpu | DeviceKind::VirtualGpu => PAYING_LANES_ON_A_GPU,
        DeviceKind::SoftwareGpu | DeviceKind::Cpu => PAYING_LANES_ON_A_PROCESSOR,
    };
    let share = match device.kind {
        DeviceKind::DiscreteGpu | DeviceKind::VirtualGpu => SHARE_OF_OWN_MEMORY,
        DeviceKind::IntegratedGpu | DeviceKind::SoftwareGpu | DeviceKind::Cpu => SHARE_OF_COMMON_MEMORY,
    };
    let budget = device.memory_bytes.map(|bytes| (bytes as f64 * share) as u64 / workers.max(1) as u64);
    let fits = |lanes: usize| {
        budget.is_none_or(|budget| memory_bytes(config, spec, lanes) <= budget)
            && device
                .largest_buffer_bytes
                .is_none_or(|most| largest_buffer_bytes(config, spec, lanes) <= most)
    };
    (1..=paying).rev().find(|&lanes| fits(lanes)).unwrap_or(1)
}

/// Bytes that a group of that config and so many lanes takes of a GPU's memory, by estimate; `None` on
/// a processor.
pub fn group_memory_bytes(device: &str, config: &Config, spec: &DatasetSpec, lanes: usize) -> Option<u64> {
    let name: DeviceName = device.parse().ok()?;
    (cfg!(feature = "tensor") && !name.is_cpu()).then(|| memory_bytes(config, spec, lanes))
}

#[cfg(feature = "tensor")]
use gansweep_tensor::{largest_buffer_bytes, memory_bytes};

/// Without Burn there is no device that trains groups.
#[cfg(not(feature = "tensor"))]
fn memory_bytes(_: &Config, _: &DatasetSpec, _: usize) -> u64 {
    u64::MAX
}

#[cfg(not(feature = "tensor"))]
fn largest_buffer_bytes(_: &Config, _: &DatasetSpec, _: usize) -> u64 {
    u64::MAX
}

#[cfg(all(test, feature = "tensor"))]
mod tests {
    use gansweep_fixtures::config::config;

    use super::*;

    /// Of MNIST's shape.
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
    fn a_large_gpu_trains_as_many_lanes_as_pay() {
        let h200 = device(DeviceKind::DiscreteGpu, Some(139 << 30), Some(2 << 30));
        for recipe in gansweep_config::recipes::NAMES {
            assert_eq!(
                most_lanes(&h200, 1, &config(recipe, &[]), &mnist()),
                PAYING_LANES_ON_A_GPU,
                "{recipe}"
            );
        }
        let unknown = device(DeviceKind::IntegratedGpu, None, None);
        assert_eq!(most_lanes(&unknown, 1, &config("jovian", &[]), &mnist()), PAYING_LANES_ON_A_GPU);
    }

    #[test]
    fn a_small_gpu_trains_what_it_holds_and_its_workers_share_it() {
        let config = config("coursera", &[]);
        let small = device(DeviceKind::DiscreteGpu, Some(2 << 30), None);
        let lanes = most_lanes(&small, 1, &config, &mnist());
        let budget = ((2_u64 << 30) as f64 * SHARE_OF_OWN_MEMORY) as u64;
        assert!(lanes > 1 && lanes < PAYING_LANES_ON_A_GPU, "{lanes}");
        assert!(
            memory_bytes(&config, &mnist(), lanes) <= budget
                && memory_bytes(&config, &mnist(), lanes + 1) > budget
        );
        let half = most_lanes(&small, 2, &config, &mnist());
        assert!(half < lanes && half >= 1, "{half} of {lanes}");
    }

    #[test]
    fn no_buffer_is_larger_than_the_driver_takes() {
        let config = config("coursera", &[]);
        let narrow = device(DeviceKind::DiscreteGpu, Some(139 << 30), Some(128 << 20));
        let lanes = most_lanes(&narrow, 1, &config, &mnist());
        assert!(largest_buffer_bytes(&config, &mnist(), lanes) <= 128 << 20, "{lanes}");
        assert!(largest_buffer_bytes(&config, &mnist(), lanes + 1) > 128 << 20, "{lanes}");
    }

    #[test]
    fn a_device_without_room_still_tries_one_lane() {
        assert_eq!(
            most_lanes(
                &device(DeviceKind::DiscreteGpu, Some(1 << 20), None),
                1,
                &config("fast", &[]),
                &mnist()
            ),
            1
        );
    }

    #[test]
    fn software_trains_few_lanes() {
        let lavapipe = device(DeviceKind::SoftwareGpu, Some(32 << 30), Some(128 << 20));
        assert_eq!(most_lanes(&lavapipe, 1, &config("jovian", &[]), &mnist()), PAYING_LANES_ON_A_PROCESSOR);
    }
}
