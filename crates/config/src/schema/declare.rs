//! Constructors for the declarations of keys, one for each part of an experiment.

use super::field::Field;
use super::key::{Effect, Key, Lanes};
use super::kind::{Interval, Kind};

/// Numbers from 0 to below 1.
pub(super) const FRACTION: Kind = Kind::Number(Interval::below(0.0, 1.0));

/// The declaration of a key of the config.
#[derive(Clone, Copy)]
pub(super) struct ConfigKey {
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    /// The built-in default.
    pub(super) default: &'static str,
    /// The value that was in force before the key existed. Chosen once, when the key is added.
    pub(super) identity: &'static str,
    pub(super) lanes: Lanes,
    pub(super) field: Field,
    pub(super) doc: &'static str,
}

pub(super) const fn config(declared: ConfigKey) -> Key {
    let ConfigKey { path, kind, default, identity, lanes, field, doc } = declared;
    Key {
        default: Some(default),
        identity: Some(identity),
        lanes,
        field: Some(field),
        ..key(path, kind, Effect::Config, doc)
    }
}

pub(super) const fn shorthand(
    path: &'static str,
    kind: Kind,
    parts: &'static [&'static str],
    doc: &'static str,
) -> Key {
    Key { parts, ..key(path, kind, Effect::Config, doc) }
}

pub(super) const fn budget(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { default: Some(default), field: Some(Field::Epochs), ..key(path, kind, Effect::Budget, doc) }
}

/// The identity default is the default: a sweep that was recorded before the key existed is read as if it
/// had the default.
pub(super) const fn record(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { default: Some(default), identity: Some(default), ..key(path, kind, Effect::Recording, doc) }
}

pub(super) const fn execution(
    path: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { default: Some(default), ..key(path, kind, Effect::Execution, doc) }
}

pub(super) const fn sweep(
    path: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    doc: &'static str,
) -> Key {
    Key { default, ..key(path, kind, Effect::Sweep, doc) }
}

pub(super) const fn prune(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { default: Some(default), ..key(path, kind, Effect::Pruning, doc) }
}

pub(super) const fn origin(
    path: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    doc: &'static str,
) -> Key {
    Key { default, ..key(path, kind, Effect::Origin, doc) }
}

/// A key without default, identity default and field.
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
