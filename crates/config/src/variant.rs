//! Variants: several values under one name.

use serde::Serialize;

use crate::schema::{Key, RECIPE};
use crate::{Place, Value};

/// Several values under one name, which stand in a run together: one value of the axis `variant`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variant {
    /// The name.
    pub name: String,
    /// The values, in the order of the file. What a variant doesn't set is as in the rest of the file.
    pub values: Vec<VariantValue>,
    /// Where the variant is written.
    pub place: Place,
}

/// A value of a variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantValue {
    /// The key.
    pub key: &'static Key,
    /// Its value.
    pub value: Value,
    /// Where it is written.
    pub place: Place,
}

impl Variant {
    /// The recipe that its runs start from, if it names one.
    pub(crate) fn recipe(&self) -> Option<&str> {
        self.values.iter().find(|it| it.key.path == RECIPE)?.value.as_text()
    }

    /// A value for the key, or for a part of it.
    pub(crate) fn value_of(&self, key: &Key) -> Option<&VariantValue> {
        self.values.iter().find(|it| it.key.overlaps(key))
    }

    /// The values in the order in which they are assigned: longer keys override the shorthands that cover them.
    pub(crate) fn assigned(&self) -> impl Iterator<Item = (&Key, &Value)> {
        let (own, shorthands): (Vec<_>, Vec<_>) = self.values.iter().partition(|it| it.key.parts.is_empty());
        shorthands.into_iter().chain(own).map(|it| (it.key, &it.value))
    }

    /// Removes the values for this key, which something else decides. A shorthand keeps its other parts.
    ///
    /// `width` is the decided value where it is one width for every layer. It says nothing of the number of layers, so a list of
    /// widths keeps its length. Returns whether a value was removed.
    pub(crate) fn give_up(&mut self, key: &Key, width: Option<u32>) -> bool {
        let mut values = Vec::with_capacity(self.values.len());
        let mut has_removed = false;
        for given in &self.values {
            if !given.key.overlaps(key) {
                values.push(given.clone());
                continue;
            }
            // A part that the variant also gives by itself has that value.
            let is_given = |part: &Key| given.key != part && self.values.iter().any(|it| it.key == part);
            let rest = given.key.targets().filter(|part| !key.covers(part) && !is_given(part));
            values.extend(rest.map(|key| VariantValue { key, ..given.clone() }));
            let Some((width, widths)) = width.zip(given.value.as_widths()) else {
                has_removed = true;
                continue;
            };
            let value = Value::Widths(vec![width; widths.len()]);
            let decided: Vec<&'static Key> = match key.covers(given.key) {
                true => vec![given.key],
                false => given.key.targets().filter(|part| key.covers(part) && !is_given(part)).collect(),
            };
            let filled = |key| VariantValue { key, value: value.clone(), ..given.clone() };
            values.extend(decided.into_iter().map(filled));
        }
        self.values = values;
        has_removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::find;

    fn variant(values: &[(&str, f64)]) -> Variant {
        let value = |&(path, number): &(&str, f64)| VariantValue {
            key: find(path).unwrap(),
            value: Value::Number(number),
            place: Place::Builtin,
        };
        Variant { name: "a".to_owned(), values: values.iter().map(value).collect(), place: Place::Builtin }
    }

    fn paths(variant: &Variant) -> Vec<&str> {
        variant.values.iter().map(|it| it.key.path).collect()
    }

    #[test]
    fn a_longer_key_overrides_a_shorthand_wherever_it_stands() {
        let variant = variant(&[("optimizer.generator.lr", 1.0), ("optimizer.lr", 2.0)]);
        let order: Vec<_> = variant.assigned().map(|(key, _)| key.path).collect();
        assert_eq!(order, ["optimizer.lr", "optimizer.generator.lr"]);
    }

    #[test]
    fn of_a_shorthand_the_parts_that_nothing_else_decides_stay() {
        let mut variant = variant(&[("optimizer.lr", 2.0), ("train.ema", 0.5)]);
        assert!(variant.give_up(find("optimizer.generator.lr").unwrap(), None));
        assert_eq!(paths(&variant), ["optimizer.discriminator.lr", "train.ema"]);
        assert!(variant.give_up(find("optimizer.lr").unwrap(), None));
        assert_eq!(paths(&variant), ["train.ema"]);
    }

    #[test]
    fn a_list_that_is_given_one_width_keeps_its_length() {
        let value = |path: &str, widths: &[u32]| VariantValue {
            key: find(path).unwrap(),
            value: Value::Widths(widths.to_vec()),
            place: Place::Builtin,
        };
        let values = vec![value("model.hidden", &[64; 3]), value("model.discriminator.hidden", &[32; 4])];
        let mut variant = Variant { name: "a".to_owned(), values, place: Place::Builtin };
        assert!(!variant.give_up(find("model.hidden").unwrap(), Some(8)));
        assert!(!variant.give_up(find("model.generator.hidden").unwrap(), Some(9)));
        let left: Vec<_> = variant.assigned().map(|(key, value)| (key.path, value.to_json())).collect();
        assert_eq!(
            left,
            [
                ("model.generator.hidden", serde_json::json!([9, 9, 9])),
                ("model.discriminator.hidden", serde_json::json!([8, 8, 8, 8]))
            ]
        );
        assert!(variant.give_up(find("model.hidden").unwrap(), None));
        assert_eq!(paths(&variant), [""; 0]);
    }

    #[test]
    fn a_part_that_a_variant_gives_by_itself_keeps_its_value() {
        for values in [
            [("optimizer.generator.lr", 1.0), ("optimizer.lr", 2.0)],
            [("optimizer.lr", 2.0), ("optimizer.generator.lr", 1.0)],
        ] {
            let mut variant = variant(&values);
            assert!(variant.give_up(find("optimizer.discriminator.lr").unwrap(), None));
            let left: Vec<_> = variant.assigned().map(|(key, value)| (key.path, value.clone())).collect();
            assert_eq!(left, [("optimizer.generator.lr", Value::Number(1.0))]);
        }
    }
}
