//! A sweep: axes, seeds and exclusions of an experiment.

mod build;
mod declared;
mod declared_variants;

use std::collections::HashMap;

use serde::Serialize;

use crate::axis::AxisKind;
use crate::draw::Draw;
use crate::schema::{Key, RECIPE};
use crate::value_names::ValueNames;
use crate::{Layer, Place, Value, Variant, label};

/// The axes, seeds and exclusions of an experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sweep {
    /// The seeds that every config is trained with.
    pub seeds: Vec<u64>,
    /// The values of the axis `variant`, in order. What an axis or a later layer decides is not among what they set.
    pub variants: Vec<Variant>,
    /// Their places by their names. The variant of every run is looked up several times.
    #[serde(skip)]
    pub(crate) variant_places: HashMap<String, usize>,
    /// Factors are combined freely; the first changes slowest.
    pub factors: Vec<Factor>,
    /// Rules for runs to leave out.
    pub exclude: Vec<Exclusion>,
    /// Axes and keys of variants without effect, because a later layer gives the key a single value.
    pub pinned: Vec<Pinned>,
}

/// Axes that change together: one axis of the grid, all zipped axes, or all drawn axes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factor {
    /// The kind of its axes.
    pub kind: AxisKind,
    /// At least one; all of equal length.
    pub axes: Vec<Axis>,
}

/// A swept key and its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// The swept key.
    pub key: &'static Key,
    /// The values, in the order in which runs are planned.
    pub values: Vec<Value>,
    /// Where the axis is written.
    pub place: Place,
    /// The layer that it comes from.
    pub layer: Layer,
    /// The distribution that the values are drawn from.
    #[serde(skip)]
    pub(crate) draw: Option<Draw>,
    /// The names that labels and records have in place of values.
    #[serde(skip)]
    pub(crate) names: ValueNames,
}

/// An exclusion rule: a run that has all of its values is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exclusion {
    /// The keys and the values that a run must have. Those of lists are texts until the names of the axes are known.
    pub values: Vec<(&'static Key, Value)>,
    /// The seed that a run must have; `None` for any seed.
    pub seed: Option<u64>,
    /// Where the rule is written.
    pub place: Place,
}

/// An axis, or a key of variants, without effect, because a later layer gives the key a single value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pinned {
    /// The key.
    pub key: &'static str,
    /// Its single value.
    pub value: Value,
    /// The layer that gives the key that value.
    pub layer: Layer,
    /// Whether it is a key of variants and not that of an axis.
    pub is_of_variants: bool,
}

impl Exclusion {
    /// The name of the seed in a rule.
    pub(crate) const SEED: &'static str = "seed";

    pub(crate) fn new(place: Place) -> Self {
        Self { values: Vec::new(), seed: None, place }
    }
}

impl Axis {
    /// The distribution that the values are drawn from, as experiment files write it; `None` for an axis of listed values.
    pub fn distribution(&self) -> Option<String> {
        let choice =
            |value: &Value| self.names.of(value).map_or_else(|| value.to_json().to_string(), str::to_owned);
        self.draw.as_ref().map(|draw| draw.text(&choice))
    }

    /// The value as a run records it: its name, if it has one.
    pub(crate) fn recorded(&self, value: &Value) -> serde_json::Value {
        self.names.recorded(value)
    }

    /// The value as labels write it.
    pub(crate) fn text(&self, value: &Value) -> String {
        self.names.of(value).map_or_else(|| label::value(value), str::to_owned)
    }

    /// The values, and for a choice those that were not drawn too: a search may propose them later.
    pub(crate) fn choices(&self) -> impl Iterator<Item = &Value> {
        let more = match &self.draw {
            Some(Draw::Choice(values)) => values.as_slice(),
            _ => &[],
        };
        self.values.iter().chain(more)
    }
}

impl Factor {
    /// The number of values of each axis.
    pub fn len(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).min().unwrap_or(0)
    }

    /// Whether there are no values. No factor of a loaded experiment is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Sweep {
    /// Every axis, in the order of [`PlannedRun::assignments`](crate::PlannedRun::assignments).
    pub fn axes(&self) -> impl Iterator<Item = &Axis> {
        self.factors.iter().flat_map(|factor| &factor.axes)
    }

    /// The number of combinations, before exclusions and before equal configs are merged.
    pub fn configs(&self) -> u128 {
        self.factors.iter().map(|factor| factor.len() as u128).fold(1, u128::saturating_mul)
    }

    /// The variant of that name.
    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.get(*self.variant_places.get(name)?)
    }

    /// Whether an axis or a variant gives the key a value, or a part of it.
    pub(crate) fn decides(&self, key: &Key) -> bool {
        self.is_swept(key) || self.is_of_variants(key)
    }

    /// Whether an axis gives the key a value, or a part of it.
    pub fn is_swept(&self, key: &Key) -> bool {
        self.axes().any(|axis| axis.key.overlaps(key))
    }

    /// Whether some variants give the key a value, or a part of it.
    pub fn is_of_variants(&self, key: &Key) -> bool {
        self.variants.iter().any(|variant| variant.value_of(key).is_some())
    }

    /// The swept recipes, each once; none if all runs start from the file's, which is `own`.
    pub(crate) fn recipes<'s>(&'s self, own: &'s str) -> Vec<&'s str> {
        let axes = self.axes().filter(|axis| axis.key.path == RECIPE);
        let swept = axes.flat_map(Axis::choices).filter_map(Value::as_text);
        let are_of_variants = self.variants.iter().any(|variant| variant.recipe().is_some());
        let variants = self.variants.iter().filter(|_| are_of_variants);
        let mut recipes: Vec<&str> = Vec::new();
        for recipe in swept.chain(variants.map(|variant| variant.recipe().unwrap_or(own))) {
            if !recipes.contains(&recipe) {
                recipes.push(recipe);
            }
        }
        recipes
    }
}
