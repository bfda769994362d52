//! The table of keys, one file per table of the experiment file.

mod data;
mod execution;
mod identity;
mod loss;
mod model;
mod optimizer;
mod record;
mod sweep;
mod train;

use super::{Effect, Field, Interval, Key, Kind};

static TABLES: [&[Key]; 9] = [
    identity::KEYS,
    data::KEYS,
    model::KEYS,
    loss::KEYS,
    optimizer::KEYS,
    train::KEYS,
    record::KEYS,
    execution::KEYS,
    sweep::KEYS,
];

/// Every key, in the order of the documentation.
pub fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    TABLES.into_iter().flatten()
}

/// At least zero and less than one.
const FRACTION: Kind = Kind::Number(Interval::below(0.0, 1.0));

const fn identity(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Identity, default, doc, parts: &[], field: None }
}

const fn math(path: &'static str, kind: Kind, default: &'static str, field: Field, doc: &'static str) -> Key {
    Key {
        path,
        kind,
        effect: Effect::Mathematics,
        default: Some(default),
        doc,
        parts: &[],
        field: Some(field),
    }
}

const fn shorthand(path: &'static str, kind: Kind, parts: &'static [&'static str], doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Mathematics, default: None, doc, parts, field: None }
}

const fn record(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Recording, default: Some(default), doc, parts: &[], field: None }
}

const fn execution(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Execution, default: Some(default), doc, parts: &[], field: None }
}

const fn sweep(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Sweep, default, doc, parts: &[], field: None }
}

#[cfg(test)]
mod tests {
    use toml::de::DeValue;

    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_key() {
        for key in keys() {
            let Some(default) = key.default else { continue };
            let toml = DeValue::parse(default).unwrap();
            assert!(key.kind.read(toml.get_ref()).is_ok(), "{}", key.path);
        }
    }
}
