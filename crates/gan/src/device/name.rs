//! Names of devices, as the command line, the jobs and the database write them.

use std::fmt;
use std::str::FromStr;

use crate::GanError;

/// A device by its name: `cpu`, `flex`, `vulkan:0`, `wgpu:0`, `libtorch:cpu`, `libtorch:cuda:0`.
///
/// A name says nothing about whether the machine has the device, or this build its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceName {
    /// This program's own CPU path.
    Cpu,
    /// Burn's CPU backend.
    Flex,
    /// The Vulkan adapter of that index: GPUs first, software adapters last.
    Vulkan(usize),
    /// The adapter of that index of whichever graphics interface wgpu prefers here.
    Wgpu(usize),
    /// libtorch on the CPU.
    LibtorchCpu,
    /// libtorch on the CUDA device of that index.
    LibtorchCuda(usize),
}

impl DeviceName {
    /// Whether libtorch computes there.
    pub fn is_libtorch(self) -> bool {
        matches!(self, Self::LibtorchCpu | Self::LibtorchCuda(_))
    }

    /// Whether a worker for each core, of one thread, trains most: on the processor, but for Burn's
    /// own backend, which has its own way with threads.
    pub fn pays_a_worker_a_core(self) -> bool {
        matches!(self, Self::Cpu | Self::LibtorchCpu)
    }

    /// Whether the machine's processor computes there, and its cores are shared with others.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Cpu | Self::Flex | Self::LibtorchCpu)
    }
}

/// What a user may write where a device is asked for.
const FORMS: &str = "auto, cpu, flex, vulkan:0, wgpu:0, libtorch:cpu or libtorch:cuda:0";

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Flex => f.write_str("flex"),
            Self::Vulkan(index) => write!(f, "vulkan:{index}"),
            Self::Wgpu(index) => write!(f, "wgpu:{index}"),
            Self::LibtorchCpu => f.write_str("libtorch:cpu"),
            Self::LibtorchCuda(index) => write!(f, "libtorch:cuda:{index}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = GanError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        parse(name).ok_or_else(|| GanError::Device {
            device: name.to_owned(),
            cause: format!(
                "there is no device of that name; expected {FORMS} (`gansweep devices` lists this machine's)"
            ),
        })
    }
}

fn parse(name: &str) -> Option<DeviceName> {
    let index = |text: &str| text.parse().ok().filter(|&index: &usize| index < 64);
    let mut parts = name.split(':');
    let found = match (parts.next()?, parts.next(), parts.next()) {
        ("cpu", None, None) => DeviceName::Cpu,
        ("flex", None, None) => DeviceName::Flex,
        ("vulkan", number, None) => DeviceName::Vulkan(index(number.unwrap_or("0"))?),
        ("wgpu", number, None) => DeviceName::Wgpu(index(number.unwrap_or("0"))?),
        ("libtorch", Some("cpu"), None) => DeviceName::LibtorchCpu,
        ("libtorch", Some("cuda"), number) => DeviceName::LibtorchCuda(index(number.unwrap_or("0"))?),
        _ => return None,
    };
    parts.next().is_none().then_some(found)
}

/// A device by its name, or the best this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first device that pays: see [`super::best`].
    Auto,
    /// That one.
    Named(DeviceName),
}

impl FromStr for DeviceChoice {
    type Err = GanError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "auto" { Ok(Self::Auto) } else { name.parse().map(Self::Named) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself() {
        for name in ["cpu", "flex", "vulkan:0", "vulkan:3", "wgpu:1", "libtorch:cpu", "libtorch:cuda:7"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_index_left_out_is_zero() {
        assert_eq!("vulkan".parse::<DeviceName>().unwrap(), DeviceName::Vulkan(0));
        assert_eq!("libtorch:cuda".parse::<DeviceName>().unwrap(), DeviceName::LibtorchCuda(0));
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_forms() {
        for name in [
            "",
            "gpu",
            "cuda:0",
            "cpu:0",
            "vulkan:x",
            "vulkan:-1",
            "libtorch",
            "libtorch:cuda:0:0",
            "Vulkan:0",
        ] {
            let error = name.parse::<DeviceName>().unwrap_err().to_string();
            assert!(error.contains("libtorch:cuda:0") && error.contains("gansweep devices"), "{error}");
        }
    }

    #[test]
    fn auto_is_a_choice_and_no_name() {
        assert_eq!("auto".parse::<DeviceChoice>().unwrap(), DeviceChoice::Auto);
        assert!("auto".parse::<DeviceName>().is_err());
    }
}
