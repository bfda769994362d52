//! Charts of values with intervals that need no script: places in percent of a common width.

use crate::context::{Mark, Number};

/// A range of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// A scale for values and the ends of their intervals; `None` if there is no value.
    ///
    /// All values are inside. An interval of two runs may be a hundred times as long as the values are apart, and would
    /// leave them in one place: the scale ends at most one range of the values beyond them.
    pub(super) fn of(values: impl Iterator<Item = (f64, Option<(f64, f64)>)> + Clone) -> Option<Self> {
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (low, high) = ends(&mut values.clone().map(|(value, _)| value));
        if low > high {
            return None;
        }
        let (outer_low, outer_high) =
            ends(&mut values.flat_map(|(value, span)| span.map_or([value; 2], |(low, high)| [low, high])));
        let most = if high > low { high - low } else { f64::INFINITY };
        let (low, high) = (outer_low.max(low - most), outer_high.min(high + most));
        let room = 0.02 * (high - low);
        Some(if room > 0.0 {
            Self { low: low - room, high: high + room }
        } else {
            let around = low.abs().max(1.0);
            Self { low: low - around, high: high + around }
        })
    }

    /// A value and its interval in percent of the width.
    pub(super) fn mark(&self, value: f64, span: Option<(f64, f64)>, text: String) -> Mark {
        let percent = |value: f64| {
            let percent = 100.0 * (value - self.low) / (self.high - self.low);
            Number((10.0 * percent.clamp(0.0, 100.0)).round() / 10.0)
        };
        Mark { at: percent(value), span: span.map(|(low, high)| [percent(low), percent(high)]), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(values: &[(f64, Option<(f64, f64)>)]) -> Vec<(f64, Option<[f64; 2]>)> {
        let scale = Scale::of(values.iter().copied()).unwrap();
        let place = |(value, span): &(f64, Option<(f64, f64)>)| {
            let mark = scale.mark(*value, *span, String::new());
            (mark.at.0, mark.span.map(|span| span.map(|end| end.0)))
        };
        values.iter().map(place).collect()
    }

    #[test]
    fn values_and_intervals_are_inside() {
        let found = places(&[(1.0, Some((0.5, 1.5))), (2.0, None)]);
        assert_eq!(found, [(34.0, Some([1.9, 66.0])), (98.1, None)]);
    }

    #[test]
    fn a_very_long_interval_is_cut_and_hides_no_difference() {
        let found = places(&[(1.0, Some((-1e6, 1e6))), (2.0, Some((1.9, 2.1)))]);
        assert_eq!(found[0], (34.0, Some([0.0, 100.0])));
        assert!((found[1].0 - found[0].0) > 30.0, "{found:?}");
    }

    #[test]
    fn one_value_is_in_the_middle_and_none_has_no_scale() {
        assert_eq!(places(&[(3.0, None)]), [(50.0, None)]);
        assert_eq!(places(&[(0.0, None), (0.0, None)]), [(50.0, None); 2]);
        assert_eq!(Scale::of([].into_iter()), None);
    }
}
