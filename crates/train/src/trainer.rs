//! The interface of a backend: training, sampling and saving a group of lanes.

use std::sync::Arc;

use gansweep_config::{Config, DataConfig, DatasetSpec, ImageShape, NetworkOptimizer, Pixels, SampleMode};

use gansweep_protocol::{Metric, SampleSource};

use crate::TrainError;
use gansweep_data::Images;
use gansweep_nn::augment::{self, Augmentation};
use gansweep_nn::network::Role;
use gansweep_nn::optimizer;
use gansweep_nn::rng::{self, Key, Pass, Purpose};
use gansweep_nn::state::LaneState;

/// Builds a trainer for lanes that go on from the given states.
pub type OpenTrainer<'a> =
    dyn Fn(Vec<Lane>, Vec<LaneState>, TrainingImages) -> Result<Box<dyn Trainer>, TrainError> + 'a;

/// The parameters of a lane.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The run's config.
    pub config: Config,
    /// The data set that it trains on.
    pub spec: DatasetSpec,
    /// The run's seed.
    pub seed: u64,
}

impl Lane {
    /// Standard deviation of the noise on the discriminator's inputs in a step, counted from 0.
    pub fn instance_noise(&self, step: u64) -> f32 {
        let per_epoch = f64::from(self.config.steps_per_epoch(&self.spec));
        self.config.train.instance_noise_after(step as f64 / per_epoch) as f32
    }

    /// The changes of `count` inputs of a pass of the discriminator.
    pub fn augmentations(
        &self,
        step: u64,
        update: u32,
        pass: Pass,
        count: usize,
    ) -> impl Iterator<Item = Augmentation> {
        augment::augmentations(&self.config, self.spec.image, (self.seed, step, update, pass), count)
    }

    /// The classes of the fakes of a pass of the generator, one for each of the batch's real images, whose classes are
    /// `real`: drawn, or those of the real images ([`Config::pairs_classes`]).
    pub fn fake_classes(&self, (step, update, pass): (u64, u32, Pass), real: &[u16]) -> Vec<u16> {
        if self.config.pairs_classes() {
            return real.to_vec();
        }
        let mut classes = vec![0; real.len()];
        let key = Key::new(self.seed, Purpose::Class, &[step, update.into(), pass as u64]);
        rng::classes(key, self.spec.classes, &mut classes);
        classes
    }

    /// A network's optimiser with the learning rate of a step, counted from 0.
    pub fn optimizer(&self, role: Role, step: u64) -> NetworkOptimizer {
        let per_epoch = self.config.steps_per_epoch(&self.spec);
        optimizer::at_step(optimizer::of(role, &self.config), step, per_epoch)
    }
}

/// The training images that all lanes of a group share.
#[derive(Debug, Clone)]
pub struct TrainingImages {
    /// The shape of an image.
    pub shape: ImageShape,
    /// `[count, channels, height, width]`; a batch of them is `[batch, shape.size()]`. With `data.flip`, the
    /// second half is the first mirrored: so a backend takes a mirrored image as it takes any, by its index, and
    /// the decision ([`BatchOrder`]) is made in one place.
    pub bytes: Arc<Vec<u8>>,
    /// `[count]`: the class of each image.
    pub labels: Arc<Vec<u16>>,
    /// Number of images, mirrored ones included.
    pub count: usize,
    /// The interval that pixels are scaled to.
    pub pixels: Pixels,
}

impl TrainingImages {
    /// The value of a pixel byte: `byte / 255` in `[0, 1]`, then `2 v - 1` for the signed range,
    /// as `ToTensor` and `Normalize(0.5, 0.5)` compute it.
    pub fn table(pixels: Pixels) -> [f32; 256] {
        std::array::from_fn(|byte| {
            let unit = byte as f32 / 255.0;
            match pixels {
                Pixels::Signed => (unit - 0.5) / 0.5,
                Pixels::Unit => unit,
            }
        })
    }

    /// The first `count` images, or all if there are fewer.
    pub fn first(count: usize, images: Images, pixels: Pixels) -> Self {
        let Images { shape, count: all, pixels: mut bytes, mut labels } = images;
        let count = count.min(all);
        bytes.truncate(count * shape.size());
        labels.truncate(count);
        Self { shape, bytes: Arc::new(bytes), labels: Arc::new(labels), count, pixels }
    }

    /// The images and their mirror images, if a run of that config mirrors some (`data.flip`).
    #[must_use]
    pub fn with_flips(self, data: &DataConfig) -> Self {
        if !data.flip {
            return self;
        }
        let used = self.count * self.shape.size();
        let mut bytes = Vec::with_capacity(2 * used);
        bytes.extend_from_slice(&self.bytes[..used]);
        for row in self.bytes[..used].chunks_exact(self.shape.width as usize) {
            bytes.extend(row.iter().rev());
        }
        let labels = self.labels.repeat(2);
        Self { bytes: Arc::new(bytes), labels: Arc::new(labels), count: 2 * self.count, ..self }
    }

    /// Checks that a lane can train on these images.
    ///
    /// # Errors
    ///
    /// The reason, as the rest of a sentence that begins with the lane.
    pub fn check(&self, lane: &Lane) -> Result<(), String> {
        let (shape, wanted) = (lane.spec.image, lane.config.images(&lane.spec) as usize);
        if shape != self.shape {
            return Err(format!("takes images of shape {shape}, not {}", self.shape));
        }
        if wanted > self.count {
            return Err(format!("trains on {wanted} images of {}", self.count));
        }
        if lane.config.data.flip && 2 * wanted != self.count {
            return Err(format!("trains on {wanted} images and their mirror images, of {}", self.count));
        }
        let classes = lane.spec.classes;
        let is_known = |&label: &u16| u32::from(label) < classes;
        let has_classes = self.labels.len() >= self.count && self.labels.iter().all(is_known);
        if lane.config.model.conditional && !has_classes {
            return Err(format!("needs the class of each image, of {classes}"));
        }
        Ok(())
    }

    /// The classes of the images with these indices.
    pub fn classes(&self, places: &[u32]) -> Vec<u16> {
        places.iter().map(|&place| self.labels[place as usize]).collect()
    }

    /// The bytes of image `index`.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.shape.size();
        &self.bytes[index * size..(index + 1) * size]
    }
}

/// The metrics of one lane in one [`Trainer::advance`].
#[derive(Debug, Clone, PartialEq)]
pub struct LaneChunk {
    /// One row for each step. It ends early with the first step whose losses are not finite; the lane has
    /// diverged and cannot go on.
    pub steps: StepRows,
    /// The metrics of [`Metric::of_points`] in the last step, in that order, if they were asked for.
    pub point: Option<Vec<f32>>,
}

/// The metrics of a lane step by step: rows of [`Metric::of_steps`], in that order. A metric that is not measured in a
/// step is NaN there, if it is declared [optional](gansweep_protocol::Presence::Optional).
#[derive(Debug, Clone, Default)]
pub struct StepRows {
    width: usize,
    values: Vec<f32>,
}

impl StepRows {
    /// Without rows, with memory for a number of them.
    pub fn with_capacity(rows: usize) -> Self {
        let width = Metric::of_steps().count();
        Self { width, values: Vec::with_capacity(rows * width) }
    }

    /// Adds a row; returns whether training can go on after it.
    ///
    /// # Panics
    /// If the row has not one value for each metric of [`Metric::of_steps`]: a backend's mistake.
    pub fn push(&mut self, row: &[f32]) -> bool {
        assert_eq!(row.len(), self.width, "a row has one value for each metric of a step");
        self.values.extend_from_slice(row);
        failed_metric(row).is_none()
    }

    /// The rows, in the order of the steps.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[f32]> + ExactSizeIterator {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One metric of every step.
    pub fn column(&self, metric: Metric) -> Vec<f32> {
        let place = Metric::of_steps().position(|candidate| candidate == metric);
        place.map_or_else(Vec::new, |place| self.iter().map(|row| row[place]).collect())
    }
}

/// Equal bits, so that what is not measured is equal too.
impl PartialEq for StepRows {
    fn eq(&self, other: &Self) -> bool {
        let bits = |rows: &Self| rows.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        self.width == other.width && bits(self) == bits(other)
    }
}

/// The first metric of a row that ends the run because it is not finite.
pub(crate) fn failed_metric(row: &[f32]) -> Option<(Metric, f32)> {
    let ends_run =
        |(metric, value): &(Metric, f32)| metric.declaration().ends_run_if_not_finite && !value.is_finite();
    Metric::of_steps().zip(row.iter().copied()).find(ends_run)
}

/// What images are drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Latents {
    /// The latents of each lane, `[count, latent_dim]`, row by row.
    pub lanes: Vec<Vec<f32>>,
    /// The class of each image, `[count]`, the same for all lanes; without effect on a model that is not conditional.
    pub classes: Vec<u16>,
}

/// A group of lanes on one device.
///
/// All lanes of a group have the same shapes, batch size and data, and are in the same
/// [`phase`](Config::phase). The results of a lane depend on its config, seed, data and state alone.
pub trait Trainer {
    /// Name of the backend, for the record.
    fn backend(&self) -> String;

    /// Trains every active lane `steps` steps further. The caller chooses `steps` so that no epoch ends
    /// within them. Entry `i` is lane `i`'s; retired lanes have `None`. If `point`, the last step also
    /// measures the metrics of [`Metric::of_points`].
    fn advance(&mut self, steps: u32, point: bool) -> Result<Vec<Option<LaneChunk>>, TrainError>;

    /// Images of the generators of all active lanes from their latents, drawn with their current weights or the
    /// average of them. Each lane's are `[count, image size]`, in the config's pixel
    /// range. Changes no state.
    ///
    /// # Errors
    ///
    /// [`TrainError::Group`] where there are no latents for a lane, or averages are asked for and none are kept.
    fn sample(
        &mut self,
        latents: &Latents,
        mode: SampleMode,
        source: SampleSource,
    ) -> Result<Vec<Option<Vec<f32>>>, TrainError>;

    /// The discriminator's logit of each image of `images` `[count, image size]`, in the config's pixel range and in eval
    /// mode: the larger, the more real. A conditional model takes each to be of its class of `classes` `[count]`, which
    /// are without effect on any other. Changes no state.
    ///
    /// # Errors
    ///
    /// [`TrainError::Group`] on a backend that only trains and draws.
    fn logits(&mut self, lane: usize, images: &[f32], classes: &[u16]) -> Result<Vec<f32>, TrainError> {
        let (_, _, _) = (lane, images, classes);
        Err(TrainError::Group(format!("{} judges no images", self.backend())))
    }

    /// A copy of a lane's state.
    fn state(&mut self, lane: usize) -> Result<LaneState, TrainError>;

    /// Removes a lane from all further work.
    fn retire(&mut self, lane: usize);
}

/// The order in which a lane sees the training images.
#[derive(Debug, Clone)]
pub struct BatchOrder {
    order: Vec<u32>,
    epoch: Option<u32>,
}

impl BatchOrder {
    /// Without an epoch; the first call of [`batches`](Self::batches) derives one.
    pub fn new() -> Self {
        Self { order: Vec::new(), epoch: None }
    }

    /// The indices of the images of each discriminator update of `step` (counted from 0): `d_steps` batches,
    /// or fewer at the end of an epoch. The order of an epoch is derived when it is first needed. With
    /// `data.flip`, a mirrored image has the index of its mirror image ([`TrainingImages::with_flips`]).
    pub fn batches(&mut self, lane: &Lane, step: u64) -> Vec<&[u32]> {
        let Lane { config, spec, .. } = lane;
        let per_epoch = u64::from(config.steps_per_epoch(spec));
        let (epoch, within) = ((step / per_epoch) as u32, (step % per_epoch) as usize);
        if self.epoch != Some(epoch) {
            let images = config.images(spec);
            self.order = rng::epoch_order(lane.seed, epoch, images, config.train.shuffle);
            if config.data.flip {
                for image in &mut self.order {
                    *image += if rng::is_flipped(lane.seed, epoch, *image) { images } else { 0 };
                }
            }
            self.epoch = Some(epoch);
        }
        let used = &self.order[..config.images_per_epoch(spec) as usize];
        let batch = config.train.batch_size as usize;
        let updates = config.train.d_steps as usize;
        used.chunks(batch).skip(within * updates).take(updates).collect()
    }
}

impl Default for BatchOrder {
    fn default() -> Self {
        Self::new()
    }
}

/// The classes of `count` images, each in turn.
pub fn classes_in_turn(spec: &DatasetSpec, count: usize) -> Vec<u16> {
    (0..count).map(|image| (image % spec.classes.max(1) as usize) as u16).collect()
}

/// The sweep's fixed latents for models of `latent_dim`: `[count, latent_dim]`, row by row.
pub fn fixed_latents(latent_seed: u64, config: &Config, count: usize) -> Vec<f32> {
    let dim = config.model.latent_dim as usize;
    let mut values = vec![0.0; count * dim];
    rng::latents(Key::new(latent_seed, Purpose::Fixed, &[dim as u64]), config.model.latent, &mut values);
    values
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gansweep_config::{Experiment, LoadOptions};

    use super::*;

    fn lane(flip: bool) -> Lane {
        let source =
            format!("data.flip = {flip}\ndata.images = 300\ntrain.batch_size = 100\ntrain.d_steps = 2\n");
        let options = LoadOptions::default();
        let config = Experiment::parse(Path::new("flip.toml"), source, &options).unwrap().config;
        Lane { config, spec: gansweep_data::strokes::spec(), seed: 5 }
    }

    #[test]
    fn mirrored_images_stand_behind_the_images_with_the_same_labels() {
        let shape = ImageShape { channels: 2, height: 2, width: 3 };
        let images = Images { shape, count: 3, pixels: (0..36).collect(), labels: vec![7, 8, 9] };
        let flipped = TrainingImages::first(2, images, Pixels::Signed).with_flips(&lane(true).config.data);
        assert_eq!((flipped.count, &flipped.labels[..]), (4, &[7, 8, 7, 8][..]));
        assert_eq!(flipped.image(1), (12..24).collect::<Vec<u8>>());
        assert_eq!(flipped.image(3), [14, 13, 12, 17, 16, 15, 20, 19, 18, 23, 22, 21]);
    }

    #[test]
    fn each_epoch_sees_every_image_once_flipped_or_not_whatever_came_before() {
        let (lane, plain) = (lane(true), lane(false));
        let mut order = BatchOrder::new();
        let mut unflipped = BatchOrder::new();
        for epoch in 0..2 {
            let mut seen = Vec::new();
            for step in 2 * epoch..2 * epoch + 2 {
                let batches = order.batches(&lane, step).concat();
                let of = |image: u32| image % 300;
                assert_eq!(
                    batches.iter().copied().map(of).collect::<Vec<_>>(),
                    unflipped.batches(&plain, step).concat()
                );
                for &image in &batches {
                    assert_eq!(image >= 300, rng::is_flipped(lane.seed, epoch as u32, of(image)));
                }
                // As a run that is resumed here sees it.
                assert_eq!(BatchOrder::new().batches(&lane, step).concat(), batches);
                seen.extend(batches.into_iter().map(of));
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..300).collect::<Vec<_>>());
        }
    }

    #[test]
    fn images_without_their_mirror_images_are_refused() {
        let images = || TrainingImages {
            shape: lane(true).spec.image,
            bytes: Arc::new(vec![0; 300 * 784]),
            labels: Arc::new(vec![0; 300]),
            count: 300,
            pixels: Pixels::Signed,
        };
        assert!(images().check(&lane(true)).unwrap_err().contains("mirror images"));
        images().with_flips(&lane(true).config.data).check(&lane(true)).unwrap();
        images().with_flips(&lane(false).config.data).check(&lane(false)).unwrap();
    }
}
