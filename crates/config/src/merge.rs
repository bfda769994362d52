//! Merging: the values of all layers as one, and which layer decided each.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value as Merged};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Deserialize;

use crate::given::{Given, GivenValue};
use crate::schema::keys;
use crate::{
    Asked, Config, DataConfig, Dataset, Execution, Fault, Layer, LossConfig, ModelConfig, Noise,
    OptimizerConfig, Pixels, Place, Problem, Record, ResolvedKey, TrainConfig, Value,
};

/// Every value of an experiment but its axes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    pub(crate) description: String,
    pub(crate) recipe: String,
    data: DataSettings,
    model: ModelConfig,
    loss: LossConfig,
    optimizer: OptimizerConfig,
    train: TrainSettings,
    pub(crate) record: Record,
    pub(crate) execution: Execution,
    pub(crate) sweep: SweepSettings,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataSettings {
    dataset: Dataset,
    path: String,
    images: u32,
    pixels: Pixels,
    fallback: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainSettings {
    epochs: u32,
    batch_size: u32,
    d_steps: u32,
    noise: Noise,
    shuffle: bool,
    drop_last: bool,
}

/// The values of the sweep but its axes and exclusions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SweepSettings {
    pub(crate) seeds: Vec<u64>,
    pub(crate) random: RandomSettings,
}

/// How random axes are drawn.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RandomSettings {
    pub(crate) n: Option<usize>,
    pub(crate) seed: u64,
}

impl Settings {
    /// What is asked of every run, but for what the sweep changes.
    pub(crate) fn asked(&self) -> Asked {
        let DataSettings { dataset, images, pixels, .. } = self.data;
        let TrainSettings { epochs, batch_size, d_steps, noise, shuffle, drop_last } = self.train;
        let config = Config {
            data: DataConfig { dataset, images, pixels },
            model: self.model.clone(),
            loss: self.loss.clone(),
            optimizer: self.optimizer.clone(),
            train: TrainConfig { batch_size, d_steps, noise, shuffle, drop_last },
        };
        Asked { config, epochs }
    }

    /// The folder of the user's own images, as it is given; empty for none.
    pub(crate) fn data_path(&self) -> &str {
        &self.data.path
    }

    /// What to train on where the dataset is missing.
    pub(crate) fn fallback(&self) -> Option<Dataset> {
        Dataset::from_name(&self.data.fallback)
    }
}

/// A part of what one layer gives, as figment takes it.
struct Part<'p> {
    layer: &'p Layer,
    values: Dict,
}

impl Provider for Part<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.layer.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// The layers on top of each other.
pub(crate) struct Stack {
    figment: Figment,
    layers: Vec<Layer>,
}

impl Stack {
    /// Puts layers on top of each other, the lowest first.
    pub(crate) fn new<'g>(layers: impl IntoIterator<Item = &'g Given>) -> Result<Self, Box<figment::Error>> {
        let mut stack = Self { figment: Figment::new(), layers: Vec::new() };
        for given in layers {
            stack.push(given)?;
        }
        Ok(stack)
    }

    /// Puts one layer on top: its shorthands first, so that they lose to its own longer keys and
    /// win against those of the layers below.
    fn push(&mut self, given: &Given) -> Result<(), Box<figment::Error>> {
        let (own, shorthands): (Vec<_>, Vec<_>) =
            given.values.iter().partition(|given| given.key.parts.is_empty());
        for part in [shorthands, own] {
            let mut values = Dict::new();
            for given in part {
                for target in given.key.targets() {
                    let value = Merged::serialize(self.full(target.path, given)).map_err(Box::new)?;
                    insert(&mut values, target.path, value);
                }
            }
            let layer = &given.layer;
            self.figment = std::mem::take(&mut self.figment).merge(Part { layer, values });
        }
        self.layers.push(given.layer.clone());
        Ok(())
    }

    /// A value with what the layers below decide: one width is given to as many hidden layers as
    /// the network has so far.
    fn full(&self, path: &str, given: &GivenValue) -> Value {
        match given.value {
            Value::Width(width) => {
                let layers = self.figment.extract_inner::<Vec<u32>>(path).unwrap_or_default();
                Value::Widths(vec![width; layers.len()])
            }
            _ => given.value.clone(),
        }
    }

    /// All values as one.
    pub(crate) fn settings(&self) -> Result<Settings, Box<figment::Error>> {
        self.figment.extract().map_err(Box::new)
    }

    /// Every key that has a value, the value, and the layer that decided it.
    pub(crate) fn resolved(&self) -> Vec<ResolvedKey> {
        keys().filter(|key| key.parts.is_empty()).filter_map(|key| self.resolve(key.path)).collect()
    }

    fn resolve(&self, path: &str) -> Option<ResolvedKey> {
        let value = self.figment.find_value(path).ok()?;
        let name = &self.figment.get_metadata(value.tag())?.name;
        let layer = self.layers.iter().find(|layer| layer.to_string() == **name)?.clone();
        Some(ResolvedKey { key: path.to_owned(), value: serde_json::to_value(&value).ok()?, layer })
    }
}

/// Puts a value at a dotted path.
fn insert(dict: &mut Dict, path: &str, value: Merged) {
    match path.split_once('.') {
        None => {
            dict.insert(path.to_owned(), value);
        }
        Some((table, rest)) => {
            let entry = dict.entry(table.to_owned()).or_insert_with(|| Dict::new().into());
            if let Merged::Dict(_, inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

/// The layers with a recipe between the lowest, the defaults, and the rest.
pub(crate) fn stack(layers: &[Given], recipe: &Given) -> Result<(Stack, Settings), Box<figment::Error>> {
    let (defaults, rest) = layers.split_at(layers.len().min(1));
    let stack = Stack::new(defaults.iter().chain([recipe]).chain(rest))?;
    let settings = stack.settings()?;
    Ok((stack, settings))
}

/// A failure to merge as a fault. The schema lets through only what merges, so this is a mistake
/// of the program's, told instead of a panic.
pub(crate) fn unmergeable(error: &figment::Error) -> Fault {
    Fault::new(Place::Builtin, None, "", Problem::Unmergeable(error.to_string()))
}

/// What each recipe that is swept asks of a run.
pub(crate) type Bases = BTreeMap<String, Asked>;
