//! The median.

/// The value in the middle; of an even number of values the mean of the two. `None` without a value.
///
/// Infinite values are in the order of numbers too, so none is left out: the median is finite as long as most values are.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[5.0, 1.0, 1.5]), Some(1.5));
        assert_eq!(median(&[9.0, 2.0, 4.0, 1.0]), Some(3.0));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX), "their sum is infinite");
        assert_eq!(median(&[f64::INFINITY, 1.0, f64::NEG_INFINITY, 2.0, f64::INFINITY]), Some(2.0));
    }

    proptest! {
        #[test]
        fn as_many_values_are_below_as_above(values in prop::collection::vec(-1e3..1e3, 1..20)) {
            let middle = median(&values).unwrap();
            let below = values.iter().filter(|value| **value < middle).count();
            let above = values.iter().filter(|value| **value > middle).count();
            prop_assert!(below <= values.len() / 2 && above <= values.len() / 2);
        }
    }
}
