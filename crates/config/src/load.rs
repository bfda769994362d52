//! Loading an experiment: its layers are read, merged and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::expand::{self, Expansion};
use crate::experiment::{Experiment, Origins};
use crate::layers::{self, LoadOptions};
use crate::merge::{LayerStack, RecipeBases, ResolvedKey, Settings, stack, unmergeable};
use crate::parsed_layer::ParsedLayer;
use crate::schema::{Key, VARIANT};
use crate::sweep::Sweep;
use crate::{
    BudgetedConfig, DataRequest, EvaluateEpochs, Fault, Faults, Layer, Place, Problem, Record, Search, Value,
    document, schema,
};

impl Experiment {
    /// Reads an experiment file and merges its layers: built-in defaults, recipe, file, profile,
    /// environment, `--set`.
    ///
    /// # Errors
    ///
    /// Every fault of the file, its profiles, the variables and the arguments, including values that
    /// conflict with each other in some runs.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, Faults> {
        let source = document::read_text(path)?;
        Self::parse(path, source, options)
    }

    /// Merges the layers of a text that was read from `path`.
    ///
    /// # Errors
    ///
    /// See [`Experiment::load`].
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

    /// The images that the runs ask for, each request once, of a search also those of choices that no drawn trial has. Excluded
    /// runs ask for none.
    pub fn data_requests(&self) -> BTreeSet<DataRequest> {
        let expansion = Expansion::new(self);
        let planned = expansion.planned().map(|it| it.run);
        let decides_data = |key: &Key| key.path.starts_with("data.") || *key == VARIANT;
        let proposed = expand::choices(self, decides_data).map(|(run, _)| run);
        planned.chain(proposed).map(|run| DataRequest::from(&run.config.data)).collect()
    }

    fn merge(
        path: &Path,
        source: String,
        layers: &[ParsedLayer],
        options: &LoadOptions,
        faults: &mut Vec<Fault>,
    ) -> Result<Self, Box<figment::Error>> {
        let recipe = recipe_of(layers);
        let base = layers::recipe(&recipe, faults);
        let (merged, settings) = stack(layers, &base)?;
        let search = settings.search.search(settings.sweep.random.seed);
        let sweep = Sweep::new(layers, &settings.sweep, search.as_ref(), faults);
        let bases = bases(sweep.recipes(&recipe), layers, faults)?;
        let origins = origins(layers, &base);
        let name = settings.name.clone().unwrap_or_else(|| name_of_file(path, faults));
        let mut resolved = resolved(&merged, &settings, &name);
        let BudgetedConfig { config, epochs } = settings.budgeted_config();
        let record = record(&settings, search.as_ref(), epochs, &mut resolved);
        Ok(Self {
            name,
            file: path.to_owned(),
            source,
            config,
            epochs,
            data_path: data_path(&settings, path, &origins),
            skip_damaged: settings.skip_damaged(),
            fallback: settings.fallback(),
            recipe: settings.recipe,
            description: settings.description,
            record,
            execution: settings.execution,
            sweep,
            search,
            prune: settings.prune,
            resolved,
            options: LoadOptions { env: layers::naming_keys(&options.env), ..options.clone() },
            bases,
            origins,
        })
    }
}

/// The recipe that the last layer with the key names.
fn recipe_of(layers: &[ParsedLayer]) -> String {
    let parsed = layers.iter().rev().find_map(|parsed| parsed.value(schema::RECIPE));
    parsed.and_then(|parsed| parsed.value.as_text()).unwrap_or_default().to_owned()
}

/// The file's name without its extension, which must be a valid name of a sweep.
fn name_of_file(path: &Path, faults: &mut Vec<Fault>) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    let name = stem.to_string_lossy().into_owned();
    if stem.to_str().is_none() || !schema::is_name(&name) {
        let problem = Problem::FileName(name.clone());
        let fault = Fault::new(Place::File(path.to_owned()), None, "name", problem);
        faults.push(fault.expected(format_args!("`name = \"...\"` in the file, {}", schema::Kind::Name)));
    }
    name
}

/// A relative path in the file starts at the file's folder, so that an experiment works from any current
/// folder. One from `--set` or a variable starts at the current folder, where a shell completes it.
fn data_path(settings: &Settings, file: &Path, origins: &Origins) -> Option<PathBuf> {
    let path = Some(settings.data_path()).filter(|path| !path.is_empty())?;
    let in_file = |layer: &Layer| matches!(layer, Layer::File | Layer::Profile(_));
    let start = origins.get("data.path").filter(|(layer, _)| in_file(layer)).and_then(|_| file.parent());
    Some(start.unwrap_or(Path::new("")).join(path))
}

/// What is recorded. Pruning and a search by a figure need it: it is recorded where no layer says how often, since whoever
/// sets `[prune]` or `[search]` expects it to work. A search needs it at the end of each run alone.
fn record(settings: &Settings, search: Option<&Search>, epochs: u32, resolved: &mut [ResolvedKey]) -> Record {
    let mut record = settings.record.clone();
    let searches_figure =
        search.is_some_and(|search| crate::RANKING_METRICS.contains(&search.metric.as_str()));
    let needed = match settings.prune.is_on() {
        true => Some(settings.prune.min_epochs),
        false => searches_figure.then_some(epochs),
    };
    if let Some(needed) = needed.filter(|_| record.evaluate_epochs == EvaluateEpochs::Auto) {
        record.evaluate_epochs = EvaluateEpochs::Every(needed);
        for key in resolved.iter_mut().filter(|key| key.key == EVALUATE) {
            key.value = needed.into();
        }
    }
    record
}

const EVALUATE: &str = "record.evaluate_epochs";

/// Merges the layers with each swept recipe in place of the file's: once per recipe, since it would take
/// long for each run.
fn bases(
    recipes: Vec<&str>,
    layers: &[ParsedLayer],
    faults: &mut Vec<Fault>,
) -> Result<RecipeBases, Box<figment::Error>> {
    let mut bases = RecipeBases::new();
    for recipe in recipes {
        let base = layers::recipe(recipe, faults);
        let (_, settings) = stack(layers, &base)?;
        bases.insert(recipe.to_owned(), settings.budgeted_config());
    }
    Ok(bases)
}

/// For each key, the last layer that gives it a value, and where.
fn origins(layers: &[ParsedLayer], recipe: &ParsedLayer) -> Origins {
    let mut origins = BTreeMap::new();
    let (defaults, rest) = layers.split_at(layers.len().min(1));
    for parsed in defaults.iter().chain([recipe]).chain(rest) {
        for value in &parsed.values {
            for target in value.key.targets() {
                origins.insert(target.path, (parsed.layer.clone(), value.place.clone()));
            }
        }
    }
    origins
}

/// Every key that has a value. The name has one even where no layer gives it.
fn resolved(merged: &LayerStack, settings: &Settings, name: &str) -> Vec<ResolvedKey> {
    let mut resolved = merged.resolved();
    if settings.name.is_none() {
        let value = Value::Text(name.to_owned()).to_json();
        resolved.insert(0, ResolvedKey { key: "name".to_owned(), value, layer: Layer::Default });
    }
    resolved
}
