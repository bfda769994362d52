//! Search spaces, and the unit interval that each numeric dimension is mapped to.

/// A dimension of a search space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dimension {
    /// A number from `low` to `high`.
    Real {
        /// The lower bound.
        low: f64,
        /// The upper bound, above the lower one.
        high: f64,
        /// Whether equal ratios count as equal distances; both bounds are then above 0.
        log: bool,
    },
    /// An integer from `low` to `high`.
    Integer {
        /// The smallest.
        low: u64,
        /// The largest, above the smallest.
        high: u64,
        /// Whether equal ratios count as equal distances; the smallest is then above 0.
        log: bool,
    },
    /// One of a number of choices without an order, as an index.
    Choice(usize),
}

/// A search space. A point has a coordinate for each dimension: the number itself, or the index of a choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    pub(crate) dimensions: Vec<Dimension>,
}

/// A part of the unit interval that stands for one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// A real number: a point.
    At(f64),
    /// An integer: all numbers that are rounded to it.
    Cell(f64, f64),
}

impl Space {
    /// A space of these dimensions.
    pub const fn new(dimensions: Vec<Dimension>) -> Self {
        Self { dimensions }
    }
}

impl Dimension {
    /// The place of a number in the unit interval.
    pub(crate) fn place(self, number: f64) -> Place {
        match self {
            Self::Real { .. } => Place::At(self.unit(number)),
            Self::Integer { .. } => Place::Cell(self.unit(number - 0.5), self.unit(number + 0.5)),
            Self::Choice(_) => Place::At(0.0),
        }
    }

    /// The middle of a number's place: where its kernel is centred.
    pub(crate) fn centre(self, number: f64) -> f64 {
        self.unit(number)
    }

    /// The number at a place in the unit interval.
    pub(crate) fn number(self, unit: f64) -> f64 {
        let (low, high, log) = self.scale();
        let number = match log {
            true => libm::exp(libm::log(low) + (libm::log(high) - libm::log(low)) * unit),
            false => low + (high - low) * unit,
        };
        match self {
            Self::Real { low, high, .. } => number.clamp(low, high),
            Self::Integer { low, high, .. } => number.round().clamp(low as f64, high as f64),
            Self::Choice(choices) => number.floor().clamp(0.0, choices.saturating_sub(1) as f64),
        }
    }

    fn unit(self, number: f64) -> f64 {
        let (low, high, log) = self.scale();
        let unit = match log {
            true => (libm::log(number) - libm::log(low)) / (libm::log(high) - libm::log(low)),
            false => (number - low) / (high - low),
        };
        unit.clamp(0.0, 1.0)
    }

    /// The numbers at both ends of the unit interval, and whether it is logarithmic. Each integer has a cell of its own,
    /// so the ends are half an integer further out.
    fn scale(self) -> (f64, f64, bool) {
        match self {
            Self::Real { low, high, log } => (low, high, log),
            Self::Integer { low, high, log } => (low as f64 - 0.5, high as f64 + 0.5, log),
            Self::Choice(choices) => (0.0, choices as f64, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_dimension() -> impl Strategy<Value = Dimension> {
        prop_oneof![
            (1e-6f64..1.0, 1.5f64..9.0, any::<bool>()).prop_map(|(low, high, log)| Dimension::Real {
                low,
                high,
                log
            }),
            (1u64..9, 10u64..2000, any::<bool>()).prop_map(|(low, high, log)| Dimension::Integer {
                low,
                high,
                log
            }),
            (1usize..9).prop_map(Dimension::Choice),
        ]
    }

    proptest! {
        #[test]
        fn every_place_has_a_number_within_the_bounds(dimension in any_dimension(), unit in 0.0f64..=1.0) {
            let number = dimension.number(unit);
            match dimension {
                Dimension::Real { low, high, .. } => prop_assert!((low..=high).contains(&number)),
                Dimension::Integer { low, high, .. } => {
                    prop_assert!((low as f64..=high as f64).contains(&number) && number.fract() == 0.0);
                }
                Dimension::Choice(choices) => {
                    prop_assert!(number >= 0.0 && (number as usize) < choices && number.fract() == 0.0);
                }
            }
        }

        #[test]
        fn a_number_is_found_again_at_its_place(dimension in any_dimension(), unit in 0.0f64..=1.0) {
            let number = dimension.number(unit);
            if !matches!(dimension, Dimension::Choice(_)) {
                let again = dimension.number(dimension.centre(number));
                prop_assert!((again - number).abs() <= 1e-9 * number.abs(), "{number} became {again}");
            }
        }
    }

    #[test]
    fn the_cells_of_integers_cover_the_unit_interval() {
        for log in [false, true] {
            let dimension = Dimension::Integer { low: 1, high: 5, log };
            let mut end = 0.0;
            for integer in 1..=5 {
                let Place::Cell(from, to) = dimension.place(f64::from(integer)) else { panic!("no cell") };
                assert!((from - end).abs() < 1e-12 && to > from);
                end = to;
            }
            assert!((end - 1.0).abs() < 1e-12);
        }
    }
}
