//! Decimation of curves.

use crate::Point;

/// The first and the last point, and three of one stretch.
const FEWEST: usize = 5;

/// Decimates a series to at most `max_points`, or to [`FEWEST`] if that is more.
///
/// The points between the first and the last are cut into stretches of equal count. Of each stretch the
/// smallest, the largest and the first non-finite point are kept, so that a spike of one point stays
/// visible.
pub(super) fn decimate(points: Vec<Point>, max_points: usize) -> Vec<Point> {
    let max_points = max_points.max(FEWEST);
    if points.len() <= max_points {
        return points;
    }
    let [first, inner @ .., last] = points.as_slice() else { return points };
    let all_finite = inner.iter().all(|point| point.value.is_finite());
    let kept_per_stretch = if all_finite { 2 } else { 3 };
    let stretches = (max_points - 2) / kept_per_stretch;
    let mut kept = vec![*first];
    for stretch in inner.chunks(inner.len().div_ceil(stretches)) {
        keep_extremes(stretch, &mut kept);
    }
    kept.push(*last);
    kept
}

fn keep_extremes(stretch: &[Point], kept: &mut Vec<Point>) {
    let finite = || stretch.iter().filter(|point| point.value.is_finite());
    let by_value = |a: &&Point, b: &&Point| a.value.total_cmp(&b.value);
    let odd = stretch.iter().find(|point| !point.value.is_finite());
    let mut extremes: Vec<&Point> =
        [finite().min_by(by_value), finite().max_by(by_value), odd].into_iter().flatten().collect();
    extremes.sort_by_key(|point| point.step);
    extremes.dedup_by_key(|point| point.step);
    kept.extend(extremes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        values.into_iter().zip(0..).map(|(value, step)| Point { step, value }).collect()
    }

    #[test]
    fn a_short_series_is_left_alone() {
        let points = series([1.0, 2.0, 3.0]);
        assert_eq!(decimate(points.clone(), 3), points);
        assert_eq!(decimate(points.clone(), 0), points);
        assert_eq!(decimate(Vec::new(), 0), []);
    }

    #[test]
    fn spikes_ends_and_points_that_are_not_finite_survive() {
        let mut values = vec![1.0; 10_000];
        (values[0], values[9_999]) = (7.0, 8.0);
        (values[5_003], values[5_004]) = (100.0, -100.0);
        (values[3_333], values[3_334], values[7_777]) = (f64::NAN, f64::NAN, f64::INFINITY);
        let kept = decimate(series(values), 50);
        let steps: Vec<u64> = kept.iter().map(|point| point.step).collect();
        assert!(kept.len() <= 50, "{}", kept.len());
        assert!(steps.is_sorted_by(|a, b| a < b));
        for step in [0, 3_333, 5_003, 5_004, 7_777, 9_999] {
            assert!(steps.contains(&step), "{step} is missing in {steps:?}");
        }
    }

    #[test]
    fn no_count_is_exceeded() {
        for max_points in 0..40 {
            for len in 0..60 {
                let values = (0..len).map(|i| if i % 7 == 3 { f64::NAN } else { f64::from(i * 37 % 11) });
                let kept = decimate(series(values), max_points);
                assert!(
                    kept.len() <= max_points.max(FEWEST),
                    "{len} points, at most {max_points}: {}",
                    kept.len()
                );
            }
        }
    }
}
