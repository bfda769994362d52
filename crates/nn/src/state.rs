//! The state of a lane between two steps: weights, optimiser buffers, running statistics, counters.

use std::collections::{BTreeMap, BTreeSet};

use gansweep_config::{Config, DatasetSpec, Latent};

use crate::average;
use crate::network::{Condition, Init, Mismatch, Network, Role, SPECTRAL_TENSORS, TensorSpec};
use crate::optimizer::{self, Algorithm};
use crate::rng::{self, Key, Purpose};

/// A tensor of 32-bit floats in PyTorch's layout, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// As many as the product of `shape`.
    pub values: Vec<f32>,
}

impl Array {
    /// An array with one value in all places.
    pub fn filled(shape: &[usize], value: f32) -> Self {
        Self { shape: shape.to_vec(), values: vec![value; shape.iter().product()] }
    }
}

/// One lane between two steps, independent of the backend that computes it.
///
/// Names are `generator.0.weight`, `discriminator.2.bias` (PyTorch's, under the role),
/// `generator.1.running_mean` and `generator.1.running_var` of `BatchNorm`, and the names of the trained
/// tensors under the name of each buffer that their [optimiser](crate::optimizer) keeps: `adam.m.` and
/// `adam.v.` for the two moments of Adam. Where the generator is [averaged](crate::average), all of its own tensors
/// stand a second time under `ema.`. A weight with spectral normalisation is
/// `discriminator.0.parametrizations.weight.original`, and its singular vectors are `_u` and `_v` in
/// `discriminator.0.parametrizations.weight.0`.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneState {
    /// Steps done.
    pub step: u64,
    /// Updates of the generator so far: the `t` of its optimiser.
    pub generator_updates: u64,
    /// Updates of the discriminator so far: the `t` of its optimiser.
    pub discriminator_updates: u64,
    /// Every tensor by its name.
    pub arrays: BTreeMap<String, Array>,
}

/// A tensor that a state must have.
struct Declared {
    name: String,
    shape: Vec<usize>,
    init: Init,
    /// Position of the random stream of its initial values: role, and index of the parameter or the buffer.
    stream: [u64; 2],
}

impl LaneState {
    /// The state before the first step, with initial values from the run's seed.
    ///
    /// # Errors
    ///
    /// If the config's networks do not fit the dataset's images.
    pub fn initial(config: &Config, spec: &DatasetSpec, seed: u64) -> Result<Self, Mismatch> {
        let fill = |Declared { name, shape, init, stream }: Declared| {
            let mut array = Array::filled(&shape, 0.0);
            let purpose = if init == Init::SingularVector { Purpose::SingularVector } else { Purpose::Init };
            let key = Key::new(seed, purpose, &stream);
            match init {
                Init::Uniform { fan_in } => {
                    rng::uniform(key, 1.0 / (fan_in as f32).sqrt(), &mut array.values);
                }
                Init::Normal { mean, std } => {
                    rng::latents(key, Latent::Normal, &mut array.values);
                    array.values.iter_mut().for_each(|value| *value = mean + std * *value);
                }
                Init::SingularVector => rng::latents(key, Latent::Normal, &mut array.values),
                Init::One => array.values.fill(1.0),
                Init::Zero => {}
            }
            (name, array)
        };
        let mut arrays = declared(config, spec)?.into_iter().map(fill).collect();
        for network in Network::both(config, spec)? {
            warm_up(&network, &mut arrays);
        }
        Ok(Self { step: 0, generator_updates: 0, discriminator_updates: 0, arrays })
    }

    /// Improves singular vectors that are not of length one. Earlier versions averaged those of averaged weights, which made them
    /// short.
    ///
    /// # Errors
    ///
    /// If the config's networks do not fit the dataset's images.
    pub fn mend(&mut self, config: &Config, spec: &DatasetSpec) -> Result<(), Mismatch> {
        Network::both(config, spec)?.iter().for_each(|network| warm_up(network, &mut self.arrays));
        Ok(())
    }

    /// Checks that a state read from a file has the counters of a run of `config`, and the tensors that it
    /// needs for that dataset.
    ///
    /// # Errors
    ///
    /// Counters that do not go together, networks that do not fit the images, or the first tensor that is missing, of another shape, or
    /// superfluous.
    pub fn check(&self, config: &Config, spec: &DatasetSpec) -> Result<(), String> {
        let &Self { step, generator_updates, discriminator_updates, .. } = self;
        // An epoch's last step may have fewer updates of the discriminator than the others.
        let most = step.saturating_mul(config.train.d_steps.into());
        if generator_updates != step || !(step..=most).contains(&discriminator_updates) {
            return Err(format!(
                "{generator_updates} updates of the generator and {discriminator_updates} of the discriminator do \
                 not make {step} steps"
            ));
        }
        let declared = declared(config, spec).map_err(|mismatch| mismatch.to_string())?;
        for Declared { name, shape, .. } in &declared {
            let Some(found) = self.arrays.get(name) else {
                return Err(format!("tensor {name} is missing"));
            };
            if found.shape != *shape {
                return Err(format!("tensor {name} has shape {:?}, expected {shape:?}", found.shape));
            }
        }
        let known: BTreeSet<&String> = declared.iter().map(|declared| &declared.name).collect();
        match self.arrays.keys().find(|name| !known.contains(name)) {
            Some(name) => Err(format!("tensor {name} belongs to no layer of this config")),
            None => Ok(()),
        }
    }
}

/// Improves the singular vectors of a network's weights, and those of their averages, where they are not of length one: those of
/// fresh weights are random.
fn warm_up(network: &Network, arrays: &mut BTreeMap<String, Array>) {
    const FAR: f64 = 1e-3;
    for (index, matrix) in network.spectral_norms() {
        for prefix in ["", average::PREFIX] {
            let module = index.map_or(Condition::MODULE.to_owned(), |index| index.to_string());
            let [weight, u, v] =
                SPECTRAL_TENSORS.map(|name| format!("{prefix}{}.{module}.{name}", network.role.name()));
            // Taken out, since all three are elements of one map.
            let (Some(mut own_u), Some(mut own_v)) = (arrays.remove(&u), arrays.remove(&v)) else { continue };
            let is_far = |vector: &Array| {
                let squares: f64 = vector.values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
                (squares.sqrt() - 1.0).abs() > FAR
            };
            if let Some(weight) = arrays.get(&weight)
                && (is_far(&own_u) || is_far(&own_v))
            {
                matrix.warm_up(&weight.values, &mut own_u.values, &mut own_v.values);
            }
            arrays.extend([(u, own_u), (v, own_v)]);
        }
    }
}

/// Bytes of the tensors of a lane of that config, for that dataset.
///
/// # Errors
///
/// If the config's networks do not fit the images.
pub fn state_bytes(config: &Config, spec: &DatasetSpec) -> Result<u64, Mismatch> {
    let numbers = declared(config, spec)?.into_iter().map(|tensor| {
        let sides = tensor.shape.iter().map(|&side| side as u64);
        sides.fold(1, u64::saturating_mul)
    });
    Ok(numbers.fold(0, u64::saturating_add).saturating_mul(size_of::<f32>() as u64))
}

/// Every tensor of a lane of that config, for that dataset.
fn declared(config: &Config, spec: &DatasetSpec) -> Result<Vec<Declared>, Mismatch> {
    let mut all = Vec::new();
    for network in Network::both(config, spec)? {
        let role = network.role;
        let buffers = Algorithm::of(optimizer::of(role, config)).declaration().buffers;
        for (index, parameter) in (0..).zip(network.parameters()) {
            let TensorSpec { name, shape, init } = parameter;
            let name = format!("{}.{name}", role.name());
            for buffer in buffers {
                let (name, shape) = (format!("{buffer}.{name}"), shape.clone());
                all.push(Declared { name, shape, init: Init::Zero, stream: [0; 2] });
            }
            all.push(Declared { name, shape, init, stream: [role as u64, index] });
        }
        for (index, TensorSpec { name, shape, init }) in (0..).zip(network.buffers()) {
            let name = format!("{}.{name}", role.name());
            all.push(Declared { name, shape, init, stream: [role as u64, index] });
        }
    }
    if average::is_kept(&config.train) {
        // With the streams of the weights, so that the average begins as a copy of them.
        let own = all.iter().filter(|tensor| tensor.name.starts_with(Role::Generator.name()));
        let averages = own.map(|tensor| Declared {
            name: format!("{}{}", average::PREFIX, tensor.name),
            shape: tensor.shape.clone(),
            ..*tensor
        });
        all.extend(averages.collect::<Vec<_>>());
    }
    Ok(all)
}
