//! Correction for several tests.

/// Adjusted p-values of a family of tests (Holm 1979), in the order of the input: rejecting those at or below
/// `alpha` keeps the probability of any false rejection at or below `alpha`, however the tests depend on each
/// other. A NaN stays NaN, and is no member of the family.
pub(crate) fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|&test| !p_values[test].is_nan()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![f64::NAN; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &test) in order.iter().enumerate() {
        let remaining = (order.len() - rank) as f64;
        // A test is rejected only with all before it.
        largest = largest.max((p_values[test] * remaining).min(1.0));
        adjusted[test] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_definition_comes_out() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
        assert_eq!(holm(&[0.5, 0.75]), [1.0, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }

    #[test]
    fn a_test_without_a_p_value_is_none_of_the_family() {
        let adjusted = holm(&[0.02, f64::NAN, 0.5]);
        assert_eq!((adjusted[0], adjusted[2]), (0.04, 0.5));
        assert!(adjusted[1].is_nan());
    }

    proptest! {
        #[test]
        fn adjusting_lowers_no_p_value_and_keeps_their_order(p in proptest::collection::vec(0.0..1.0, 0..12)) {
            let adjusted = holm(&p);
            for (i, one) in p.iter().enumerate() {
                prop_assert!(adjusted[i] >= *one && adjusted[i] <= 1.0);
                for (j, other) in p.iter().enumerate() {
                    prop_assert!(one > other || adjusted[i] <= adjusted[j]);
                }
            }
        }
    }
}
