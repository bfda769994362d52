//! An experiment: one TOML file with everything that its layers say, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::given::Given;
use crate::merge::{Bases, Settings, Stack, stack, unmergeable};
use crate::schema;
use crate::sweep::{Sweep, swept_recipes};
use crate::{
    Asked, Config, Dataset, Execution, Fault, Faults, Layer, Place, Record, Value, document, expand, layers,
};

/// What besides the file decides an experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadOptions {
    /// The file's profile to apply.
    pub profile: Option<String>,
    /// `KEY=VALUE` from the command line; of two on one key the later wins.
    pub sets: Vec<String>,
    /// Environment variables, of which those that spell keys (`GANSWEEP_TRAIN__EPOCHS`) apply.
    pub env: Vec<(String, String)>,
}

/// One experiment, its layers merged and every value checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// The name of its sweep in the database.
    pub name: String,
    /// What it is for, in the user's words.
    pub description: String,
    /// The file it was read from.
    pub file: PathBuf,
    /// The file's content.
    #[serde(skip)]
    pub source: String,
    /// The recipe it starts from.
    pub recipe: String,
    /// The config of every run, but for what the sweep changes.
    pub config: Config,
    /// The folder of the user's own images; a relative one starts at the current folder.
    pub data_path: Option<PathBuf>,
    /// The budget of every run in epochs, unless the sweep changes it.
    pub epochs: u32,
    /// What to train on where the dataset is neither at hand nor to be downloaded.
    pub fallback: Option<Dataset>,
    /// What is recorded.
    pub record: Record,
    /// Where it trains.
    pub execution: Execution,
    /// What differs between its runs.
    pub sweep: Sweep,
    /// Every key with its value and the layer that decided it, in the order of the documentation.
    pub resolved: Vec<ResolvedKey>,
    /// What besides the file decided it; of the environment, the variables that spell keys.
    #[serde(skip)]
    pub options: LoadOptions,
    /// What each swept recipe asks of a run, below the sweep's other assignments.
    #[serde(skip)]
    pub(crate) bases: Bases,
    /// Where the value of each key was given.
    #[serde(skip)]
    pub(crate) origins: Origins,
}

/// The latest layer that gives a value for each key, and where it stands there.
type Origins = BTreeMap<&'static str, (Layer, Place)>;

/// A key, its value, and the layer that decided it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResolvedKey {
    /// As the experiment file writes it: `train.epochs`.
    pub key: String,
    /// A number, a text, a truth value or a list.
    pub value: serde_json::Value,
    /// Which layer decided it.
    pub layer: Layer,
}

impl Experiment {
    /// Reads an experiment file and merges its layers: built-in defaults, recipe, file, profile,
    /// environment, `--set`.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file, its profiles, the variables and the arguments, down to
    /// values that contradict each other in some runs.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, Faults> {
        let source = document::read_text(path)?;
        Self::parse(path, source, options)
    }

    /// The same for a text that was read from `path`.
    pub fn parse(path: &Path, source: String, options: &LoadOptions) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let layers = layers::all(path, &source, options, &mut faults)?;
        let loaded = Self::merge(path, source, &layers, options, &mut faults);
        let loaded = loaded.map_err(|error| unmergeable(&error));
        match loaded {
            Ok(experiment) => {
                faults.extend(expand::check(&experiment, &faults, None));
                Faults::unless(faults, experiment)
            }
            Err(fault) => {
                faults.push(fault);
                Err(Faults::of(faults))
            }
        }
    }

    /// The datasets that its runs ask for, each once.
    pub fn datasets(&self) -> BTreeSet<Dataset> {
        expand::combinations(self).map(|combination| combination.asked.config.data.dataset).collect()
    }

    /// What is asked of every run, but for what the sweep changes.
    pub(crate) fn asked(&self) -> Asked {
        Asked { config: self.config.clone(), epochs: self.epochs }
    }

    fn merge(
        path: &Path,
        source: String,
        layers: &[Given],
        options: &LoadOptions,
        faults: &mut Vec<Fault>,
    ) -> Result<Self, Box<figment::Error>> {
        let recipe = recipe_of(layers);
        let base = layers::recipe(&recipe, faults);
        let (merged, settings) = stack(layers, &base)?;
        let sweep = Sweep::new(layers, &settings.sweep, faults);
        let bases = bases(&sweep, layers, faults)?;
        let origins = origins(layers, &base);
        let resolved = resolved(&merged, &settings, path);
        let Asked { config, epochs } = settings.asked();
        Ok(Self {
            name: name(&settings, path),
            file: path.to_owned(),
            source,
            config,
            epochs,
            data_path: data_path(&settings, path, &origins),
            fallback: settings.fallback(),
            recipe: settings.recipe,
            description: settings.description,
            record: settings.record,
            execution: settings.execution,
            sweep,
            resolved,
            options: LoadOptions { env: layers::spelling_keys(&options.env), ..options.clone() },
            bases,
            origins,
        })
    }
}

/// The recipe that the latest layer names.
fn recipe_of(layers: &[Given]) -> String {
    let given = layers.iter().rev().find_map(|given| given.value(schema::RECIPE));
    given.and_then(|given| given.value.as_text()).unwrap_or_default().to_owned()
}

/// The name that is given, or else that of the file without its extension.
fn name(settings: &Settings, path: &Path) -> String {
    let of_file = || path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    settings.name.clone().unwrap_or_else(of_file)
}

/// A path in the file starts at the file's folder, so that an experiment works wherever it is called
/// from; one that is typed, or in a variable, starts where a shell completes it.
fn data_path(settings: &Settings, file: &Path, origins: &Origins) -> Option<PathBuf> {
    let path = Some(settings.data_path()).filter(|path| !path.is_empty())?;
    let in_file = |layer: &Layer| matches!(layer, Layer::File | Layer::Profile(_));
    let start = origins.get("data.path").filter(|(layer, _)| in_file(layer)).and_then(|_| file.parent());
    Some(start.unwrap_or(Path::new("")).join(path))
}

/// Each swept recipe between the defaults and the other layers; once per recipe, not per run.
fn bases(sweep: &Sweep, layers: &[Given], faults: &mut Vec<Fault>) -> Result<Bases, Box<figment::Error>> {
    let mut bases = Bases::new();
    for recipe in swept_recipes(sweep) {
        let base = layers::recipe(recipe, faults);
        let (_, settings) = stack(layers, &base)?;
        bases.insert(recipe.to_owned(), settings.asked());
    }
    Ok(bases)
}

/// The latest layer that gives a value for each key, and where it stands there.
fn origins(layers: &[Given], recipe: &Given) -> Origins {
    let mut origins = BTreeMap::new();
    let (defaults, rest) = layers.split_at(layers.len().min(1));
    for given in defaults.iter().chain([recipe]).chain(rest) {
        for value in &given.values {
            for target in value.key.targets() {
                origins.insert(target.path, (given.layer.clone(), value.place.clone()));
            }
        }
    }
    origins
}

/// Every key that has a value; the name is always there, if only from the file's.
fn resolved(merged: &Stack, settings: &Settings, path: &Path) -> Vec<ResolvedKey> {
    let mut resolved = merged.resolved();
    if settings.name.is_none() {
        let value = Value::Text(name(settings, path)).to_json();
        resolved.insert(0, ResolvedKey { key: "name".to_owned(), value, layer: Layer::Default });
    }
    resolved
}
