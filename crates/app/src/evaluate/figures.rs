//! The quality figures of a set of images.

use std::cell::OnceCell;

use gansweep_evaluator::Outputs;
use gansweep_protocol::Metric;
use gansweep_quality::{
    ClassCounts, ClassProbabilities, ClassQuality, Features, Fidelity, KernelDistance, Moments, Neighbours,
    RealClasses, RealSet, Subsets, fidelity, frechet_distance, kernel_distance, mean_nearest_distance,
};
use serde::Serialize;

/// The figures of a set of images. A figure that cannot be computed is NaN.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Number of images. Distances of different numbers are not comparable.
    pub images: usize,
    /// The Fréchet distance to real training images.
    pub fd: f64,
    /// The kernel distance to real training images.
    pub kid: KernelDistance,
    /// Precision, recall, density and coverage with regard to real training images.
    pub fidelity: Fidelity,
    /// Mean distance to the nearest of all training images, between features.
    pub nearest: f64,
    /// Figures by class; `None` if the images have no classes, or a figure is not finite.
    pub classes: Option<ClassFigures>,
    /// How well each image is of the class that it was drawn for; `None` where the model is not conditional.
    pub conditional: Option<ConditionalFigures>,
}

/// Figures of images that were each drawn for a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionalFigures {
    /// The mean of the Fréchet distances within the classes.
    pub fd: f64,
    /// Share of the images that the classifier takes for their class.
    pub accuracy: f64,
    /// Those of each class.
    pub classes: Vec<ClassQuality>,
}

/// Figures by class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassFigures {
    /// The classifier score: from 1 to the number of classes.
    pub score: f64,
    /// Images of each class.
    pub histogram: ClassCounts,
    /// Classes of the data that the images cover.
    pub modes: usize,
    /// `KL(images || data)` between the shares of the classes, in nats.
    pub divergence: f64,
}

impl Figures {
    /// The values that are recorded, of the figures that were computed. Whether the images have classes is the evaluator's to say: where it knows some, a
    /// figure by class that cannot be computed is NaN.
    pub(super) fn values(&self, has_classes: bool, extent: Extent) -> Vec<(Metric, f64)> {
        let Fidelity { precision, recall, density, coverage } = self.fidelity;
        let mut values = vec![
            (Metric::Fd, self.fd),
            (Metric::Kid, self.kid.mean),
            (Metric::Precision, precision),
            (Metric::Recall, recall),
            (Metric::Density, density),
            (Metric::Coverage, coverage),
        ];
        if has_classes {
            let of = |value: fn(&ClassFigures) -> f64| self.classes.as_ref().map_or(f64::NAN, value);
            values.extend([
                (Metric::Score, of(|classes| classes.score)),
                (Metric::Modes, of(|classes| classes.modes as f64)),
                (Metric::ClassKl, of(|classes| classes.divergence)),
            ]);
        }
        if let Some(conditional) = &self.conditional {
            values.extend([(Metric::ClassFd, conditional.fd), (Metric::ClassAccuracy, conditional.accuracy)]);
        }
        if extent == Extent::Whole {
            values.push((Metric::Nearest, self.nearest));
        }
        values
    }

    /// Without real images.
    pub(super) const UNKNOWN: Self = Self {
        images: 0,
        fd: f64::NAN,
        kid: KernelDistance { mean: f64::NAN, deviation: f64::NAN },
        fidelity: Fidelity::UNKNOWN,
        nearest: f64::NAN,
        classes: None,
        conditional: None,
    };

    /// The figures of each class as they are recorded.
    pub(super) fn by_class(&self) -> Option<Vec<gansweep_protocol::ClassFigures>> {
        let of_class =
            |&ClassQuality { fd, accuracy }: &ClassQuality| gansweep_protocol::ClassFigures { fd, accuracy };
        self.conditional.as_ref().map(|figures| figures.classes.iter().map(of_class).collect())
    }
}

/// Which figures are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All but the distance to the nearest training image, for which every image is compared with all of them. Nothing is
    /// ranked by it.
    Quick,
    /// All.
    Whole,
}

/// What images are compared with.
pub(super) struct Reference<'a> {
    selected: Features<'a>,
    train: Option<Features<'a>>,
    moments: Moments,
    /// `None` for fewer images than neighbours.
    neighbours: Option<RealSet<'a>>,
    classes: Option<&'a ClassCounts>,
    /// The classes of `selected`.
    labels: &'a [u16],
    /// Prepared when it is first used, which unconditional models never do.
    within: OnceCell<RealClasses>,
}

impl<'a> Reference<'a> {
    /// `selected`, of the classes `labels`, are compared as a distribution; among `train` is the nearest image looked for.
    pub(super) fn new(
        selected: Features<'a>,
        train: Option<Features<'a>>,
        classes: Option<&'a ClassCounts>,
        labels: &'a [u16],
    ) -> Self {
        let neighbours = RealSet::new(selected, Neighbours::default());
        let (moments, within) = (Moments::new(selected), OnceCell::new());
        Self { selected, train, moments, neighbours, classes, labels, within }
    }

    /// The figures of images, which were drawn for the classes `asked` where the model is conditional.
    pub(super) fn compare(&self, outputs: &Outputs, asked: Option<&[u16]>, extent: Extent) -> Figures {
        let Some(images) = Features::new(&outputs.features, outputs.dimensions) else {
            return Figures::UNKNOWN;
        };
        Figures {
            images: images.count(),
            fd: frechet_distance(&self.moments, &Moments::new(images)),
            kid: kernel_distance(self.selected, images, Subsets::default()),
            fidelity: self.neighbours.as_ref().map_or(Fidelity::UNKNOWN, |real| fidelity(real, images)),
            nearest: match (extent, self.train) {
                (Extent::Whole, Some(train)) => mean_nearest_distance(images, train),
                _ => f64::NAN,
            },
            classes: self.by_class(outputs),
            conditional: asked.and_then(|asked| self.conditional(outputs, asked)),
        }
    }

    fn conditional(&self, outputs: &Outputs, asked: &[u16]) -> Option<ConditionalFigures> {
        let count = self.classes?.counts().len();
        let images = Features::new(&outputs.features, outputs.dimensions)?;
        let probabilities = ClassProbabilities::new(outputs.probabilities.as_ref()?, count)?;
        let real = self.within.get_or_init(|| RealClasses::new(self.selected, self.labels, count));
        let classes = real.compare(images, probabilities, asked);
        let (fd, accuracy) = (real.mean_distance(&classes), probabilities.accuracy(asked));
        Some(ConditionalFigures { fd, accuracy, classes })
    }

    fn by_class(&self, outputs: &Outputs) -> Option<ClassFigures> {
        let data = self.classes?;
        let probabilities = ClassProbabilities::new(outputs.probabilities.as_ref()?, data.counts().len())?;
        let histogram = probabilities.counts()?;
        Some(ClassFigures {
            score: probabilities.score(),
            modes: histogram.modes_covered(data),
            divergence: histogram.divergence(data),
            histogram,
        })
    }
}
