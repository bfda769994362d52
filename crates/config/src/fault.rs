//! Faults of an experiment. All of them are reported at once.

use std::fmt;

use crate::schema::{self, Key, VARIANT, VARIANTS};
use crate::{Layer, Place};

/// One mistake, with its place and how to correct it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Where the mistake is.
    pub place: Place,
    /// The layer that it comes from; `None` where it does not come from one layer.
    pub layer: Option<Layer>,
    /// The key; empty for a fault of the file as a whole.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
    /// What is accepted instead; empty where the problem says so already.
    pub expected: String,
    /// The valid name that is spelt most alike.
    pub nearest: Option<String>,
}

/// What is wrong. The message follows "PLACE: KEY: ".
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read; why.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file is not TOML; the parser's words.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// No key has this name.
    #[error("unknown key")]
    UnknownKey,
    /// No table has this name.
    #[error("unknown table")]
    UnknownTable,
    /// The file has no profile of that name.
    #[error("unknown profile")]
    UnknownProfile,
    /// A profile was asked for, and the file has none.
    #[error("the file has no profiles")]
    NoProfiles,
    /// A value of the wrong type; the type and the value.
    #[error("found {0}")]
    WrongType(String),
    /// A value that is out of range or no choice, as it was written.
    #[error("found `{0}`")]
    Unacceptable(String),
    /// A key that a layer has twice; the place of the first.
    #[error("given a second time, first at {0}")]
    Repeated(Place),
    /// A seed that is listed twice.
    #[error("seed {0} is listed twice")]
    RepeatedSeed(u64),
    /// An item of a list of layers that is no layer: its index, and why.
    #[error("{0}")]
    Layer(String),
    /// A key that all runs of a sweep have in common.
    #[error("cannot be swept, all runs of a sweep have it in common")]
    NotSweepable,
    /// An axis without values.
    #[error("an axis without values")]
    EmptyAxis,
    /// A key swept twice, perhaps once through a shorthand: the other axis and its place.
    #[error("two axes on one key, also swept as `{0}` at {1}")]
    TwoAxes(String, Place),
    /// Zipped axes of different lengths: this axis', another's name, its length, its place.
    #[error("an axis of {0} values zipped with `{1}` of {2} at {3}")]
    ZipLengths(usize, String, usize, Place),
    /// A value in a later layer for a part of what an axis sweeps: the axis, its place.
    #[error("a part of `{0}`, which is swept at {1}")]
    PartOfAxis(String, Place),
    /// An axis that the search does not take.
    #[error("cannot be searched: {0}")]
    NotSearchable(&'static str),
    /// Two names of an axis' values for one value.
    #[error("`{0}` is the same as `{1}`")]
    TwoNames(String, String),
    /// A required key is missing.
    #[error("missing")]
    Missing,
    /// The file's name cannot be the name of the sweep.
    #[error("the file's name {0:?} cannot be the sweep's name")]
    FileName(String),
    /// A key that does nothing without another key.
    #[error("has no effect here")]
    Useless,
    /// Values that conflict with each other in some configs.
    #[error("{reason}{}", in_some_configs(.configs))]
    Conflict {
        /// The values, and why they conflict.
        reason: String,
        /// In how many configs, of how many.
        configs: (usize, usize),
    },
    /// More runs than a sweep may have.
    #[error("{0} runs")]
    TooManyRuns(u128),
    /// `[[sweep.exclude]]` leaves nothing.
    #[error("leaves out every run")]
    NoRuns,
    /// An argument that is not of the form `KEY=VALUE`.
    #[error("no assignment")]
    NotAnAssignment,
    /// The layers cannot be merged; the reason in the merging library's words.
    #[error("the layers cannot be merged: {0}")]
    Unmergeable(String),
}

fn in_some_configs((some, all): &(usize, usize)) -> String {
    if some == all { String::new() } else { format!(" (in {some} of {all} configs)") }
}

impl Fault {
    pub(crate) fn new(place: Place, layer: Option<Layer>, key: impl Into<String>, problem: Problem) -> Self {
        Self { place, layer, key: key.into(), problem, expected: String::new(), nearest: None }
    }

    pub(crate) fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.expected = expected.to_string();
        self
    }

    pub(crate) fn nearest(mut self, nearest: Option<String>) -> Self {
        self.nearest = nearest;
        self
    }

    /// Whether this fault makes the value of a key uncertain, so that further faults of that key would be
    /// consequences of this one.
    pub(crate) fn casts_doubt_on(&self, key: &Key) -> bool {
        let mentions = |text: &str| {
            let path = text.replace('"', "");
            if *key == VARIANT && path.starts_with(VARIANTS) {
                return true;
            }
            // The path of a fault within an axis ends with words that are no key.
            let named = match schema::split_axis(&path) {
                Some((_, rest)) => ancestors(rest).find_map(schema::find),
                None => schema::find(schema::within_variant(&path).unwrap_or(&path)),
            };
            path == schema::RECIPE || named.is_some_and(|named| named.overlaps(key))
        };
        mentions(&self.key) || self.nearest.as_deref().is_some_and(mentions)
    }
}

/// `a.b.c`, `a.b`, `a`.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(parent, _)| parent))
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

/// All faults of an experiment, at least one; displayed one per line.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// `Ok(value)` if there are no faults.
    pub(crate) fn unless<T>(faults: Vec<Fault>, value: T) -> Result<T, Self> {
        if faults.is_empty() { Ok(value) } else { Err(Self::of(faults)) }
    }

    /// From a list with at least one fault.
    pub(crate) fn of(mut faults: Vec<Fault>) -> Self {
        debug_assert!(!faults.is_empty(), "faults without a fault");
        faults.sort_by_key(|fault| fault.place.position());
        Self(faults)
    }

    /// The faults of the file by line, then those of variables, then those of arguments.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
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
