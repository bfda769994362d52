//! The trained classifier.

use gansweep_base::digest::sha256;
use gansweep_config::ImageShape;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::path::Path;

use crate::images::LabelledImages;
use crate::inference::Inference;
use crate::layout::{FEATURES, Layout};
use crate::passes::Classified;
use crate::training::{self, CHECKPOINT_STEPS, TrainingProgress, TrainingState};

/// Images whose hidden layer is one product.
const CHUNK: usize = 80;

/// What the evaluator makes of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// `[images, dimensions]`.
    pub features: Vec<f32>,
    /// Number of features of an image.
    pub dimensions: usize,
    /// `[images, classes]`; `None` for an evaluator with random weights.
    pub probabilities: Option<Vec<f32>>,
}

/// A classifier of one dataset's images.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluator {
    pub(crate) layout: Layout,
    pub(crate) parameters: Vec<f32>,
    /// Whether it was trained; else its weights are random.
    pub(crate) is_trained: bool,
    /// Share of the test images that it classifies correctly.
    pub(crate) test_accuracy: Option<f64>,
}

impl Evaluator {
    /// Trains on labelled images, and measures the accuracy on test images if there are any. With fewer than two
    /// classes, or a label that is none of them, the weights stay random.
    pub fn train(
        shape: ImageShape,
        classes: usize,
        train: LabelledImages<'_>,
        test: Option<LabelledImages<'_>>,
        progress: &mut dyn FnMut(TrainingProgress),
    ) -> Self {
        Self::train_from(None, (shape, classes), train, test, progress)
    }

    /// Trains as [`train`](Self::train) does, with checkpoints beside `path`, where the evaluator is to be written. Where an
    /// earlier training of it was interrupted, it goes on, and the evaluator has the same bits. [`write`](Self::write) deletes
    /// the checkpoint. One that cannot be read or written costs the time that it would have saved, and is no error.
    pub fn train_resumably(
        path: &Path,
        shape: ImageShape,
        classes: usize,
        train: LabelledImages<'_>,
        test: Option<LabelledImages<'_>>,
        progress: &mut dyn FnMut(TrainingProgress),
    ) -> Self {
        Self::train_from(Some(path), (shape, classes), train, test, progress)
    }

    fn train_from(
        path: Option<&Path>,
        (shape, classes): (ImageShape, usize),
        train: LabelledImages<'_>,
        test: Option<LabelledImages<'_>>,
        progress: &mut dyn FnMut(TrainingProgress),
    ) -> Self {
        let is_labelled =
            !train.labels.is_empty() && train.labels.iter().all(|label| usize::from(*label) < classes);
        if classes < 2 || !is_labelled {
            return Self::random(shape);
        }
        let layout = Layout::new(shape, classes);
        let steps = training::steps(train.labels.len());
        let begun = path.and_then(|path| TrainingState::read(path, &layout, steps).ok().flatten());
        let state = begun.unwrap_or_else(|| TrainingState::fresh(&layout));
        let mut observe = |at: TrainingProgress, state: &TrainingState| {
            if let Some(path) = path.filter(|_| at.step.is_multiple_of(CHECKPOINT_STEPS)) {
                drop(state.write(path, &layout, steps));
            }
            progress(at);
        };
        let parameters = training::train(&layout, train, state, &mut observe);
        let mut evaluator = Self { layout, parameters, is_trained: true, test_accuracy: None };
        evaluator.test_accuracy = test.and_then(|test| evaluator.accuracy(test));
        evaluator
    }

    /// With random weights, for images without labels.
    pub fn random(shape: ImageShape) -> Self {
        let layout = Layout::new(shape, 1);
        let parameters = training::initial(&layout);
        Self { layout, parameters, is_trained: false, test_accuracy: None }
    }

    /// Floating-point operations that the features of an image of that shape take.
    pub fn image_flops(shape: ImageShape, classes: usize) -> f64 {
        Layout::new(shape, classes).flops()
    }

    /// Floating-point operations of the products of its training on that many images, at least one, of that shape.
    pub fn training_flops(shape: ImageShape, classes: usize, images: usize) -> f64 {
        // Forward, and backward to the weights and to the inputs of each layer.
        3.0 * (images * training::epochs(images)) as f64 * Self::image_flops(shape, classes)
    }

    /// Whether it was trained; else its weights are random.
    pub fn is_trained(&self) -> bool {
        self.is_trained
    }

    /// Share of the test images that it classified correctly after its training.
    pub fn test_accuracy(&self) -> Option<f64> {
        self.test_accuracy
    }

    /// Number of features of an image.
    pub fn dimensions(&self) -> usize {
        FEATURES
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.layout.classes
    }

    /// Identifies its weights, in hexadecimal. Figures compare only under equal digests.
    pub fn digest(&self) -> String {
        sha256(self.to_bytes())
    }

    /// Features and probabilities of images `[images, channels, height, width]`.
    pub fn outputs(&self, pixels: &[u8]) -> Outputs {
        let inference = Inference::new(&self.layout, &self.parameters);
        let chunks = pixels.par_chunks(CHUNK * self.layout.image.size());
        let parts: Vec<(Vec<f32>, Vec<f32>)> = chunks
            .map(|chunk| {
                let Classified { features, probabilities } = inference.of(chunk);
                (features, probabilities)
            })
            .collect();
        let (features, probabilities): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Outputs {
            features: features.concat(),
            dimensions: FEATURES,
            probabilities: self.is_trained.then(|| probabilities.concat()),
        }
    }

    /// Share of labelled images that it classifies correctly; `None` without images, or if it has random weights.
    pub fn accuracy(&self, images: LabelledImages<'_>) -> Option<f64> {
        let probabilities = self.outputs(images.pixels).probabilities?;
        let rows = probabilities.chunks_exact(self.layout.classes).zip(images.labels);
        // Of equal probabilities the first counts, so that an evaluator that cannot tell classes apart is not right of all.
        let is_correct = |(row, label): &(&[f32], &u16)| {
            let label = usize::from(**label);
            let is_below = |(class, other): (usize, &f32)| match other.total_cmp(&row[label]) {
                Ordering::Less => true,
                Ordering::Equal => class >= label,
                Ordering::Greater => false,
            };
            label < row.len() && row.iter().enumerate().all(is_below)
        };
        let correct = rows.filter(is_correct).count();
        (!images.labels.is_empty()).then(|| correct as f64 / images.labels.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 1, height: 12, width: 12 };

    /// Bars, bright at a place that the class decides, on noise.
    fn bars(first: usize, count: usize) -> (Vec<u8>, Vec<u16>) {
        let labels: Vec<u16> = (first..first + count).map(|image| (image * 7 % 4) as u16).collect();
        let pixel = |image: usize, place: usize| {
            let noise = ((first + image) * 7919 + place * 104_729) % 97;
            let (row, column) = (place / 12, place % 12);
            let is_bright = match labels[image] {
                0 => row == 3,
                1 => row == 8,
                2 => column == 3,
                _ => row == column,
            };
            noise as u8 + if is_bright { 120 } else { 0 }
        };
        let pixels = (0..count).flat_map(|image| (0..144).map(move |place| (image, place)));
        (pixels.map(|(image, place)| pixel(image, place)).collect(), labels)
    }

    #[test]
    fn what_can_be_told_apart_is_learned() {
        let ((pixels, labels), (test_pixels, test_labels)) = (bars(0, 400), bars(400, 200));
        let train = LabelledImages { pixels: &pixels, labels: &labels };
        let test = LabelledImages { pixels: &test_pixels, labels: &test_labels };
        let mut seen = Vec::new();
        let evaluator = Evaluator::train(SHAPE, 4, train, Some(test), &mut |progress| seen.push(progress));
        assert!(evaluator.test_accuracy().unwrap() > 0.99, "{:?}", evaluator.test_accuracy());
        let last = seen.last().unwrap();
        assert_eq!((last.step, seen.len()), (last.steps, last.steps));
        assert!(last.loss < 0.05 && seen[0].loss > 0.5, "{last:?}");
        let outputs = evaluator.outputs(&test_pixels);
        assert_eq!(outputs.features.len(), 200 * outputs.dimensions);
        let sums = outputs.probabilities.unwrap();
        assert!(sums.chunks_exact(4).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    }

    #[test]
    fn the_same_data_gives_the_same_evaluator() {
        let digest = |first: usize| {
            let (pixels, labels) = bars(first, 12);
            let images = LabelledImages { pixels: &pixels, labels: &labels };
            Evaluator::train(SHAPE, 4, images, None, &mut |_| ()).digest()
        };
        assert_eq!(digest(0), digest(0));
        assert_ne!(digest(0), digest(12));
    }

    /// The checkpoint of a training that ends in the middle of a step, whatever ends it.
    #[test]
    fn an_interrupted_training_goes_on_to_the_same_evaluator() {
        let (pixels, labels) = bars(0, 300);
        let images = LabelledImages { pixels: &pixels, labels: &labels };
        let folder = tempfile::tempdir().unwrap();
        let path = Evaluator::cache_path(folder.path(), "bars");
        let train = |progress: &mut dyn FnMut(TrainingProgress)| {
            Evaluator::train_resumably(&path, SHAPE, 4, images, None, progress)
        };
        // 3 steps are an epoch, so this checkpoint is amid one.
        let ending = CHECKPOINT_STEPS + 40;
        let interrupted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            train(&mut |progress| assert!(progress.step < ending, "interrupted"))
        }));
        assert!(interrupted.is_err());
        let mut steps = Vec::new();
        let resumed = train(&mut |progress| steps.push(progress.step));
        assert_eq!((steps[0], steps.last()), (CHECKPOINT_STEPS + 1, Some(&1002)));
        let uninterrupted = Evaluator::train(SHAPE, 4, images, None, &mut |_| ());
        assert_eq!(resumed.digest(), uninterrupted.digest());
        resumed.write(&path).unwrap();
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the evaluator alone");
    }

    #[test]
    fn images_without_classes_get_random_features_and_no_probabilities() {
        let (pixels, _) = bars(0, 20);
        let labels = [0; 20];
        let images = LabelledImages { pixels: &pixels, labels: &labels };
        let evaluator = Evaluator::train(SHAPE, 1, images, None, &mut |_| panic!("nothing is trained"));
        assert!(!evaluator.is_trained());
        let outputs = evaluator.outputs(&pixels);
        assert_eq!(outputs.probabilities, None);
        assert!(outputs.features.iter().any(|value| *value > 0.0));
        let wrong = LabelledImages { pixels: &pixels, labels: &[9; 20] };
        assert!(!Evaluator::train(SHAPE, 4, wrong, None, &mut |_| ()).is_trained());
    }
}
