//! The table of keys, one file per table of the experiment file.

mod data;
mod execution;
mod loss;
mod model;
mod optimizer;
mod origin;
mod record;
mod sweep;
mod train;

use super::{Effect, Field, Interval, Key, Kind, Lanes};

static TABLES: [&[Key]; 9] = [
    origin::KEYS,
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

/// A key of the mathematics, as its table declares it.
#[derive(Clone, Copy)]
struct Math {
    path: &'static str,
    kind: Kind,
    /// The built-in default.
    default: &'static str,
    /// What stood for it before the key existed. Chosen once, when the key is added.
    identity: &'static str,
    lanes: Lanes,
    field: Field,
    doc: &'static str,
}

const fn math(declared: Math) -> Key {
    let Math { path, kind, default, identity, lanes, field, doc } = declared;
    Key {
        default: Some(default),
        identity: Some(identity),
        lanes,
        field: Some(field),
        ..key(path, kind, Effect::Mathematics, doc)
    }
}

const fn shorthand(path: &'static str, kind: Kind, parts: &'static [&'static str], doc: &'static str) -> Key {
    Key { parts, ..key(path, kind, Effect::Mathematics, doc) }
}

const fn budget(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { default: Some(default), field: Some(Field::Epochs), ..key(path, kind, Effect::Budget, doc) }
}

/// A sweep that was recorded before the key existed is read as if it had said the default.
const fn record(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { default: Some(default), identity: Some(default), ..key(path, kind, Effect::Recording, doc) }
}

const fn execution(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { default: Some(default), ..key(path, kind, Effect::Execution, doc) }
}

const fn sweep(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { default, ..key(path, kind, Effect::Sweep, doc) }
}

const fn origin(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { default, ..key(path, kind, Effect::Origin, doc) }
}

/// A key with nothing but what every key has.
const fn key(path: &'static str, kind: Kind, effect: Effect, doc: &'static str) -> Key {
    Key {
        path,
        kind,
        effect,
        default: None,
        identity: None,
        lanes: Lanes::Varies,
        doc,
        parts: &[],
        field: None,
    }
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
