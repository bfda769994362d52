//! The forms of an axis in an experiment file.

use serde::Serialize;

use crate::Value;
use crate::draw::Draw;
use crate::schema::{AXIS_TABLES, Kind};
use crate::value_names::ValueNames;

/// How an axis combines with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AxisKind {
    /// Every value is combined with every value of the other axes.
    Grid,
    /// The first value goes with the first of the other zipped axes, the second with the second, ...
    Zip,
    /// Values are drawn, and combined as those of zipped axes are.
    Random,
}

impl AxisKind {
    /// Every kind, in the order in which they nest: axes of the first change slowest.
    pub const ALL: [Self; 3] = [Self::Grid, Self::Zip, Self::Random];

    /// The word in a sweep's record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Zip => "zip",
            Self::Random => "random",
        }
    }

    /// The table of the experiment file that holds axes of this kind.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Grid => AXIS_TABLES[0],
            Self::Zip => AXIS_TABLES[1],
            Self::Random => AXIS_TABLES[2],
        }
    }

    /// The accepted forms of an axis on a key of that kind, for messages.
    pub(crate) const fn expected(self, key: Kind) -> &'static str {
        match self {
            Self::Grid | Self::Zip if key.is_list() => {
                "a list of values, `{ values = [...] }`, or values with names, `{ values = { NAME = VALUE, ... } }`"
            }
            Self::Random if key.is_list() => {
                "`{ choice = [...] }` or, with names, `{ choice = { NAME = VALUE, ... } }`"
            }
            Self::Grid | Self::Zip => {
                "a list of values, `{ values = [...] }`, `{ linear = [a, b], n = N }` or `{ log = [a, b], n = N }`"
            }
            Self::Random => {
                "`{ uniform = [a, b] }`, `{ log_uniform = [a, b] }`, `{ integer = [a, b] }`, \
                 `{ log_integer = [a, b] }` or `{ choice = [...] }`"
            }
        }
    }

    /// The key of a table before which values are listed.
    pub(crate) const fn listing(self) -> &'static str {
        match self {
            Self::Grid | Self::Zip => "values",
            Self::Random => "choice",
        }
    }

    /// The keys that an axis written as a table may have.
    pub(crate) const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Grid | Self::Zip => &["values", "linear", "log", "n"],
            Self::Random => &["uniform", "log_uniform", "integer", "log_integer", "choice"],
        }
    }
}

/// An axis as a layer gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AxisSpec {
    pub(crate) values: AxisValues,
    pub(crate) names: ValueNames,
}

impl AxisSpec {
    pub(crate) fn without_names(values: AxisValues) -> Self {
        Self { values, names: ValueNames::default() }
    }
}

/// The values of an axis: given, or to be drawn once the number of draws is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AxisValues {
    Listed(Vec<Value>),
    Drawn(Draw),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_recorded_by_its_name() {
        for kind in AxisKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
