//! Devices: their names on the command line, in jobs and in the database, and their properties.

use std::fmt;
use std::str::FromStr;

use gansweep_base::spelling::did_you_mean;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// A device by its name: `cpu`, `flex`, `vulkan:0`, `wgpu:0`, `libtorch:cpu`, `libtorch:cuda:0`.
///
/// A valid name does not mean that the machine has the device or that this build has its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceName {
    /// This program's own CPU backend.
    Cpu,
    /// Burn's CPU backend.
    Flex,
    /// The Vulkan adapter of that index: GPUs first, software adapters last.
    Vulkan(usize),
    /// The adapter of that index in the graphics interface that wgpu prefers on this machine.
    Wgpu(usize),
    /// libtorch on the CPU.
    LibtorchCpu,
    /// libtorch on the CUDA device of that index.
    LibtorchCuda(usize),
}

impl DeviceName {
    /// Whether its backend is libtorch.
    pub fn is_libtorch(self) -> bool {
        matches!(self, Self::LibtorchCpu | Self::LibtorchCuda(_))
    }

    /// Whether one single-threaded worker for each core is fastest. It is on the processor, except on flex,
    /// which manages its own threads.
    pub fn prefers_worker_per_core(self) -> bool {
        matches!(self, Self::Cpu | Self::LibtorchCpu)
    }

    /// Whether it computes on the machine's processor, whose cores all workers share.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Cpu | Self::Flex | Self::LibtorchCpu)
    }
}

/// The forms of a device name, for error messages.
const FORMS: [&str; 7] = ["auto", "cpu", "flex", "vulkan:0", "wgpu:0", "libtorch:cpu", "libtorch:cuda:0"];

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
                "there is no device of that name; expected one of {} (`gansweep devices` lists this machine's){}",
                FORMS.join(", "),
                meant(name).map_or_else(|| did_you_mean(name, FORMS), |name| format!("; did you mean `{name}`?"))
            ),
        })
    }
}

/// The device that another program calls so, or that is written in capitals.
fn meant(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    match name.as_str() {
        "gpu" => return Some("auto".to_owned()),
        "mps" | "metal" => return Some("wgpu:0".to_owned()),
        _ => {}
    }
    let of_libtorch = Some(format!("libtorch:{name}")).filter(|_| name.starts_with("cuda"));
    [Some(name), of_libtorch].into_iter().flatten().find(|name| parse(name).is_some())
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

/// The value of `--device`: a device by its name, or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The fastest device of this machine.
    Auto,
    /// The device of that name.
    Named(DeviceName),
}

impl FromStr for DeviceChoice {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "auto" { Ok(Self::Auto) } else { name.parse().map(Self::Named) }
    }
}

/// The kind of a device. Discriminants are the order in which devices are preferred and listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A GPU with memory of its own.
    DiscreteGpu = 0,
    /// A GPU that shares the machine's memory.
    IntegratedGpu = 1,
    /// A GPU that a virtual machine passes through.
    VirtualGpu = 2,
    /// A software implementation of a GPU driver, such as Mesa's lavapipe.
    SoftwareGpu = 3,
    /// The processor.
    Cpu = 4,
}

/// Why a device cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The reason.
    pub cause: String,
    /// A command that would change it, or what to install.
    pub remedy: String,
}

/// One line of `gansweep devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The name that `--device` takes.
    pub name: String,
    /// What computes: `native`, `burn-flex`, `burn-wgpu`, `burn-libtorch`.
    pub backend: String,
    /// Names of the adapter and its driver, as the driver reports them.
    pub adapter: String,
    /// The kind of device.
    pub kind: DeviceKind,
    /// The device's own memory in bytes, or the machine's for a CPU.
    pub memory_bytes: Option<u64>,
    /// The driver's limit for one tensor in bytes, if it has one.
    pub largest_buffer_bytes: Option<u64>,
    /// Why this build cannot use the device; `None` if it can.
    pub problem: Option<Problem>,
}

impl DeviceInfo {
    /// A usable device of unknown memory.
    pub fn new(name: DeviceName, backend: &str, adapter: &str, kind: DeviceKind) -> Self {
        let (name, backend, adapter) = (name.to_string(), backend.to_owned(), adapter.to_owned());
        Self { name, backend, adapter, kind, memory_bytes: None, largest_buffer_bytes: None, problem: None }
    }

    /// The same device, unusable for that cause.
    #[must_use]
    pub fn with_problem(self, cause: String, remedy: &str) -> Self {
        Self { problem: Some(Problem { cause, remedy: remedy.to_owned() }), ..self }
    }
}

impl Problem {
    /// This build lacks the feature that the device needs.
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
    fn names_of_other_programs_lead_to_a_device() {
        for (name, right) in [
            ("gpu", "auto"),
            ("cuda", "libtorch:cuda"),
            ("cuda:1", "libtorch:cuda:1"),
            ("mps", "wgpu:0"),
            ("CPU", "cpu"),
            ("Vulkan:0", "vulkan:0"),
            ("vulcan:0", "vulkan:0"),
        ] {
            let error = name.parse::<DeviceName>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("did you mean `{right}`?")), "{name}: {error}");
        }
    }

    #[test]
    fn auto_is_a_choice_and_no_name() {
        assert_eq!("auto".parse::<DeviceChoice>().unwrap(), DeviceChoice::Auto);
        assert!("auto".parse::<DeviceName>().is_err());
    }
}
