//! Devices: their names, as the command line, the jobs and the database write them, and what is known of
//! each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::TrainError;

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
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        parse(name).ok_or_else(|| TrainError::Device {
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
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "auto" { Ok(Self::Auto) } else { name.parse().map(Self::Named) }
    }
}

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
    /// A device without a problem, of unknown memory.
    pub fn new(name: DeviceName, backend: &str, adapter: &str, kind: DeviceKind) -> Self {
        let (name, backend, adapter) = (name.to_string(), backend.to_owned(), adapter.to_owned());
        Self { name, backend, adapter, kind, memory_bytes: None, largest_buffer_bytes: None, problem: None }
    }

    /// The same, unusable for that cause.
    #[must_use]
    pub fn with_problem(self, cause: String, remedy: &str) -> Self {
        Self { problem: Some(Problem { cause, remedy: remedy.to_owned() }), ..self }
    }
}

impl Problem {
    /// The build lacks the feature that the device needs.
    pub fn not_compiled(feature: &str) -> Self {
        let remedy = match feature {
            "libtorch" => "just setup-libtorch (or scripts/setup-libtorch)",
            "wgpu" => "cargo build --release --features wgpu",
            _ => "cargo build --release --features flex",
        };
        Self { cause: format!("this build has no {feature}"), remedy: remedy.to_owned() }
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
