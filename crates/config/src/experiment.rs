//! An experiment: the merged and checked layers of one TOML file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::layers::LoadOptions;
use crate::merge::{RecipeBases, ResolvedKey};
use crate::search::Search;
use crate::sweep::Sweep;
use crate::{BudgetedConfig, Config, Dataset, Execution, Layer, Place, Prune, Record};

/// A loaded experiment: its layers are merged and every value is checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// The name of the sweep in the database.
    pub name: String,
    /// The user's description.
    pub description: String,
    /// The file it was read from.
    #[serde(serialize_with = "lossy")]
    pub file: PathBuf,
    /// The file's content.
    #[serde(skip)]
    pub source: String,
    /// The recipe whose values hold where the file has none.
    pub recipe: String,
    /// The config of every run, before the axes assign their values.
    pub config: Config,
    /// The folder of the user's own images; a relative path starts at the current folder.
    #[serde(serialize_with = "lossy_if_any")]
    pub data_path: Option<PathBuf>,
    /// Whether damaged files in it are left out.
    pub skip_damaged: bool,
    /// The budget of every run in epochs, before the axes assign their values.
    pub epochs: u32,
    /// What to train on where the dataset is neither at hand nor to be downloaded.
    pub fallback: Option<Dataset>,
    /// What is recorded of every run.
    pub record: Record,
    /// Where runs train, and how many at the same time.
    pub execution: Execution,
    /// Axes, seeds and exclusions.
    pub sweep: Sweep,
    /// The adaptive search over the axes; `None` if they have all their values.
    pub search: Option<Search>,
    /// Which runs end or wait before their budget.
    pub prune: Prune,
    /// Every key with its value and the layer that decided it, in the order of the documentation.
    pub resolved: Vec<ResolvedKey>,
    /// The options that it was loaded with; of the environment, only the variables that name keys.
    #[serde(skip)]
    pub options: LoadOptions,
    /// Config and budget of each swept recipe, before the other axes assign their values.
    #[serde(skip)]
    pub(crate) bases: RecipeBases,
    /// Where each key got its value.
    #[serde(skip)]
    pub(crate) origins: Origins,
}

/// For each key, the last layer that gives it a value, and where.
pub(crate) type Origins = BTreeMap<&'static str, (Layer, Place)>;

/// JSON has no paths but those in UTF-8, and this form is for display.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn lossy_if_any<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.display().to_string()).serialize(serializer)
}

impl Experiment {
    /// The recipes that the runs start from: the swept ones in their order, or that of the file.
    pub fn recipes(&self) -> Vec<&str> {
        let recipes = self.sweep.recipes(&self.recipe);
        if recipes.is_empty() { vec![&self.recipe] } else { recipes }
    }

    /// The keys that decide by `precision` or `density` alone, with the figure. Both are of single images, so that a generator
    /// which draws a few real-looking images again and again has the highest values.
    pub fn objectives_without_variety(&self) -> Vec<(&'static str, &str)> {
        let searched = self.search.as_ref().map(|search| search.metric.as_str());
        let pruned = Some(self.prune.metric.as_str()).filter(|_| self.prune.is_on());
        let best = Some(self.record.best.as_str());
        let objectives = [("search.metric", searched), ("prune.metric", pruned), ("record.best", best)];
        let given = objectives.into_iter().filter_map(|(key, metric)| Some((key, metric?)));
        given.filter(|(_, metric)| matches!(*metric, "precision" | "density")).collect()
    }

    /// The number of trials of a search whose model proposes none of them, since all are random draws.
    pub fn trials_without_proposals(&self) -> Option<usize> {
        self.search.as_ref().filter(|search| search.startup >= search.trials).map(|search| search.trials)
    }

    /// Config and budget of every run, before the axes assign their values.
    pub(crate) fn budgeted_config(&self) -> BudgetedConfig {
        BudgetedConfig { config: self.config.clone(), epochs: self.epochs }
    }
}
