//! Charts of values with intervals that need no script: places in percent of a common width.

use gansweep_statistics::median;

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

    /// As [`Scale::of`], of values that begin with the most important one. A few outliers that would squeeze the others into
    /// one place, such as those of configs that diverge, are outside of it.
    pub(super) fn of_most(values: &[(f64, Option<(f64, f64)>)]) -> Option<Self> {
        /// Times the range of the others that a chart can show without squeezing them together.
        const FAR: f64 = 8.0;
        let numbers: Vec<f64> = values.iter().map(|(value, _)| *value).collect();
        let middle = median(&numbers)?;
        let distances: Vec<f64> = numbers.iter().map(|value| (value - middle).abs()).collect();
        // Three standard deviations of a normal distribution with that median distance, as the charts of curves have it.
        let room = 3.0 * 1.4826 * median(&distances)?;
        let is_near = |value: f64| (value - middle).abs() <= room;
        let near = || values.iter().copied().filter(|(value, _)| is_near(*value));
        let is_majority =
            3 * near().count() >= 2 * values.len() && numbers.first().is_some_and(|first| is_near(*first));
        let all = || Self::of(values.iter().copied());
        if values.len() < 4 || !is_majority {
            return all();
        }
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            high - low
        };
        if range(&mut numbers.iter().copied()) <= FAR * range(&mut near().map(|(value, _)| value)) {
            return all();
        }
        Self::of(near())
    }

    /// A value and its interval in percent of the width. A value outside of the scale is at its end, without its interval.
    pub(super) fn mark(&self, value: f64, span: Option<(f64, f64)>, text: String) -> Mark {
        let outside = value < self.low || value > self.high;
        let span = span.filter(|_| !outside);
        Mark {
            at: self.place(value),
            span: span.map(|(low, high)| [self.place(low), self.place(high)]),
            outside,
            text,
        }
    }

    /// Where a value is in percent of the width.
    pub(super) fn place(&self, value: f64) -> Number {
        let percent = 100.0 * (value - self.low) / (self.high - self.low);
        Number((10.0 * percent.clamp(0.0, 100.0)).round() / 10.0)
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
    fn a_few_values_far_away_leave_the_others_their_room() {
        let marks = |values: &[f64]| {
            let spans: Vec<_> =
                values.iter().map(|value| (*value, Some((value - 0.1, value + 0.1)))).collect();
            let scale = Scale::of_most(&spans).unwrap();
            spans.iter().map(|(value, span)| scale.mark(*value, *span, String::new())).collect::<Vec<_>>()
        };
        let wild = marks(&[0.6, 0.7, 1.0, 1.1, 1.4, 26.0]);
        assert!((wild[4].at.0 - wild[0].at.0) > 60.0, "{wild:?}");
        assert_eq!((wild[5].at.0, wild[5].span, wild[5].outside), (100.0, None, true));
        assert!(!wild[4].outside && wild[4].span.is_some());
        let all_inside = |values: &[f64]| marks(values).iter().all(|mark| !mark.outside);
        assert!(all_inside(&[26.0, 0.6, 0.7, 1.0, 1.1, 1.4]), "the first is the best");
        assert!(all_inside(&[0.79, 1.09, 1.19, 2.6]), "not so far");
        assert!(all_inside(&[0.6, 0.7, 26.0, 27.0]) && all_inside(&[0.6, 0.7, 26.0]), "no majority");
        assert!(all_inside(&[0.5, 0.5, 0.5, 0.5]));
    }

    #[test]
    fn one_value_is_in_the_middle_and_none_has_no_scale() {
        assert_eq!(places(&[(3.0, None)]), [(50.0, None)]);
        assert_eq!(places(&[(0.0, None), (0.0, None)]), [(50.0, None); 2]);
        assert_eq!(Scale::of([].into_iter()), None);
    }
}
