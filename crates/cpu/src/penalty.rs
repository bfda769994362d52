//! A penalty on the discriminator's gradient with respect to its input, as pairs of matrices whose products are the
//! penalty's part of the weights' gradients.
//!
//! The mathematics is that of [`gansweep_nn::penalty`]. Back-propagating a one from every output gives the *signals*:
//! the output's derivatives with respect to what each layer with weights computes, and at the end with respect to the input.
//! The *tangents* go forward from there ([`tangents`](super::tangents)). The gradient of a layer's weight is the product of its
//! input's tangents, transposed, and its output's signals, over the same links of a convolution; it joins the product of the loss's gradient, so that the optimiser updates each
//! weight once, as the epilogue of one product. Biases move no gradient, unless a layer has a second derivative
//! ([`SecondOrder`](super::added_pairs::SecondOrder)).

use gansweep_config::{ImageShape, Latent, PenaltyConfig};
use gansweep_nn::penalty::{Points, of_norm};
use gansweep_nn::rng::{self, Key, Pass, Purpose};
use gansweep_train::TrainingImages;
use pulp::{Arch, NullaryFnOnce};

use super::added_pairs::AddedPairs;
use super::affine::Statistics;
use super::batch::Batch;
use super::engine::{Engine, Phase};
use super::matrix::{LINE, Line, Matrix};
use super::net::{Net, NetTrace};
use super::sparse::Input;
use super::stage::{Gradients, MaskStreams, Mode, Rows};

/// A penalty, and the memory to compute it.
#[derive(Debug)]
pub(super) struct Penalty {
    config: PenaltyConfig,
    points: Points,
    /// Places or noise as drawn.
    drawn: Vec<f32>,
    trace: NetTrace,
    /// `[rows, 1]`.
    logits: Matrix,
    /// Tangents of each product's input and signals of its output.
    pairs: AddedPairs,
    /// `[rows, image size]`: the points, then the gradients at them, then the tangents of the images. Of a multilayer
    /// perceptron they are the first tangents in `pairs`, which another network may have of patches.
    images: Option<Matrix>,
    /// Squared norms of the gradients, in sixteen sums for each row.
    squares: Matrix,
}

/// What a penalty measures in one update of the discriminator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// The mean penalty, times its weight.
    pub(super) penalty: f64,
    /// The mean norm of the gradients.
    pub(super) norm: f64,
}

/// The batch that a penalty is measured on.
pub(super) struct Scene<'a> {
    /// Of the update, with the passes of the batch's masks.
    pub(super) streams: MaskStreams,
    /// The number of the discriminator's update, counted from 0.
    pub(super) update: u64,
    pub(super) images: &'a TrainingImages,
    /// Indices of the real images.
    pub(super) places: &'a [u32],
    /// Real images and fakes.
    pub(super) batch: &'a Batch,
    /// Of the discriminator's pass over the batch.
    pub(super) trace: &'a NetTrace,
    /// Scratch memory.
    pub(super) gradients: &'a mut Gradients,
}

impl Penalty {
    /// The penalty of a config, for batches of up to `batch` real images; `None` if it has none.
    pub(super) fn new(
        config: &PenaltyConfig,
        batch: usize,
        image: ImageShape,
        discriminator: &Net,
    ) -> Option<Self> {
        let points = Points::of(config)?;
        let rows = batch * points.per_image();
        let drawn = match points {
            Points::Between => batch,
            Points::AroundReal => batch * image.size(),
            Points::Images { .. } => 0,
        };
        let mut trace = discriminator.trace(rows, true);
        Some(Self {
            config: config.clone(),
            points,
            drawn: vec![0.0; drawn],
            logits: Matrix::new(rows, 1),
            pairs: discriminator.pairs(rows, &mut trace),
            trace,
            images: match discriminator {
                Net::Mlp(_) => None,
                Net::Conv(_) | Net::Listed(_) => Some(Matrix::new(rows, image.size())),
            },
            squares: Matrix::new(rows, LINE),
        })
    }

    /// Whether the discriminator's update number `update`, counted from 0, has the penalty.
    pub(super) fn is_due(&self, update: u64) -> bool {
        self.config.is_due(update)
    }

    /// Tangents and signals of the latest batch.
    pub(super) fn pairs(&self) -> &AddedPairs {
        &self.pairs
    }

    /// Computes tangents and signals for a batch.
    pub(super) fn measure(
        &mut self,
        engine: &mut Engine,
        discriminator: &mut Net,
        scene: &mut Scene<'_>,
    ) -> Measured {
        let rows = scene.places.len() * self.points.per_image();
        discriminator.reshape_pairs(rows, &mut self.pairs);
        if let Some(images) = &mut self.images {
            images.reshape(rows, images.cols());
        }
        self.activations(engine, discriminator, scene);
        let classes = self.classes(scene);
        discriminator.signals(
            engine,
            classes,
            &mut self.trace,
            scene.gradients,
            &mut self.pairs,
            self.images.as_mut(),
        );
        let measured = self.first_tangents(engine.arch, scene);
        engine.lap(Phase::Losses);
        discriminator.tangents(engine, classes, &mut self.trace, &mut self.pairs, self.images.as_ref());
        measured
    }

    /// The class of each point: that of its image. What lies between a real image and a fake has the class of both
    /// ([`Config::pairs_classes`](gansweep_config::Config::pairs_classes)).
    fn classes<'a>(&self, scene: &Scene<'a>) -> &'a [u16] {
        let (all, count) =
            (scene.batch.input().classes, scene.places.len().min(scene.batch.input().classes.len()));
        match self.points {
            Points::Images { real: true, fake: true } => all,
            Points::Images { real: false, .. } => &all[count..],
            _ => &all[..count],
        }
    }

    /// Evaluates the discriminator at the points, as far as the batch's own pass has not.
    fn activations(&mut self, engine: &mut Engine, discriminator: &mut Net, scene: &Scene<'_>) {
        let count = scene.places.len();
        if let Points::Images { real, fake } = self.points {
            let halves = [(real, 0), (fake, count)].into_iter().filter(|(used, _)| *used);
            let ranges: Vec<_> = halves.map(|(_, first)| first..first + count).collect();
            if let (Some(points), Some(_)) = (&mut self.images, &self.pairs.second_order) {
                let rows = points.rows();
                points.copy_rows(scene.batch.input().dense, &ranges, rows);
            }
            return self.trace.copy_images(scene.trace, &ranges);
        }
        let points = self.images.as_mut().unwrap_or(&mut self.pairs.lefts[0]);
        scene.batch.copy_real(engine.arch, scene.images, scene.places, points);
        let MaskStreams { seed, step, update, .. } = scene.streams;
        let key = Key::new(seed, Purpose::Penalty, &[step, u64::from(update)]);
        if self.points == Points::Between {
            let places = &mut self.drawn[..count];
            rng::fractions(key, places);
            let (fakes, first) = scene.batch.dense_fakes();
            engine.arch.dispatch(Between { points, fakes, first, places });
        } else {
            let noise = &mut self.drawn[..count * points.cols()];
            rng::latents(key, Latent::Normal, noise);
            add_noise(points, noise, self.config.noise as f32);
        }
        engine.lap(Phase::Inputs);
        let streams = MaskStreams { passes: &[Pass::DiscriminatorInPenalty], ..scene.streams };
        let mode = Mode { statistics: Statistics::Training, streams: Some(streams) };
        self.logits.reshape(count, 1);
        let logits = Rows { matrix: &mut self.logits, first_row: 0 };
        let classes = &scene.batch.input().classes[..count.min(scene.batch.input().classes.len())];
        let points = Input::from(&*points).with_classes(classes);
        discriminator.forward(engine, mode, points, &mut self.trace, logits);
    }

    /// Turns the gradients at the points into the penalty's derivative with respect to them.
    fn first_tangents(&mut self, arch: Arch, scene: &Scene<'_>) -> Measured {
        let gradients = self.images.as_mut().unwrap_or(&mut self.pairs.lefts[0]);
        self.squares.reshape(gradients.rows(), LINE);
        arch.dispatch(RowSquares { matrix: gradients, squares: &mut self.squares });
        let count = scene.places.len() as f64;
        let factor = self.config.factor(scene.update) / count;
        let mut sums = Measured { penalty: 0.0, norm: 0.0 };
        for line in self.squares.lines_mut() {
            let square: f64 = line.0.iter().map(|&square| f64::from(square)).sum();
            let norm = libm::sqrt(square);
            let term = of_norm(&self.config, norm);
            sums.penalty += term.value;
            sums.norm += norm;
            // The norm has no derivative at zero; as in PyTorch it counts as zero.
            let scale = if norm == 0.0 { 0.0 } else { factor * term.derivative / norm };
            *line = Line([scale as f32; LINE]);
        }
        arch.dispatch(ScaleRows { matrix: gradients, scales: &self.squares });
        Measured {
            penalty: self.config.weight * sums.penalty / count,
            norm: sums.norm / gradients.rows() as f64,
        }
    }
}

/// Moves each real image towards its fake: `e x + (1 - e) g` with its place `e`.
struct Between<'a> {
    points: &'a mut Matrix,
    /// Rows from `first` on.
    fakes: &'a Matrix,
    first: usize,
    places: &'a [f32],
}

impl NullaryFnOnce for Between<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for panel in 0..self.points.panels() {
            let fakes = &self.fakes.panel(panel)[self.first..];
            for ((point, fake), &place) in self.points.panel_mut(panel).iter_mut().zip(fakes).zip(self.places)
            {
                for i in 0..LINE {
                    point.0[i] = place * point.0[i] + (1.0 - place) * fake.0[i];
                }
            }
        }
    }
}

/// Adds `deviation` times the noise, which is in row-major order.
fn add_noise(points: &mut Matrix, noise: &[f32], deviation: f32) {
    let cols = points.cols();
    for (row, noise) in noise.chunks_exact(cols).enumerate() {
        for (panel, part) in noise.chunks(LINE).enumerate() {
            for (value, noise) in points.panel_mut(panel)[row].0.iter_mut().zip(part) {
                *value += deviation * noise;
            }
        }
    }
}

/// Sums of the squares of each row, one for each column of a panel.
struct RowSquares<'a> {
    matrix: &'a Matrix,
    squares: &'a mut Matrix,
}

impl NullaryFnOnce for RowSquares<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let squares = self.squares.lines_mut();
        squares.fill(Line::ZERO);
        for panel in 0..self.matrix.panels() {
            for (sum, line) in squares.iter_mut().zip(self.matrix.panel(panel)) {
                for i in 0..LINE {
                    sum.0[i] += line.0[i] * line.0[i];
                }
            }
        }
    }
}

/// Multiplies each row by its number, which fills a line of `scales`.
struct ScaleRows<'a> {
    matrix: &'a mut Matrix,
    scales: &'a Matrix,
}

impl NullaryFnOnce for ScaleRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for panel in 0..self.matrix.panels() {
            for (line, scale) in self.matrix.panel_mut(panel).iter_mut().zip(self.scales.lines()) {
                for i in 0..LINE {
                    line.0[i] *= scale.0[i];
                }
            }
        }
    }
}
