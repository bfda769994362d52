//! Figures by a classifier's probabilities: score, histogram, modes, divergence from the data's classes.

use serde::Serialize;

/// Probabilities of classes, `[images, classes]`, image by image. Each row adds up to 1.
#[derive(Debug, Clone, Copy)]
pub struct ClassProbabilities<'a> {
    values: &'a [f32],
    classes: usize,
}

impl<'a> ClassProbabilities<'a> {
    /// A matrix with that many columns; `None` if the values do not fill its rows.
    pub fn new(values: &'a [f32], classes: usize) -> Option<Self> {
        (classes > 0 && values.len().is_multiple_of(classes)).then_some(Self { values, classes })
    }

    /// Number of images.
    pub fn count(self) -> usize {
        self.values.len() / self.classes
    }

    /// The classifier score, `exp(E[KL(p(y|x) || p(y))])` (Salimans et al. 2016, there with the Inception network):
    /// from 1, where all images are of one class or of any, to the number of classes, where each image is surely
    /// of one, and each class is as frequent. Over all images at once: no splits. NaN without images, and for
    /// values that are not finite.
    pub fn score(self) -> f64 {
        let images = self.count() as f64;
        let marginal = self.marginal();
        let mut divergence = 0.0;
        for row in self.values.chunks_exact(self.classes) {
            divergence += kullback_leibler(row.iter().map(|p| f64::from(*p)), marginal.iter().copied());
        }
        // The first power is NaN for 0 / 0.
        (divergence / images).exp()
    }

    /// Mean probability of each class.
    fn marginal(self) -> Vec<f64> {
        let mut marginal = vec![0.0; self.classes];
        for row in self.values.chunks_exact(self.classes) {
            for (sum, value) in marginal.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        let images = self.count() as f64;
        for sum in &mut marginal {
            *sum /= images;
        }
        marginal
    }

    /// Share of the images that are most probably of the class that they were drawn for, of the classes `asked` `[images]`. NaN
    /// without images, and for values that are NaN.
    pub fn accuracy(self, asked: &[u16]) -> f64 {
        let mut right = 0.0;
        for (row, asked) in self.values.chunks_exact(self.classes).zip(asked) {
            let Some(found) = most_probable(row) else { return f64::NAN };
            right += f64::from(u8::from(found == usize::from(*asked)));
        }
        right / self.count() as f64
    }

    /// For each class, the share of the images that were drawn for it and are most probably of it, by the classes `asked`
    /// `[images]`. NaN for a class without images, and everywhere for values that are NaN.
    pub fn accuracies(self, asked: &[u16]) -> Vec<f64> {
        let (mut all, mut right) = (vec![0.0; self.classes], vec![0.0; self.classes]);
        for (row, asked) in self.values.chunks_exact(self.classes).zip(asked) {
            let (Some(found), Some(all)) = (most_probable(row), all.get_mut(usize::from(*asked))) else {
                return vec![f64::NAN; self.classes];
            };
            *all += 1.0;
            right[usize::from(*asked)] += f64::from(u8::from(found == usize::from(*asked)));
        }
        right.into_iter().zip(all).map(|(right, all)| right / all).collect()
    }

    /// How many images are most probably of each class; the first of equally probable ones. `None` for values
    /// that are NaN.
    pub fn counts(self) -> Option<ClassCounts> {
        let mut counts = vec![0; self.classes];
        for row in self.values.chunks_exact(self.classes) {
            counts[most_probable(row)?] += 1;
        }
        Some(ClassCounts { counts })
    }
}

/// The first of the most probable classes; `None` if a probability is NaN.
fn most_probable(row: &[f32]) -> Option<usize> {
    let mut best = 0;
    for (class, value) in row.iter().enumerate() {
        if value.is_nan() {
            return None;
        }
        if *value > row[best] {
            best = class;
        }
    }
    Some(best)
}

/// Number of images of each class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ClassCounts {
    counts: Vec<u64>,
}

impl ClassCounts {
    /// Of labels, which count from 0; `None` if one is too large.
    pub fn of_labels(labels: impl IntoIterator<Item = usize>, classes: usize) -> Option<Self> {
        let mut counts = vec![0; classes];
        for label in labels {
            *counts.get_mut(label)? += 1;
        }
        Some(Self { counts })
    }

    /// The histogram.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Number of classes of the data that the generated images cover: those whose share of them is at least a tenth
    /// of the share in the data. Fewer would count what a classifier gets wrong as a mode.
    pub fn modes_covered(&self, data: &Self) -> usize {
        const LEAST: f64 = 0.1;
        let pairs = self.shares().into_iter().zip(data.shares());
        pairs.filter(|(share, of_data)| *of_data > 0.0 && *share >= LEAST * of_data).count()
    }

    /// `KL(generated || data)` in nats, between the shares of the classes. Infinite where a class is generated
    /// that the data lacks; NaN without images on either side, and for different numbers of classes.
    pub fn divergence(&self, data: &Self) -> f64 {
        if self.counts.len() != data.counts.len() {
            return f64::NAN;
        }
        kullback_leibler(self.shares(), data.shares())
    }

    fn shares(&self) -> Vec<f64> {
        let all = self.counts.iter().sum::<u64>() as f64;
        self.counts.iter().map(|count| *count as f64 / all).collect()
    }
}

/// `sum of p ln(p / q)`, where `0 ln 0` is 0.
fn kullback_leibler(p: impl IntoIterator<Item = f64>, q: impl IntoIterator<Item = f64>) -> f64 {
    let term = |(p, q): (f64, f64)| if p == 0.0 { 0.0 } else { p * (p / q).ln() };
    p.into_iter().zip(q).map(term).sum()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn probabilities(values: &[f32]) -> ClassProbabilities<'_> {
        ClassProbabilities::new(values, 3).unwrap()
    }

    fn counts(values: [usize; 3]) -> ClassCounts {
        let labels = values.iter().enumerate().flat_map(|(class, count)| std::iter::repeat_n(class, *count));
        ClassCounts::of_labels(labels, 3).unwrap()
    }

    #[test]
    fn the_score_is_the_number_of_classes_that_are_sure_and_equally_frequent() {
        let sure = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        assert!((probabilities(&sure).score() - 3.0).abs() < 1e-12);
        assert!((probabilities(&sure[..6]).score() - 2.0).abs() < 1e-12);
        assert!((probabilities(&sure[..3]).score() - 1.0).abs() < 1e-12);
        let any = [1.0 / 3.0; 9];
        assert!((probabilities(&any).score() - 1.0).abs() < 1e-7);
    }

    #[test]
    fn images_count_for_their_most_probable_class() {
        let found = probabilities(&[0.2, 0.5, 0.3, 0.4, 0.4, 0.2, 0.0, 0.1, 0.9]).counts().unwrap();
        assert_eq!(found.counts(), [1, 1, 1]);
        assert_eq!(ClassCounts::of_labels([0, 3], 3), None);
    }

    #[test]
    fn a_class_of_stray_images_is_no_mode() {
        let data = counts([100, 100, 0]);
        assert_eq!(counts([50, 50, 0]).modes_covered(&data), 2);
        assert_eq!(counts([96, 4, 0]).modes_covered(&data), 1);
        assert_eq!(counts([95, 5, 0]).modes_covered(&data), 2);
        assert_eq!(counts([0, 0, 9]).modes_covered(&data), 0);
    }

    #[test]
    fn the_divergence_from_the_data_is_that_of_the_formula() {
        let data = counts([1, 1, 2]);
        assert_eq!(counts([2, 2, 4]).divergence(&data), 0.0);
        assert!((counts([5, 0, 0]).divergence(&data) - 4_f64.ln()).abs() < 1e-15);
        assert_eq!(counts([1, 1, 0]).divergence(&counts([1, 0, 0])), f64::INFINITY);
    }

    #[test]
    fn without_images_or_with_nan_there_is_no_figure() {
        assert!(probabilities(&[]).score().is_nan());
        assert!(probabilities(&[f32::NAN, 0.5, 0.5]).score().is_nan());
        assert_eq!(probabilities(&[0.5, f32::NAN, 0.5]).counts(), None);
        assert!(counts([0, 0, 0]).divergence(&counts([1, 1, 1])).is_nan());
        assert!(counts([1, 0, 0]).divergence(&ClassCounts::of_labels([0], 2).unwrap()).is_nan());
        assert_eq!(counts([0, 0, 0]).modes_covered(&counts([1, 1, 1])), 0);
    }
}
