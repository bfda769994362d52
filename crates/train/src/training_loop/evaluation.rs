//! Quality figures of the images that the lanes of a group draw while they train.

use std::collections::BTreeMap;

use gansweep_config::{Record, SampleMode};
use gansweep_protocol::{Evaluated, Metric};

use super::lane::LoopLane;
use crate::{Latents, TrainError, Trainer, classes_in_turn, generate, pixels};

/// How generated images are evaluated.
pub struct Evaluation<'a> {
    /// The number of images.
    pub images: usize,
    /// Computes the figures of images `[images, channels, height, width]` of that shape.
    pub figures: &'a dyn Fn(&[u8]) -> ImageFigures,
}

/// Quality figures of images.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageFigures {
    /// The digest of the classifier whose features they are of.
    pub evaluator: String,
    /// Each figure and its value.
    pub figures: Vec<(Metric, f64)>,
    /// The number of images of each class, where the classifier knows classes.
    pub classes: Option<Vec<u64>>,
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
        let due: Vec<usize> = (0..lanes.len()).filter(|lane| lanes[*lane].wants_evaluation(record)).collect();
        let mut evaluated: BTreeMap<usize, Vec<Evaluated>> = BTreeMap::new();
        let Some(first) = due.first() else { return Ok(evaluated) };
        let latents: Vec<Vec<f32>> = lanes
            .iter()
            .map(|lane| generate::latents(lane.config(), self.images, generate::EVALUATION_SEED))
            .collect();
        // All lanes of a group have the same sources and the same number of latents.
        let sources = lanes[*first].sources();
        let dim = lanes[*first].config().model.latent_dim as usize;
        let classes = classes_in_turn(lanes[*first].spec(), self.images);
        for &source in sources {
            let mut drawn: BTreeMap<usize, Vec<u8>> = due.iter().map(|lane| (*lane, Vec::new())).collect();
            for start in (0..self.images).step_by(generate::CHUNK) {
                let end = self.images.min(start + generate::CHUNK);
                let own = |latents: &Vec<f32>| latents[start * dim..end * dim].to_vec();
                let chunk = Latents {
                    lanes: latents.iter().map(own).collect(),
                    classes: classes[start..end].to_vec(),
                };
                let images = trainer.sample(&chunk, SampleMode::Eval, source)?;
                for (lane, bytes) in &mut drawn {
                    let values = images[*lane].as_deref().unwrap_or_default();
                    bytes.extend(pixels::to_bytes(values, lanes[*lane].config().data.pixels));
                }
            }
            for (lane, bytes) in drawn {
                let ImageFigures { evaluator, figures, classes } = (self.figures)(&bytes);
                evaluated.entry(lane).or_default().push(Evaluated {
                    step: lanes[lane].step,
                    source,
                    images: self.images as u32,
                    evaluator,
                    is_curve: Some(&source) == sources.last(),
                    figures,
                    classes,
                });
            }
        }
        Ok(evaluated)
    }
}
