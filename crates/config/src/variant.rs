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
        let of = |shorthand: bool| self.values.iter().filter(move |it| it.key.parts.is_empty() != shorthand);
        of(true).chain(of(false)).map(|it| (it.key, &it.value))
    }

    /// Takes out what the key sets, since something else decides it. Of a shorthand, the other parts stay.
    pub(crate) fn give_up(&mut self, key: &Key) {
        let mut values = Vec::with_capacity(self.values.len());
        for given in self.values.drain(..) {
            if !given.key.overlaps(key) {
                values.push(given);
                continue;
            }
            let rest = given.key.targets().filter(|target| !key.covers(target));
            values.extend(rest.map(|key| VariantValue { key, ..given.clone() }));
        }
        self.values = values;
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
        variant.give_up(find("optimizer.generator.lr").unwrap());
        assert_eq!(paths(&variant), ["optimizer.discriminator.lr", "train.ema"]);
        variant.give_up(find("optimizer.lr").unwrap());
        assert_eq!(paths(&variant), ["train.ema"]);
    }
}
