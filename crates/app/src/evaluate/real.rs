//! The real images of a dataset, and what its evaluator makes of them.

use std::cell::OnceCell;

use gansweep_config::{Dataset, Record};
use gansweep_data::{DataSource, Images, Split};
use gansweep_evaluator::{Evaluator, LabelledImages, Outputs};
use gansweep_quality::{ClassCounts, Features};
use gansweep_store::DatasetRow;
use gansweep_train::{Drawn, ImageFigures};
use serde::Serialize;

use super::figures::{Extent, Figures, Reference};
use crate::{AppError, CacheEffect, Observer, Progress, data};

/// Number of images of a run's points: enough to tell epochs apart, and few enough for every epoch.
pub const CURVE_IMAGES: usize = 2_000;

/// A dataset with its evaluator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluatedDataset {
    /// Its name.
    pub dataset: Dataset,
    /// The data's fingerprint.
    pub fingerprint: String,
    /// The names of its classes, from the first; empty if they are not known.
    pub class_names: Vec<String>,
    /// Identifies the evaluator. Figures compare only under equal digests.
    pub evaluator: String,
    /// Whether the evaluator was trained; else it has random weights, because the images have no classes.
    pub is_trained: bool,
    /// Share of the test images that it classifies correctly.
    pub test_accuracy: Option<f64>,
    /// The figures of real test images, which no generator is expected to beat; `None` without test images.
    pub test: Option<Figures>,
}

/// How many images are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// All that are drawn.
    pub(crate) all: usize,
    /// Those of a run's points.
    pub(crate) curve: usize,
    /// Whether the nearest training image is looked for, which takes the features of all of them.
    pub(crate) nearest: bool,
}

impl Counts {
    /// The selections of training images whose features are needed, `None` for all images.
    fn selections(self) -> Vec<Option<usize>> {
        if self.nearest { vec![None] } else { vec![Some(self.curve), Some(self.all)] }
    }

    /// Those of runs that are evaluated while they train.
    pub(crate) fn while_training(record: &Record) -> Self {
        let (curve, last) = (record.evaluate_images, record.final_images);
        Self { all: curve.max(last) as usize, curve: curve as usize, nearest: last > curve }
    }
}

/// The real images that generated ones are compared with.
pub(crate) struct RealImages {
    evaluator: Evaluator,
    /// Features of all training images, if the nearest one is looked for.
    train: Option<Vec<f32>>,
    /// Those of an even selection of as many training images as there are generated ones.
    selected: Vec<f32>,
    /// The same for the figures of a run's curve.
    curve: Vec<f32>,
    counts: Counts,
    dimensions: usize,
    /// The classes of all training images.
    classes: Option<ClassCounts>,
    /// The classes of those in `selected`, and in `curve`.
    labels: [Vec<u16>; 2],
    /// An even selection of the test images.
    test: Option<Vec<u8>>,
    /// Share of the test images that the evaluator classifies correctly.
    test_accuracy: Option<f64>,
}

impl RealImages {
    /// Loads the images, and the evaluator from the cache, or trains it.
    pub(crate) fn load(
        row: &DatasetRow,
        source: &DataSource,
        counts: Counts,
        observer: &mut dyn Observer,
    ) -> Result<Self, AppError> {
        let (train, test) = images(row, source, observer)?;
        Ok(Self::of(row, source, (&train, test.as_ref()), counts, observer))
    }

    /// Puts the evaluator and the features that figures need into the cache. Images are loaded only if it lacks them.
    pub(crate) fn prepare(
        row: &DatasetRow,
        source: &DataSource,
        counts: Counts,
        observer: &mut dyn Observer,
    ) -> Result<(), AppError> {
        let path = Evaluator::cache_path(&source.cache_dir, &row.spec.fingerprint);
        if let Ok(Some(evaluator)) = Evaluator::read(&path, row.spec.image) {
            let features =
                |selected| evaluator.features_path(&source.cache_dir, &row.spec.fingerprint, selected);
            let is_cached = |selected| features(selected).is_file();
            if counts.selections().into_iter().all(is_cached) {
                return Ok(());
            }
        }
        Self::load(row, source, counts, observer).map(|_| ())
    }

    /// Of images that are loaded: training images, and test images if there are some.
    pub(crate) fn of(
        row: &DatasetRow,
        source: &DataSource,
        (train, test): (&Images, Option<&Images>),
        counts: Counts,
        observer: &mut dyn Observer,
    ) -> Self {
        let evaluator = evaluator(row, source, train, test, observer);
        let dimensions = evaluator.dimensions();
        let mut features = |selected| features(row, &evaluator, source, train, selected, observer);
        let all = counts.nearest.then(|| features(None));
        let mut selected = |count: usize| match &all {
            Some(all) => select(all, dimensions, count),
            None => features(Some(count)),
        };
        let curve = selected(counts.curve);
        let selected = if counts.all == counts.curve { curve.clone() } else { selected(counts.all) };
        let all_labels = train.labels.iter().map(|label| usize::from(*label));
        let classes =
            evaluator.is_trained().then(|| ClassCounts::of_labels(all_labels, evaluator.classes())).flatten();
        let labels = [counts.all, counts.curve].map(|count| select(&train.labels, 1, count));
        // One that was trained with test images of the user's own may have been with others.
        let test_accuracy = match evaluator.test_accuracy().filter(|_| !row.dataset.is_own()) {
            None => test.and_then(|test| evaluator.accuracy(labelled(test))),
            known => known,
        };
        let test = test.map(|test| select(&test.pixels, test.shape.size(), counts.all));
        Self {
            dimensions,
            curve,
            counts,
            train: all,
            selected,
            labels,
            classes,
            test,
            test_accuracy,
            evaluator,
        }
    }

    /// What figures are computed with.
    pub(crate) fn figures(&self) -> RealFigures<'_> {
        let digest = self.evaluator.digest();
        RealFigures { real: self, digest, reference: OnceCell::new(), curve: OnceCell::new() }
    }

    fn reference<'r>(&'r self, selected: &'r [f32], labels: &'r [u16]) -> Option<Reference<'r>> {
        let features = |values| Features::new(values, self.dimensions);
        let train = self.train.as_deref().and_then(features);
        Some(Reference::new(features(selected)?, train, self.classes.as_ref(), labels))
    }
}

/// Real images, prepared for comparisons.
pub(crate) struct RealFigures<'a> {
    real: &'a RealImages,
    digest: String,
    /// Prepared when they are first used: a run that trains needs all images at its end alone.
    reference: OnceCell<Option<Reference<'a>>>,
    curve: OnceCell<Option<Reference<'a>>>,
}

impl<'a> RealFigures<'a> {
    fn reference(&self) -> Option<&Reference<'a>> {
        let RealImages { selected, labels, .. } = self.real;
        self.reference.get_or_init(|| self.real.reference(selected, &labels[0])).as_ref()
    }

    fn curve(&self) -> Option<&Reference<'a>> {
        let RealImages { curve, labels, counts, .. } = self.real;
        if counts.curve == counts.all {
            return self.reference();
        }
        self.curve.get_or_init(|| self.real.reference(curve, &labels[1])).as_ref()
    }

    /// The figures of images `[images, channels, height, width]`.
    fn of(&self, pixels: &[u8]) -> Figures {
        compare(self.reference(), &self.real.evaluator.outputs(pixels), None, Extent::Whole)
    }

    /// The figures of images `[images, channels, height, width]`, and those of the first ones, which are the run's points, if
    /// there are as many. `asked` are the classes that they were drawn for, where the model is conditional.
    pub(super) fn of_run(&self, pixels: &[u8], asked: Option<&[u16]>) -> RunFigures {
        let outputs = self.real.evaluator.outputs(pixels);
        let all = compare(self.reference(), &outputs, asked, Extent::Whole);
        let Counts { all: drawn, curve, .. } = self.real.counts;
        let curve = match curve == drawn {
            true => Some(all.clone()),
            false => {
                first(&outputs, curve).map(|outputs| compare(self.curve(), &outputs, asked, Extent::Whole))
            }
        };
        RunFigures { all, curve }
    }

    /// The figures of images that were drawn while a run trains: those of its points and, at the end, those of all images
    /// if there are more.
    pub(crate) fn of_drawn(&self, drawn: &Drawn<'_>) -> Vec<ImageFigures> {
        let outputs = self.real.evaluator.outputs(drawn.pixels);
        let of = |reference, outputs: &Outputs, is_curve| {
            let extent = if is_curve { Extent::Quick } else { Extent::Whole };
            let figures = compare(reference, outputs, drawn.classes, extent);
            ImageFigures {
                images: figures.images as u32,
                is_curve,
                evaluator: self.digest.clone(),
                figures: figures.values(self.has_classes(), extent),
                by_class: figures.by_class(),
                classes: figures.classes.map(|classes| classes.histogram.counts().to_vec()),
            }
        };
        let images = self.real.counts.curve;
        if outputs.features.len() <= images * outputs.dimensions {
            return vec![of(self.curve(), &outputs, true)];
        }
        let first = first(&outputs, images);
        let of_curve = first.map(|first| of(self.curve(), &first, true));
        of_curve.into_iter().chain([of(self.reference(), &outputs, false)]).collect()
    }

    pub(super) fn has_classes(&self) -> bool {
        self.real.evaluator.is_trained()
    }

    pub(super) fn dataset(&self, row: &DatasetRow) -> EvaluatedDataset {
        let evaluator = &self.real.evaluator;
        EvaluatedDataset {
            dataset: row.dataset,
            fingerprint: row.spec.fingerprint.clone(),
            class_names: row.spec.class_names.as_slice().to_vec(),
            evaluator: self.digest.clone(),
            is_trained: evaluator.is_trained(),
            test_accuracy: self.real.test_accuracy,
            test: self.real.test.as_ref().map(|pixels| self.of(pixels)),
        }
    }
}

/// The figures of a run's images.
pub(super) struct RunFigures {
    pub(super) all: Figures,
    /// Those of the run's curve.
    pub(super) curve: Option<Figures>,
}

fn compare(
    reference: Option<&Reference<'_>>,
    outputs: &Outputs,
    asked: Option<&[u16]>,
    extent: Extent,
) -> Figures {
    reference.map_or(Figures::UNKNOWN, |reference| reference.compare(outputs, asked, extent))
}

/// What the evaluator makes of the first images; `None` if there are fewer.
fn first(outputs: &Outputs, images: usize) -> Option<Outputs> {
    let features = outputs.features.get(..images * outputs.dimensions)?.to_vec();
    let all = outputs.features.len() / outputs.dimensions;
    let probabilities = outputs.probabilities.as_ref();
    let probabilities = probabilities.map(|values| values[..values.len() / all * images].to_vec());
    Some(Outputs { features, dimensions: outputs.dimensions, probabilities })
}

/// The evaluator of a dataset. Images are loaded only if it has to be trained.
pub(crate) fn evaluator_of(
    row: &DatasetRow,
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<Evaluator, AppError> {
    let path = Evaluator::cache_path(&source.cache_dir, &row.spec.fingerprint);
    if let Ok(Some(evaluator)) = Evaluator::read(&path, row.spec.image) {
        return Ok(evaluator);
    }
    let (train, test) = images(row, source, observer)?;
    Ok(evaluator(row, source, &train, test.as_ref(), observer))
}

/// The training images of a dataset, and its test images if it has some.
pub(crate) fn images(
    row: &DatasetRow,
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<(Images, Option<Images>), AppError> {
    let asked = gansweep_config::DataRequest::of_shape(row.dataset, row.spec.image);
    data::provide(source, asked, observer)?;
    let train = source.load_planned(row.dataset, &row.spec)?;
    // Test images of the user's own may have been added since the row was recorded.
    let has_test = row.spec.test_images > 0 || row.dataset.is_own();
    let test = if has_test { Some(source.load(asked, Split::Test)?) } else { None };
    Ok((train, test.filter(|test| test.count > 0)))
}

/// The evaluator of the cache, or else a new one. A cache that cannot be used is told and costs the time alone.
fn evaluator(
    row: &DatasetRow,
    source: &DataSource,
    train: &Images,
    test: Option<&Images>,
    observer: &mut dyn Observer,
) -> Evaluator {
    let path = Evaluator::cache_path(&source.cache_dir, &row.spec.fingerprint);
    match Evaluator::read(&path, row.spec.image) {
        Ok(Some(evaluator)) => return evaluator,
        Ok(None) => {}
        Err(error) => {
            observer.observe(Progress::EvaluatorCache { error: &error, effect: CacheEffect::Trained });
        }
    }
    // The accuracy is a part of an evaluator's digest. Test images of the user's own are no part of a run's id: they may
    // change, or be added later, and figures of its runs compare all the same.
    let test = test.filter(|_| !row.dataset.is_own());
    let evaluator = Evaluator::train_resumably(
        &path,
        row.spec.image,
        row.spec.classes as usize,
        labelled(train),
        test.map(labelled),
        &mut |progress| observer.observe(Progress::TrainingEvaluator { dataset: row.dataset, progress }),
    );
    if let Err(error) = evaluator.write(&path) {
        observer.observe(Progress::EvaluatorCache { error: &error, effect: CacheEffect::NotKept });
    }
    evaluator
}

/// The features of all training images, or of an even selection of that many: of the cache if it has them. Those of all take a
/// tenth of what training the evaluator does, and each worker of a sweep needs them.
fn features(
    row: &DatasetRow,
    evaluator: &Evaluator,
    source: &DataSource,
    train: &Images,
    selected: Option<usize>,
    observer: &mut dyn Observer,
) -> Vec<f32> {
    let count = selected.map_or(train.count, |selected| selected.min(train.count));
    let path = evaluator.features_path(&source.cache_dir, &row.spec.fingerprint, selected);
    match Evaluator::read_features(&path, count) {
        Ok(Some(features)) => return features,
        Ok(None) => {}
        Err(error) => observer
            .observe(Progress::EvaluatorCache { error: &error, effect: CacheEffect::FeaturesComputed }),
    }
    let features = match selected {
        None => evaluator.outputs(&train.pixels).features,
        Some(_) => evaluator.outputs(&select(&train.pixels, train.shape.size(), count)).features,
    };
    if let Err(error) = Evaluator::write_features(&path, &features) {
        observer.observe(Progress::EvaluatorCache { error: &error, effect: CacheEffect::FeaturesNotKept });
    }
    features
}

fn labelled(images: &Images) -> LabelledImages<'_> {
    LabelledImages { pixels: &images.pixels, labels: &images.labels }
}

/// At most `count` rows, evenly distributed: files may be sorted by class.
pub(crate) fn select<T: Copy>(values: &[T], width: usize, count: usize) -> Vec<T> {
    let rows = values.len() / width;
    let kept = count.min(rows);
    (0..kept).flat_map(|place| &values[place * rows / kept * width..][..width]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_spread_over_all_rows() {
        let rows: Vec<u8> = (0..20).collect();
        assert_eq!(select(&rows, 2, 5), [0, 1, 4, 5, 8, 9, 12, 13, 16, 17]);
        assert_eq!(select(&rows, 2, 100), rows);
        assert_eq!(select(&rows[..0], 2, 5), [0; 0]);
    }
}
