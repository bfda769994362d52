//! Fields: where in a [`Config`] the value of a key goes.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use crate::{
    Activation, Combine, Config, Dataset, Latent, LossKind, Noise, OptimizerKind, Output, Pixels, Value,
};

/// A place in a config.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Bool(fn(&mut Config) -> &mut bool),
    Integer(fn(&mut Config) -> &mut u32),
    Number(fn(&mut Config) -> &mut f64),
    Hidden(fn(&mut Config) -> &mut Vec<u32>),
    Activation(fn(&mut Config) -> &mut Activation),
    Combine(fn(&mut Config) -> &mut Combine),
    Dataset(fn(&mut Config) -> &mut Dataset),
    Latent(fn(&mut Config) -> &mut Latent),
    Loss(fn(&mut Config) -> &mut LossKind),
    Noise(fn(&mut Config) -> &mut Noise),
    Optimizer(fn(&mut Config) -> &mut OptimizerKind),
    Output(fn(&mut Config) -> &mut Output),
    Pixels(fn(&mut Config) -> &mut Pixels),
}

impl Field {
    /// Puts a value there. The value was read by the kind of the field's key, so it fits; one that
    /// does not would change nothing (a test goes through all keys).
    pub(crate) fn set(&self, config: &mut Config, value: &Value) {
        match (self, value) {
            (Self::Bool(field), Value::Bool(truth)) => *field(config) = *truth,
            (Self::Integer(field), Value::Integer(integer)) => *field(config) = *integer as u32,
            (Self::Number(field), Value::Number(number)) => *field(config) = *number,
            (Self::Hidden(field), Value::Width(width)) => field(config).fill(*width),
            (Self::Hidden(field), Value::Widths(widths)) => field(config).clone_from(widths),
            (Self::Activation(field), Value::Text(word)) => choose(field(config), word),
            (Self::Combine(field), Value::Text(word)) => choose(field(config), word),
            (Self::Dataset(field), Value::Text(word)) => choose(field(config), word),
            (Self::Latent(field), Value::Text(word)) => choose(field(config), word),
            (Self::Loss(field), Value::Text(word)) => choose(field(config), word),
            (Self::Noise(field), Value::Text(word)) => choose(field(config), word),
            (Self::Optimizer(field), Value::Text(word)) => choose(field(config), word),
            (Self::Output(field), Value::Text(word)) => choose(field(config), word),
            (Self::Pixels(field), Value::Text(word)) => choose(field(config), word),
            _ => debug_assert!(false, "{value:?} does not fit {self:?}"),
        }
    }
}

/// Sets an enum by the word that stands for a variant in experiment files.
fn choose<'w, T: Deserialize<'w>>(field: &mut T, word: &'w str) {
    let deserializer: StrDeserializer<'w, Error> = word.into_deserializer();
    match T::deserialize(deserializer) {
        Ok(variant) => *field = variant,
        Err(error) => debug_assert!(false, "{error}"),
    }
}
