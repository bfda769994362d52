//! Quality figures of the images that the lanes of a group draw while they train.

use std::collections::BTreeMap;

use gansweep_config::{Record, SampleMode};
use gansweep_protocol::{ClassFigures, Evaluated, Metric, SampleSource};

use super::lane::LoopLane;
use crate::{Latents, TrainError, Trainer, classes_in_turn, generate, pixels};

/// How generated images are evaluated.
pub struct Evaluation<'a> {
    /// Computes the figures of what was drawn; more than one set of them where numbers of images differ.
    pub figures: &'a dyn Fn(&Drawn<'_>) -> Vec<ImageFigures>,
}

/// Images that a lane has drawn.
#[derive(Debug, Clone, Copy)]
pub struct Drawn<'a> {
    /// `[images, channels, height, width]`.
    pub pixels: &'a [u8],
    /// The class that each image was drawn for; `None` where the model is not conditional.
    pub classes: Option<&'a [u16]>,
    /// Whether a budget of the run ends here.
    pub ends_budget: bool,
}

/// Quality figures of images.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageFigures {
    /// The number of images.
    pub images: u32,
    /// Whether they are points of the run, if the weights that drew the images draw its points.
    pub is_curve: bool,
    /// The digest of the classifier whose features they are of.
    pub evaluator: String,
    /// Each figure and its value.
    pub figures: Vec<(Metric, f64)>,
    /// The number of images of each class, where the classifier knows classes.
    pub classes: Option<Vec<u64>>,
    /// The figures of each class, where each image was drawn for one.
    pub by_class: Option<Vec<ClassFigures>>,
}

impl Evaluation<'_> {
    /// Figures of the lanes for which they are due, by the weights of the generator and, where it is kept, by their
    /// average.
    ///
    /// The latents are from a stream of their own, so that they change no bit of the training, and the same as those of
    /// an evaluation of a checkpoint.
    pub(super) fn of_lanes(
        &self,
        trainer: &mut dyn Trainer,
        lanes: &[LoopLane],
        record: &Record,
    ) -> Result<BTreeMap<usize, Vec<Evaluated>>, TrainError> {
        let mut evaluated: BTreeMap<usize, Vec<Evaluated>> = BTreeMap::new();
        let ends = |lane: &usize| lanes[*lane].ends_budget();
        let due = (0..lanes.len()).filter(|lane| lanes[*lane].wants_evaluation(record));
        let (last, others): (Vec<usize>, Vec<usize>) = due.partition(ends);
        let most = record.evaluate_images.max(record.final_images);
        for (due, images, ends_budget) in [(others, record.evaluate_images, false), (last, most, true)] {
            let Some(first) = due.first() else { continue };
            // All lanes of a group have the same sources.
            let sources = lanes[*first].sources();
            let is_conditional = lanes[*first].config().model.conditional;
            let classes = classes_in_turn(lanes[*first].spec(), images as usize);
            let classes = is_conditional.then_some(&classes[..]);
            for &source in sources {
                let is_curve = Some(&source) == sources.last();
                for (lane, pixels) in draw(trainer, lanes, &due, images as usize, source)? {
                    let step = lanes[lane].step;
                    let of_lane = (self.figures)(&Drawn { pixels: &pixels, classes, ends_budget });
                    let of_lane = of_lane.into_iter().map(|found| found.of_images(step, source, is_curve));
                    evaluated.entry(lane).or_default().extend(of_lane);
                }
            }
        }
        Ok(evaluated)
    }
}

impl ImageFigures {
    fn of_images(self, step: u64, source: SampleSource, is_curve: bool) -> Evaluated {
        let Self { images, is_curve: has_points, evaluator, figures, classes, by_class } = self;
        let is_curve = is_curve && has_points;
        Evaluated { step, source, images, evaluator, is_curve, figures, classes, by_class }
    }
}

/// The images that some of the lanes draw, `[images, channels, height, width]` each.
fn draw(
    trainer: &mut dyn Trainer,
    lanes: &[LoopLane],
    due: &[usize],
    images: usize,
    source: SampleSource,
) -> Result<BTreeMap<usize, Vec<u8>>, TrainError> {
    let latents: Vec<Vec<f32>> = lanes
        .iter()
        .map(|lane| generate::latents(lane.config(), images, generate::EVALUATION_SEED))
        .collect();
    let first = &lanes[due[0]];
    // All lanes of a group have the same number of latents.
    let dim = first.config().model.latent_dim as usize;
    let classes = classes_in_turn(first.spec(), images);
    let mut drawn: BTreeMap<usize, Vec<u8>> = due.iter().map(|lane| (*lane, Vec::new())).collect();
    for start in (0..images).step_by(generate::CHUNK) {
        let end = images.min(start + generate::CHUNK);
        let own = |latents: &Vec<f32>| latents[start * dim..end * dim].to_vec();
        let chunk =
            Latents { lanes: latents.iter().map(own).collect(), classes: classes[start..end].to_vec() };
        let sampled = trainer.sample(&chunk, SampleMode::Eval, source)?;
        for (lane, bytes) in &mut drawn {
            let values = sampled[*lane].as_deref().unwrap_or_default();
            bytes.extend(pixels::to_bytes(values, lanes[*lane].config().data.pixels));
        }
    }
    Ok(drawn)
}
