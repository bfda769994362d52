//! The cost of a step and the speed of a device, which give a lower bound of the step's time.

use std::time::Instant;

use burn::tensor::Tensor;
use gansweep_config::{Config, DatasetSpec};

use crate::device::OpenDevice;
use gansweep_nn::average;
use gansweep_nn::cost::step_flops;
use gansweep_nn::network::{Mismatch, Network, Role};
use gansweep_nn::optimizer::{self, Algorithm};
use gansweep_train::TrainError;

/// The least work of one step of one lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepCost {
    /// Operations of the matrix products; a multiply-add counts as two.
    pub flops: f64,
    /// Bytes of parameters, their optimiser's buffers, averages and gradients to and from the device's memory: in
    /// an update, each parameter, buffer and average is read and written, and each gradient read.
    pub bytes: f64,
}

impl StepCost {
    /// Of a full step of that config on that dataset.
    ///
    /// # Errors
    ///
    /// If the config's networks do not fit the images.
    pub fn of(config: &Config, spec: &DatasetSpec) -> Result<Self, Mismatch> {
        let update = |network: &Network| {
            let buffers = Algorithm::of(optimizer::of(network.role, config)).declaration().buffers.len();
            let averages = usize::from(network.role == Role::Generator && average::is_kept(&config.train));
            (4 * (2 * (1 + buffers + averages) + 1) * network.parameter_count()) as f64
        };
        let [generator, discriminator] = Network::both(config, spec)?;
        let bytes = f64::from(config.train.d_steps) * update(&discriminator) + update(&generator);
        Ok(Self { flops: step_flops(config, spec)?, bytes })
    }
}

/// The measured speed of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeviceSpeed {
    /// Operations a second in products of 32-bit matrices.
    pub flops: f64,
    /// Bytes a second to and from the device's memory.
    pub bytes: f64,
}

impl DeviceSpeed {
    /// Measures products of `side` x `side` matrices, and additions to a tensor of `8 * side * side`
    /// numbers. Takes about a second on a GPU.
    pub fn measure(device: &OpenDevice, side: usize) -> Result<Self, TrainError> {
        let matrix = Tensor::<2>::ones([side, side], &device.device) * (1.0 / side as f64);
        let product = repeat(device, || {
            let _ = matrix.clone().matmul(matrix.clone());
        })?;
        let mut large = Tensor::<2>::ones([8 * side, side], &device.device);
        let sum = repeat(device, || large.inplace(|large| large + 1.0))?;
        let numbers = side as f64 * side as f64;
        Ok(Self { flops: 2.0 * numbers * side as f64 / product, bytes: 8.0 * 8.0 * numbers / sum })
    }

    /// A lower bound of the seconds that a step of `lanes` lanes takes.
    pub fn floor(&self, cost: StepCost, lanes: usize) -> f64 {
        lanes as f64 * (cost.flops / self.flops).max(cost.bytes / self.bytes)
    }
}

/// Seconds that `work` takes, in the best of several rounds.
fn repeat(device: &OpenDevice, mut work: impl FnMut()) -> Result<f64, TrainError> {
    let failed = |error: burn::tensor::ExecutionError| TrainError::Device {
        device: device.name.to_string(),
        cause: error.to_string(),
    };
    let mut best = f64::INFINITY;
    for round in 0..5 {
        let count = if round == 0 { 2 } else { 20 };
        let start = Instant::now();
        for _ in 0..count {
            work();
        }
        device.device.sync().map_err(failed)?;
        best = best.min(start.elapsed().as_secs_f64() / f64::from(count));
        if best > 0.2 {
            break;
        }
    }
    Ok(best)
}
