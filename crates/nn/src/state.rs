//! Everything that decides how a lane trains on: weights, moments, running statistics, counts.

use std::collections::BTreeMap;

use gansweep_config::{Config, ImageShape};

use crate::network::{Init, Layer, Network, Role};
use crate::rng::{self, Key, Purpose};

/// A tensor of 32-bit floats in PyTorch's layout, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The values; as many as the product of the axes.
    pub values: Vec<f32>,
}

impl Array {
    /// All of one value.
    pub fn filled(shape: &[usize], value: f32) -> Self {
        Self { shape: shape.to_vec(), values: vec![value; shape.iter().product()] }
    }
}

/// One lane between two steps, independent of the backend that computes it.
///
/// Names are `generator.0.weight`, `discriminator.2.bias` (PyTorch's, under the role),
/// `generator.1.running_mean` and `generator.1.running_var` of `BatchNorm`, and the same names
/// under `adam.m.` and `adam.v.` for the two moments of Adam.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneState {
    /// Steps done.
    pub step: u64,
    /// Updates of the generator so far: the `t` of its Adam.
    pub generator_updates: u64,
    /// Updates of the discriminator so far: the `t` of its Adam.
    pub discriminator_updates: u64,
    /// By name.
    pub arrays: BTreeMap<String, Array>,
}

impl LaneState {
    /// The state before the first step: PyTorch's default initialisation from the run's seed.
    pub fn initial(config: &Config, image: ImageShape, seed: u64) -> Self {
        let mut arrays = BTreeMap::new();
        for role in Role::BOTH {
            let network = Network::of(role, config, image);
            for (index, parameter) in network.parameters().into_iter().enumerate() {
                let mut array = Array::filled(&parameter.shape, 0.0);
                match parameter.init {
                    Init::Uniform { fan_in } => {
                        let key = Key::new(seed, Purpose::Init, &[role as u64, index as u64]);
                        rng::uniform(key, 1.0 / (fan_in as f32).sqrt(), &mut array.values);
                    }
                    Init::One => array.values.fill(1.0),
                    Init::Zero => {}
                }
                let name = format!("{}.{}", role.name(), parameter.name);
                arrays.insert(format!("adam.m.{name}"), Array::filled(&parameter.shape, 0.0));
                arrays.insert(format!("adam.v.{name}"), Array::filled(&parameter.shape, 0.0));
                arrays.insert(name, array);
            }
            for (index, layer) in network.layers.iter().enumerate() {
                if let Layer::BatchNorm { features } = *layer {
                    let name = |suffix| format!("{}.{index}.{suffix}", role.name());
                    arrays.insert(name("running_mean"), Array::filled(&[features], 0.0));
                    arrays.insert(name("running_var"), Array::filled(&[features], 1.0));
                }
            }
        }
        Self { step: 0, generator_updates: 0, discriminator_updates: 0, arrays }
    }

    /// The first fault of a state read from outside, against what `config` needs for images of that
    /// shape.
    pub fn check(&self, config: &Config, image: ImageShape) -> Result<(), String> {
        let expected = Self::initial(config, image, 0);
        for (name, array) in &expected.arrays {
            let Some(found) = self.arrays.get(name) else {
                return Err(format!("tensor {name} is missing"));
            };
            if found.shape != array.shape {
                return Err(format!("tensor {name} has shape {:?}, expected {:?}", found.shape, array.shape));
            }
        }
        match self.arrays.keys().find(|name| !expected.arrays.contains_key(*name)) {
            Some(name) => Err(format!("tensor {name} belongs to no layer of this config")),
            None => Ok(()),
        }
    }
}
