//! Figures of images that were each drawn for a class: the Fréchet distance within each class, and the share of images
//! that are of the class that they were drawn for.

use rayon::prelude::*;
use serde::Serialize;

use crate::{ClassProbabilities, Features, Moments, frechet_distance};

/// The figures of the images of one class. NaN for what cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassQuality {
    /// The Fréchet distance to the real images of the class.
    pub fd: f64,
    /// Share of the images that are most probably of the class.
    pub accuracy: f64,
}

/// The real images of each class, to compare many sets of generated images with.
#[derive(Debug, Clone)]
pub struct RealClasses {
    moments: Vec<Moments>,
}

impl RealClasses {
    /// Of real images with their classes, which count from 0.
    pub fn new(real: Features<'_>, labels: &[u16], classes: usize) -> Self {
        Self { moments: moments(real, labels, classes) }
    }

    /// The figures of each class, of images that were drawn for the classes `asked`. A class with fewer than two images on
    /// either side has no distance.
    pub fn compare(
        &self,
        images: Features<'_>,
        probabilities: ClassProbabilities<'_>,
        asked: &[u16],
    ) -> Vec<ClassQuality> {
        let classes = self.moments.len();
        let generated = moments(images, asked, classes);
        let pairs = self.moments.par_iter().zip(&generated);
        let distances: Vec<f64> = pairs.map(|(real, fake)| frechet_distance(real, fake)).collect();
        let accuracies = probabilities.accuracies(asked);
        distances.into_iter().zip(accuracies).map(|(fd, accuracy)| ClassQuality { fd, accuracy }).collect()
    }

    /// The mean of the distances over the classes with at least two real images; NaN if one of those has none.
    pub fn mean_distance(&self, of_classes: &[ClassQuality]) -> f64 {
        let pairs = self.moments.iter().zip(of_classes).filter(|(real, _)| real.count() > 1);
        let distances: Vec<f64> = pairs.map(|(_, class)| class.fd).collect();
        distances.iter().sum::<f64>() / distances.len() as f64
    }
}

fn moments(features: Features<'_>, labels: &[u16], classes: usize) -> Vec<Moments> {
    let of_class = |class: usize| {
        let rows = features.rows().zip(labels).filter(|(_, label)| usize::from(**label) == class);
        let values: Vec<f32> = rows.flat_map(|(row, _)| row).copied().collect();
        Features::new(&values, features.dimensions()).map(Moments::new)
    };
    (0..classes).into_par_iter().filter_map(of_class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of two classes in turn, each at a corner of its own.
    fn corners(count: usize, places: [f32; 2]) -> (Vec<f32>, Vec<u16>) {
        let value = |image: usize| places[image % 2] + (image / 2 * 7 % 11) as f32 / 10.0;
        let values = (0..count).flat_map(|image| [value(image), value(image * 3)]);
        (values.collect(), (0..count).map(|image| (image % 2) as u16).collect())
    }

    fn probabilities(of: &[u16]) -> Vec<f32> {
        of.iter().flat_map(|class| if *class == 0 { [0.9, 0.1] } else { [0.2, 0.8] }).collect()
    }

    #[test]
    fn exchanged_classes_have_the_distance_of_all_images_and_none_within_a_class() {
        let (values, labels) = corners(44, [0.0, 5.0]);
        let exchanged: Vec<u16> = labels.iter().map(|label| 1 - label).collect();
        let features = Features::new(&values, 2).unwrap();
        let real = RealClasses::new(features, &labels, 2);
        let probabilities = probabilities(&labels);
        let probabilities = ClassProbabilities::new(&probabilities, 2).unwrap();
        let right = real.compare(features, probabilities, &labels);
        assert!(
            right.iter().all(|class| class.fd < 1e-9 && (class.accuracy - 1.0).abs() < 1e-12),
            "{right:?}"
        );
        let wrong = real.compare(features, probabilities, &exchanged);
        assert!(
            wrong.iter().all(|class| (class.fd - 50.0).abs() < 0.1 && class.accuracy == 0.0),
            "{wrong:?}"
        );
        assert!((real.mean_distance(&wrong) - wrong[0].fd).abs() < 1e-4);
    }

    #[test]
    fn a_class_without_real_images_is_left_out_of_the_mean_and_one_without_images_makes_it_nan() {
        let (values, labels) = corners(44, [0.0, 5.0]);
        let features = Features::new(&values, 2).unwrap();
        let real = RealClasses::new(features, &labels, 3);
        let all = probabilities(&labels).chunks(2).flat_map(|row| [row[0], row[1], 0.0]).collect::<Vec<_>>();
        let all = ClassProbabilities::new(&all, 3).unwrap();
        let found = real.compare(features, all, &labels);
        assert!(found[2].fd.is_nan() && found[2].accuracy.is_nan(), "{found:?}");
        assert!(real.mean_distance(&found) < 1e-9);
        let found = real.compare(features, all, &[0; 44]);
        assert!(found[1].fd.is_nan() && real.mean_distance(&found).is_nan(), "{found:?}");
        let infinite = [f32::INFINITY; 88];
        let found = real.compare(Features::new(&infinite, 2).unwrap(), all, &labels);
        assert!(real.mean_distance(&found).is_nan());
    }
}
