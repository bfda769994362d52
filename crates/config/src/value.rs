//! Values of keys, as experiment files give them.

use serde::{Serialize, Serializer};

/// A checked value of a key.
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
    /// The width of every hidden layer; how many there are is decided elsewhere.
    Width(u32),
    /// The width of each hidden layer.
    Widths(Vec<u32>),
    /// Several texts.
    Texts(Vec<String>),
    /// Several integers.
    Integers(Vec<u64>),
}

impl Value {
    /// An integer or a number as a number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(integer) => Some(*integer as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(truth) => (*truth).into(),
            Self::Integer(integer) => (*integer).into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Width(width) => (*width).into(),
            Self::Widths(widths) => widths.as_slice().into(),
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
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Integers(integers) => integers.serialize(serializer),
        }
    }
}
