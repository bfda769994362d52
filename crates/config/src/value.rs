//! Values of keys.

use serde::{Serialize, Serializer};

use crate::NetworkLayer;

/// A value that its key accepts.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Integer(u64),
    /// A finite number.
    Number(f64),
    /// A text or one of several words.
    Text(String),
    /// One width for every hidden layer of a network.
    Width(u32),
    /// The width of each hidden layer.
    Widths(Vec<u32>),
    /// The layers of a network.
    Layers(Vec<NetworkLayer>),
    /// Several texts.
    Texts(Vec<String>),
    /// Several integers.
    Integers(Vec<u64>),
}

impl Value {
    /// The value of an integer or a number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(integer) => Some(*integer as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of a text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value where it is one width for every layer.
    pub(crate) fn as_width(&self) -> Option<u32> {
        match self {
            Self::Width(width) => Some(*width),
            _ => None,
        }
    }

    /// The value of a list of widths.
    pub(crate) fn as_widths(&self) -> Option<&[u32]> {
        match self {
            Self::Widths(widths) => Some(widths),
            _ => None,
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(truth) => (*truth).into(),
            Self::Integer(integer) => (*integer).into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Width(width) => (*width).into(),
            Self::Widths(widths) => widths.as_slice().into(),
            Self::Layers(layers) => layers.iter().map(ToString::to_string).collect(),
            Self::Texts(texts) => texts.as_slice().into(),
            Self::Integers(integers) => integers.as_slice().into(),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(truth) => truth.serialize(serializer),
            Self::Integer(integer) => integer.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Width(width) => width.serialize(serializer),
            Self::Widths(widths) => widths.serialize(serializer),
            Self::Layers(layers) => layers.serialize(serializer),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Integers(integers) => integers.serialize(serializer),
        }
    }
}
