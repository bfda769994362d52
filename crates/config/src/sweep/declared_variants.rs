//! The variants of the merged layers.

use super::declared::{Declared, Drawn};
use super::{Axis, Pinned};
use crate::axis::AxisKind;
use crate::draw::Draw;
use crate::parsed_layer::ParsedLayer;
use crate::schema::{Effect, Key, VARIANT, VARIANTS};
use crate::value_names::ValueNames;
use crate::{Fault, Layer, Problem, Value, Variant};

/// Why a budget cannot be searched.
pub(super) const ONE_BUDGET: &str = "trials compare at one budget";

/// The variants in force, with the layer that they come from.
pub(super) struct DeclaredVariants<'g> {
    pub(super) variants: Vec<Variant>,
    layer: &'g Layer,
}

impl<'g> DeclaredVariants<'g> {
    /// Those of the last layer that has some. A later layer's value replaces theirs, and so does its axis.
    pub(super) fn new(
        layers: &'g [ParsedLayer],
        axes: &[Declared<'_>],
        replaced: &mut Vec<Pinned>,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let (place, parsed) = layers.iter().enumerate().rfind(|(_, parsed)| parsed.variants.is_some())?;
        let variants = parsed.variants.clone().filter(|variants| !variants.is_empty())?;
        let mut declared = Self { variants, layer: &parsed.layer };
        let later = &layers[place + 1..];
        for parsed in later {
            // A longer key overrides the shorthand of its layer, wherever it stands.
            let (own, shorthands): (Vec<_>, Vec<_>) =
                parsed.values.iter().partition(|value| value.key.parts.is_empty());
            for value in shorthands.into_iter().chain(own) {
                if declared.give_up(value.key, value.value.as_width()) {
                    let (layer, given) = (parsed.layer.clone(), value.value.clone());
                    let key = value.key.path;
                    replaced.push(Pinned { key, value: given, layer, is_of_variants: true });
                }
            }
        }
        for axis in axes {
            if !later.iter().any(|parsed| parsed.layer == *axis.layer) {
                declared.report_axis(axis, faults);
            } else if !axis.has_widths() {
                declared.give_up(axis.axis.key, None);
            }
        }
        Some(declared)
    }

    /// Removes the values for a key from all variants, or gives their layers that width; returns whether one was removed.
    fn give_up(&mut self, key: &Key, width: Option<u32>) -> bool {
        let mut has_removed = false;
        for variant in &mut self.variants {
            has_removed |= variant.give_up(key, width);
        }
        has_removed
    }

    /// Whether some variants give the key a value, or a part of it.
    pub(super) fn decide(&self, key: &Key) -> bool {
        self.variants.iter().any(|variant| variant.value_of(key).is_some())
    }

    /// Reports an axis on a key that a variant sets.
    fn report_axis(&self, axis: &Declared<'_>, faults: &mut Vec<Fault>) {
        let mut variants = self.variants.iter();
        let first = variants.find_map(|variant| Some((variant, variant.value_of(axis.axis.key)?)));
        if let Some((variant, value)) = first {
            let given = format!("{VARIANTS}.{}.{}", variant.name, value.key.path);
            let fault = axis.fault(Problem::TwoAxes(given, value.place.clone()));
            faults.push(fault.expected("the axis, or the key in variants"));
        }
    }

    /// Reports budgets, which a search cannot take.
    pub(super) fn report_budgets(&self, faults: &mut Vec<Fault>) {
        for variant in &self.variants {
            for value in variant.values.iter().filter(|value| value.key.effect == Effect::Budget) {
                let path = format!("{VARIANTS}.{}.{}", variant.name, value.key.path);
                let problem = Problem::NotSearchable(ONE_BUDGET);
                let fault = Fault::new(value.place.clone(), Some(self.layer.clone()), path, problem);
                faults.push(fault.expected(format_args!("one value for `{}`", value.key.path)));
            }
        }
    }

    /// The axis of their names: one of the grid, or a choice of a search.
    pub(super) fn resolve(&self, kind: AxisKind, Drawn { seed, n }: Drawn) -> Axis {
        let names: Vec<String> = self.variants.iter().map(|variant| variant.name.clone()).collect();
        let all: Vec<Value> = names.iter().cloned().map(Value::Text).collect();
        let draw = (kind == AxisKind::Random).then(|| Draw::Choice(all.clone()));
        let values = draw.as_ref().map_or(all, |draw| draw.values(seed, VARIANT.path, n));
        let place = self.variants[0].place.clone();
        Axis {
            key: &VARIANT,
            values,
            place,
            layer: self.layer.clone(),
            draw,
            names: ValueNames::Themselves(names),
        }
    }
}
