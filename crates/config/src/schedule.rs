//! Learning rate schedules.

use serde::{Deserialize, Serialize};

/// How a learning rate changes from step to step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Not at all.
    #[default]
    Constant,
    /// In a straight line to a share of it at the horizon, where it stays.
    Linear,
    /// Along half a cosine to a share of it at the horizon, where it stays (Loshchilov and Hutter 2017, without
    /// restarts).
    Cosine,
    /// By a factor after each horizon.
    Step,
}

impl ScheduleKind {
    /// Every schedule, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Constant, Self::Linear, Self::Cosine, Self::Step];

    /// The names of [`Self::ALL`], in the same order.
    pub(crate) const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::ALL[index].name();
            index += 1;
        }
        names
    };

    /// The name in experiment files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::Step => "step",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_schedules_are_those_of_their_serialised_form() {
        for kind in ScheduleKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
