//! A key of the experiment file, as the tables in `keys` declare it.

use serde::{Serialize, Serializer};
use toml::de::DeValue;

use super::field::Field;
use super::kind::Kind;
use crate::Value;

/// One key of an experiment file.
#[derive(Debug)]
pub struct Key {
    /// The full dotted name: `optimizer.generator.lr`.
    pub path: &'static str,
    /// Which values the key accepts.
    pub kind: Kind,
    /// Which part of an experiment the key belongs to.
    pub effect: Effect,
    /// The built-in default as TOML; `None` where there is none (the documentation says what
    /// holds then), and for a shorthand.
    pub default: Option<&'static str>,
    /// The identity default as TOML: the value that was in force before the key existed. A config's
    /// hash covers only the keys that differ from it, and a stored config without the key is read as
    /// if it had this value. It never changes after the key is released, even when `default` does:
    /// otherwise the ids of recorded runs would change. `None` for keys that belong neither to the
    /// config nor to `[record]`.
    pub identity: Option<&'static str>,
    /// How the lanes of a group may differ in this key; used for keys of the config only.
    pub lanes: Lanes,
    /// The meaning, one or two sentences in Markdown.
    pub doc: &'static str,
    /// For a shorthand, the keys that it sets; empty for every other key.
    pub parts: &'static [&'static str],
    /// Where in a run's config, or its budget, the value goes.
    pub(crate) field: Option<Field>,
}

/// Which part of an experiment a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The config: decides what a run computes, is part of its id, and may be swept.
    Config,
    /// The budget: how long runs are trained. It is not part of an id, and may be swept.
    Budget,
    /// What is recorded of every run.
    Recording,
    /// Where runs train, and how many at the same time.
    Execution,
    /// Which runs the sweep has.
    Sweep,
    /// Which runs end or wait before their budget.
    Pruning,
    /// The experiment's name, description and recipe.
    Origin,
}

/// How the lanes of a group may differ in a key of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// Each lane may have its own value.
    Varies,
    /// All lanes have the same value, because it decides a tensor's shape, which images a step uses,
    /// or which operations a step consists of.
    Common,
    /// These words may be beside each other, because they differ in numbers alone; any other is common to all lanes.
    Alike(&'static [&'static str]),
    /// Zero in all lanes or above zero in all lanes, because zero removes a layer. Values above zero
    /// may differ.
    Presence,
}

impl Key {
    /// Whether the key may be swept.
    pub fn is_sweepable(&self) -> bool {
        matches!(self.effect, Effect::Config | Effect::Budget) || self.path == RECIPE
    }

    /// The part of the path after its last dot.
    pub fn last_component(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The identity default as a value.
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

/// The axis that `[sweep.variants]` makes: it has the variants' names, and no file gives it a value.
pub static VARIANT: Key = Key {
    path: "variant",
    kind: Kind::Text,
    effect: Effect::Sweep,
    default: None,
    identity: None,
    lanes: Lanes::Varies,
    doc: "The variant of `[sweep.variants]`: several values under one name.",
    parts: &[],
    field: None,
};
