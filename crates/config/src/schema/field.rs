//! Fields: where in a config or its budget the value of a key goes.

use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

use crate::{
    Activation, BudgetedConfig, Combine, ConditionKind, Config, Dataset, GeneratorCondition, InitKind,
    Latent, LossKind, NetworkKind, NetworkLayer, Noise, OptimizerKind, Output, PenaltyKind, Pixels,
    Relativistic, ScheduleKind, Value,
};

/// The budget, or a field of the config, by its type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Epochs,
    Bool(fn(&mut Config) -> &mut bool),
    Integer(fn(&mut Config) -> &mut u32),
    Number(fn(&mut Config) -> &mut f64),
    Hidden(fn(&mut Config) -> &mut Vec<u32>),
    Layers(fn(&mut Config) -> &mut Vec<NetworkLayer>),
    Activation(fn(&mut Config) -> &mut Activation),
    Combine(fn(&mut Config) -> &mut Combine),
    Condition(fn(&mut Config) -> &mut ConditionKind),
    GeneratorCondition(fn(&mut Config) -> &mut GeneratorCondition),
    Dataset(fn(&mut Config) -> &mut Dataset),
    Init(fn(&mut Config) -> &mut InitKind),
    Latent(fn(&mut Config) -> &mut Latent),
    Loss(fn(&mut Config) -> &mut LossKind),
    Network(fn(&mut Config) -> &mut NetworkKind),
    Noise(fn(&mut Config) -> &mut Noise),
    Optimizer(fn(&mut Config) -> &mut OptimizerKind),
    Schedule(fn(&mut Config) -> &mut ScheduleKind),
    Output(fn(&mut Config) -> &mut Output),
    Penalty(fn(&mut Config) -> &mut PenaltyKind),
    Pixels(fn(&mut Config) -> &mut Pixels),
    Relativistic(fn(&mut Config) -> &mut Relativistic),
}

impl Field {
    /// Assigns a value. It has the right type, because the field's key has accepted it; a value of another
    /// type would change nothing (a test goes through all keys).
    pub(crate) fn set(&self, run: &mut BudgetedConfig, value: &Value) {
        let BudgetedConfig { config, epochs } = run;
        match (self, value) {
            (Self::Epochs, Value::Integer(integer)) => *epochs = *integer as u32,
            (Self::Bool(field), Value::Bool(truth)) => *field(config) = *truth,
            (Self::Integer(field), Value::Integer(integer)) => *field(config) = *integer as u32,
            (Self::Number(field), Value::Number(number)) => *field(config) = *number,
            (Self::Hidden(field), Value::Width(width)) => field(config).fill(*width),
            (Self::Hidden(field), Value::Widths(widths)) => field(config).clone_from(widths),
            (Self::Layers(field), Value::Layers(layers)) => field(config).clone_from(layers),
            (Self::Activation(field), Value::Text(word)) => choose(field(config), word),
            (Self::Combine(field), Value::Text(word)) => choose(field(config), word),
            (Self::Condition(field), Value::Text(word)) => choose(field(config), word),
            (Self::GeneratorCondition(field), Value::Text(word)) => choose(field(config), word),
            (Self::Dataset(field), Value::Text(word)) => choose(field(config), word),
            (Self::Init(field), Value::Text(word)) => choose(field(config), word),
            (Self::Latent(field), Value::Text(word)) => choose(field(config), word),
            (Self::Loss(field), Value::Text(word)) => choose(field(config), word),
            (Self::Network(field), Value::Text(word)) => choose(field(config), word),
            (Self::Noise(field), Value::Text(word)) => choose(field(config), word),
            (Self::Optimizer(field), Value::Text(word)) => choose(field(config), word),
            (Self::Schedule(field), Value::Text(word)) => choose(field(config), word),
            (Self::Output(field), Value::Text(word)) => choose(field(config), word),
            (Self::Penalty(field), Value::Text(word)) => choose(field(config), word),
            (Self::Pixels(field), Value::Text(word)) => choose(field(config), word),
            (Self::Relativistic(field), Value::Text(word)) => choose(field(config), word),
            _ => debug_assert!(false, "{value:?} does not fit {self:?}"),
        }
    }

    /// The value of the field; `None` for the budget, which is not in the config. The config does not
    /// change: it is mutable only because getting and setting share one accessor.
    pub(crate) fn get(&self, config: &mut Config) -> Option<Value> {
        Some(match self {
            Self::Epochs => return None,
            Self::Bool(field) => Value::Bool(*field(config)),
            Self::Integer(field) => Value::Integer((*field(config)).into()),
            Self::Number(field) => Value::Number(*field(config)),
            Self::Hidden(field) => Value::Widths(field(config).clone()),
            Self::Layers(field) => Value::Layers(field(config).clone()),
            Self::Activation(field) => word(*field(config)),
            Self::Combine(field) => word(*field(config)),
            Self::Condition(field) => word(*field(config)),
            Self::GeneratorCondition(field) => word(*field(config)),
            Self::Dataset(field) => word(*field(config)),
            Self::Init(field) => word(*field(config)),
            Self::Latent(field) => word(*field(config)),
            Self::Loss(field) => word(*field(config)),
            Self::Network(field) => word(*field(config)),
            Self::Noise(field) => word(*field(config)),
            Self::Optimizer(field) => word(*field(config)),
            Self::Schedule(field) => word(*field(config)),
            Self::Output(field) => word(*field(config)),
            Self::Penalty(field) => word(*field(config)),
            Self::Pixels(field) => word(*field(config)),
            Self::Relativistic(field) => word(*field(config)),
        })
    }
}

/// The name of a variant in experiment files.
fn word(variant: impl Serialize) -> Value {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(word)) => Value::Text(word),
        other => {
            debug_assert!(false, "{other:?} is no word");
            Value::Text(String::new())
        }
    }
}

/// Sets an enum by the name of a variant in experiment files.
fn choose<'w, T: Deserialize<'w>>(field: &mut T, word: &'w str) {
    let deserializer: StrDeserializer<'w, Error> = word.into_deserializer();
    match T::deserialize(deserializer) {
        Ok(variant) => *field = variant,
        Err(error) => debug_assert!(false, "{error}"),
    }
}
