//! Faults: what is wrong with an experiment, all of it at once.

use std::fmt;

use crate::{Layer, Place};

/// One thing that is wrong, with its place and the way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// The layer it came from; `None` where no layer is to blame.
    pub layer: Option<Layer>,
    /// The key it concerns; empty for a fault of the file as a whole.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
    /// What would be right; empty where the problem says it.
    pub expected: String,
    /// The nearest right name.
    pub nearest: Option<String>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.problem)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        match &self.layer {
            Some(layer) => write!(f, " (from {layer})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with an experiment, in the order of its layers and lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, at least one.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
