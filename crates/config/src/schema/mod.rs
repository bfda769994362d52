//! The schema: every key of an experiment file, declared once.
//!
//! The one table in here is what values are checked against, what misspelt names are compared
//! with, what assignments are applied by, and what the reference in `docs/experiment-file.md` is
//! written from.

mod field;
mod keys;
mod kind;
mod nearest;

pub use keys::keys;
pub use kind::{Interval, Kind, MAX_SEED, MAX_SEEDS};

pub(crate) use field::Field;
pub(crate) use kind::Misfit;
pub(crate) use nearest::{is_rather_a_key, nearest, nearest_key, nearest_table};

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Serialize, Serializer};
use toml::de::DeValue;

use crate::{Asked, Value};

/// One key of an experiment file.
#[derive(Debug)]
pub struct Key {
    /// As it is written: `optimizer.generator.lr`.
    pub path: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// What a value of it decides.
    pub effect: Effect,
    /// The built-in default as TOML; `None` where there is none (the documentation says what
    /// holds then), and for a shorthand.
    pub default: Option<&'static str>,
    /// The identity default as TOML: what stood for the key before it existed. A config's hash is
    /// over the keys that differ from it, and a stored config without the key is read as if it
    /// said so. Frozen from the day the key is added, whatever becomes of `default`. `None` for
    /// keys that are neither mathematics nor recorded.
    pub identity: Option<&'static str>,
    /// How the lanes of a group may differ in it; without meaning outside of configs.
    pub lanes: Lanes,
    /// What it means, in one sentence or two, in Markdown.
    pub doc: &'static str,
    /// The keys that a shorthand sets; empty for a key of its own.
    pub parts: &'static [&'static str],
    pub(crate) field: Option<Field>,
}

/// What a value decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// What a run computes: part of its config and of its id, and open to sweeping.
    Mathematics,
    /// For how long the sweep asks its runs to be trained: no part of an id, and open to sweeping.
    Budget,
    /// What is recorded of every run.
    Recording,
    /// Where and how densely runs train.
    Execution,
    /// Which runs there are.
    Sweep,
    /// What the experiment is called and starts from.
    Origin,
}

/// How the lanes of a group may differ in a key of the mathematics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// Each lane has a value of its own.
    Varies,
    /// One value for all lanes: it decides a tensor's shape, which images a step sees, or which
    /// operations a step consists of.
    Common,
    /// All lanes are zero, or all are above it, each with a value of its own: zero leaves a layer
    /// out.
    Presence,
}

impl Key {
    /// Whether an axis may stand on it.
    pub fn is_sweepable(&self) -> bool {
        matches!(self.effect, Effect::Mathematics | Effect::Budget) || self.path == RECIPE
    }

    /// The part of the path after its last dot.
    pub fn last_component(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The keys a value of it sets in the end: itself, or a shorthand's parts.
    pub fn targets(&self) -> impl Iterator<Item = &'static Key> + '_ {
        let itself = self.parts.is_empty().then_some(self.path);
        itself.into_iter().chain(self.parts.iter().copied()).filter_map(find)
    }

    /// Whether both decide a common value, or are the same key.
    pub(crate) fn shares_target(&self, other: &Key) -> bool {
        let mut paths = self.parts.iter().copied().chain([self.path]);
        paths.any(|path| path == other.path || other.parts.contains(&path))
    }

    /// Whether both decide a common value.
    pub(crate) fn overlaps(&self, other: &Key) -> bool {
        self.targets().any(|target| other.covers(target))
    }

    /// Whether a value of `self` decides everything that `other` would.
    pub(crate) fn covers(&self, other: &Key) -> bool {
        other.targets().all(|theirs| self.targets().any(|ours| ours.path == theirs.path))
    }

    /// Sets what `self` stands for in what is asked of a run. Keys of other effects change nothing.
    pub(crate) fn apply(&self, value: &Value, asked: &mut Asked) {
        for target in self.targets() {
            if let Some(field) = &target.field {
                field.set(asked, value);
            }
        }
    }

    /// The identity default, if there is one.
    pub(crate) fn identity_default(&self) -> Option<Value> {
        let toml = DeValue::parse(self.identity?).ok()?;
        self.kind.read(toml.get_ref()).ok()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.path)
    }
}

/// The key that names the recipe.
pub(crate) const RECIPE: &str = "recipe";

/// The tables whose keys are keys of the experiment, each with an axis.
pub(crate) const AXIS_TABLES: [&str; 3] = ["sweep.grid", "sweep.zip", "sweep.random.keys"];
/// The array of tables of partial assignments.
pub(crate) const EXCLUDE: &str = "sweep.exclude";
/// The table of named profiles.
pub(crate) const PROFILE: &str = "profile";

/// The key of that path.
pub fn find(path: &str) -> Option<&'static Key> {
    // Keys are looked up for every value of every run of a plan.
    static BY_PATH: LazyLock<HashMap<&str, &Key>> =
        LazyLock::new(|| keys().map(|key| (key.path, key)).collect());
    BY_PATH.get(path).copied()
}

/// Whether keys lie below that path.
pub(crate) fn is_table(path: &str) -> bool {
    let below = |longer: &str| longer.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    keys().any(|key| below(key.path))
        || AXIS_TABLES.iter().any(|table| *table == path || below(table))
        || split_axis(path).is_some_and(|(_, rest)| is_table(rest))
}

/// The axis table in which a path lies, as a position in [`AXIS_TABLES`], and the path within it.
pub(crate) fn split_axis(path: &str) -> Option<(usize, &str)> {
    let within = |table: &&str| path.strip_prefix(*table)?.strip_prefix('.');
    AXIS_TABLES.iter().enumerate().find_map(|(index, table)| Some((index, within(table)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_stands_once_in_the_table() {
        for key in keys() {
            assert_eq!(keys().filter(|other| other.path == key.path).count(), 1, "{}", key.path);
        }
    }

    #[test]
    fn every_part_of_a_shorthand_is_a_key_with_a_field() {
        for key in keys().filter(|key| !key.parts.is_empty()) {
            assert_eq!(key.targets().count(), key.parts.len(), "{}", key.path);
            assert!(key.targets().all(|part| part.field.is_some()), "{}", key.path);
            assert!(key.field.is_none() && key.default.is_none(), "{}", key.path);
        }
    }

    #[test]
    fn every_key_that_may_be_swept_reaches_what_is_asked_of_a_run() {
        for key in keys().filter(|key| key.is_sweepable() && key.path != RECIPE) {
            assert!(key.targets().all(|target| target.field.is_some()), "{}", key.path);
        }
    }

    #[test]
    fn every_identity_default_is_a_value_of_its_key() {
        for key in keys() {
            assert_eq!(key.identity.is_some(), key.identity_default().is_some(), "{}", key.path);
            let wants_one = matches!(key.effect, Effect::Mathematics | Effect::Recording);
            assert_eq!(key.identity.is_some(), wants_one && key.parts.is_empty(), "{}", key.path);
        }
    }

    #[test]
    fn a_shorthand_covers_its_parts_and_not_the_other_way_round() {
        let both = find("optimizer.lr").unwrap();
        let generator = find("optimizer.generator.lr").unwrap();
        let discriminator = find("optimizer.discriminator.lr").unwrap();
        assert!(both.covers(generator) && !generator.covers(both));
        assert!(both.overlaps(generator) && generator.overlaps(both));
        assert!(!generator.overlaps(discriminator));
    }

    #[test]
    fn tables_are_known_down_to_the_axes() {
        for path in [
            "data",
            "model.generator",
            "sweep",
            "sweep.random",
            "sweep.random.keys",
            "sweep.grid",
            "sweep.zip.model",
        ] {
            assert!(is_table(path), "{path}");
        }
        for path in ["", "dat", "train.epochs", "sweep.grids"] {
            assert!(!is_table(path), "{path}");
        }
    }
}
