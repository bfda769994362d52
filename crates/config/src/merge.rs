//! Merging: the values of all layers as one, and which layer decided each.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value as Merged};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Serialize};

use crate::parsed_layer::{ParsedLayer, ParsedValue};
use crate::schema::keys;
use crate::search::SearchSettings;
use crate::{
    AugmentConfig, BudgetedConfig, Config, DataConfig, Dataset, Execution, Fault, Layer, LossConfig,
    ModelConfig, Noise, OptimizerConfig, PenaltyConfig, Pixels, Place, Problem, Prune, Record, TrainConfig,
    Value,
};

/// The merged value of every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    pub(crate) description: String,
    pub(crate) recipe: String,
    data: DataSettings,
    model: ModelConfig,
    loss: LossConfig,
    penalty: PenaltyConfig,
    augment: AugmentConfig,
    optimizer: OptimizerConfig,
    train: TrainSettings,
    pub(crate) record: Record,
    pub(crate) execution: Execution,
    pub(crate) sweep: SweepSettings,
    pub(crate) search: SearchSettings,
    pub(crate) prune: Prune,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataSettings {
    dataset: Dataset,
    path: String,
    skip_damaged: bool,
    side: u32,
    channels: u32,
    images: u32,
    flip: bool,
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
    ema: f64,
    ema_warmup: bool,
    instance_noise: f64,
    instance_noise_epochs: f64,
}

/// The keys of `[sweep]` without axes and exclusions.
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

/// A key, its value, and the layer that decided it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResolvedKey {
    /// As the experiment file writes it: `train.epochs`.
    pub key: String,
    /// A number, a text, a truth value or a list.
    pub value: serde_json::Value,
    /// The layer that decided the value.
    pub layer: Layer,
}

impl Settings {
    /// Config and budget of every run, before the axes assign their values.
    pub(crate) fn budgeted_config(&self) -> BudgetedConfig {
        let DataSettings { dataset, side, channels, images, flip, pixels, .. } = self.data;
        let TrainSettings { epochs, batch_size, d_steps, noise, shuffle, drop_last, .. } = self.train;
        let TrainSettings { ema, ema_warmup, instance_noise, instance_noise_epochs, .. } = self.train;
        let config = Config {
            data: DataConfig { dataset, side, channels, images, flip, pixels },
            model: self.model.clone(),
            loss: self.loss.clone(),
            penalty: self.penalty.clone(),
            augment: self.augment.clone(),
            optimizer: self.optimizer.clone(),
            train: TrainConfig {
                batch_size,
                d_steps,
                noise,
                shuffle,
                drop_last,
                ema,
                ema_warmup,
                instance_noise,
                instance_noise_epochs,
            },
        };
        BudgetedConfig { config, epochs }
    }

    /// The folder of the user's own images as it was written; empty if there is none.
    pub(crate) fn data_path(&self) -> &str {
        &self.data.path
    }

    /// Whether damaged files in it are left out.
    pub(crate) const fn skip_damaged(&self) -> bool {
        self.data.skip_damaged
    }

    /// What to train on where the dataset is missing.
    pub(crate) fn fallback(&self) -> Option<Dataset> {
        Dataset::from_name(&self.data.fallback)
    }
}

/// Values of one layer, in the form that figment merges.
struct LayerValues<'p> {
    layer: &'p Layer,
    values: Dict,
}

impl Provider for LayerValues<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.layer.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// Layers merged on top of each other.
pub(crate) struct LayerStack {
    figment: Figment,
    layers: Vec<Layer>,
}

impl LayerStack {
    /// Puts layers on top of each other, the lowest first.
    pub(crate) fn new<'g>(
        layers: impl IntoIterator<Item = &'g ParsedLayer>,
    ) -> Result<Self, Box<figment::Error>> {
        let mut stack = Self { figment: Figment::new(), layers: Vec::new() };
        for parsed in layers {
            stack.push(parsed)?;
        }
        Ok(stack)
    }

    /// Puts one layer on top. Its shorthands come first, so that the layer's own longer keys override
    /// them, and they override the longer keys of the layers below.
    fn push(&mut self, parsed: &ParsedLayer) -> Result<(), Box<figment::Error>> {
        let (own, shorthands): (Vec<_>, Vec<_>) =
            parsed.values.iter().partition(|parsed| parsed.key.parts.is_empty());
        for part in [shorthands, own] {
            let mut values = Dict::new();
            for value in part {
                for target in value.key.targets() {
                    let merged = Merged::serialize(self.expanded(target.path, value)).map_err(Box::new)?;
                    insert(&mut values, target.path, merged);
                }
            }
            let layer = &parsed.layer;
            self.figment = std::mem::take(&mut self.figment).merge(LayerValues { layer, values });
        }
        self.layers.push(parsed.layer.clone());
        Ok(())
    }

    /// The value to assign. One width stands for a list of as many widths as the layers below give
    /// to the network.
    fn expanded(&self, path: &str, parsed: &ParsedValue) -> Value {
        match parsed.value {
            Value::Width(width) => {
                let layers = self.figment.extract_inner::<Vec<u32>>(path).unwrap_or_default();
                Value::Widths(vec![width; layers.len()])
            }
            _ => parsed.value.clone(),
        }
    }

    /// All values as one.
    pub(crate) fn settings(&self) -> Result<Settings, Box<figment::Error>> {
        self.figment.extract().map_err(Box::new)
    }

    /// Every key that has a value, with the layer that decided it.
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
pub(crate) fn stack(
    layers: &[ParsedLayer],
    recipe: &ParsedLayer,
) -> Result<(LayerStack, Settings), Box<figment::Error>> {
    let (defaults, rest) = layers.split_at(layers.len().min(1));
    let stack = LayerStack::new(defaults.iter().chain([recipe]).chain(rest))?;
    let settings = stack.settings()?;
    Ok((stack, settings))
}

/// A failure to merge, as a fault. The schema accepts only values that merge, so this would be a bug of
/// this program; a fault reports it without a panic.
pub(crate) fn unmergeable(error: &figment::Error) -> Fault {
    Fault::new(Place::Builtin, None, "", Problem::Unmergeable(error.to_string()))
}

/// For each swept recipe, the config and budget of a run before the other axes assign their values.
pub(crate) type RecipeBases = BTreeMap<String, BudgetedConfig>;
