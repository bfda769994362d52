//! Where a value comes from: layers, and places within them.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// A source of values; each layer overrides those before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// The built-in defaults of the keys.
    Default,
    /// A recipe, by name.
    Recipe(String),
    /// The experiment file without its profiles.
    File,
    /// A profile of the experiment file, by name.
    Profile(String),
    /// Environment variables that name keys.
    Environment,
    /// `--set KEY=VALUE` on the command line.
    Set,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Recipe(name) => write!(f, "recipe {name}"),
            Self::File => f.write_str("file"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Environment => f.write_str("environment"),
            Self::Set => f.write_str("--set"),
        }
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A place within a layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A line (from 1) of a file.
    Line(PathBuf, usize),
    /// A line and a column (both from 1) of a file.
    Column(PathBuf, usize, usize),
    /// A file as a whole.
    File(PathBuf),
    /// An environment variable, by name.
    Variable(String),
    /// An option on the command line, as it was typed.
    Option(String),
    /// The program itself.
    Builtin,
}

impl Place {
    /// The sort key of a place: first the file by line and column, then variables, then options.
    pub(crate) fn position(&self) -> (u8, usize, usize) {
        match self {
            Self::Builtin => (0, 0, 0),
            Self::File(_) => (1, 0, 0),
            Self::Line(_, line) => (1, *line, 0),
            Self::Column(_, line, column) => (1, *line, *column),
            Self::Variable(_) => (2, 0, 0),
            Self::Option(_) => (3, 0, 0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Column(path, line, column) => write!(f, "{}:{line}:{column}", path.display()),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Option(text) => f.write_str(text),
            Self::Builtin => f.write_str("gansweep"),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
