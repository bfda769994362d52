//! Signals and tangents of a network of convolutions, for a [penalty](crate::penalty).

use super::epilogue::TimesDerivative;
use super::patches::NO_BIAS;
use super::product::map_product;
use super::stage::MapStage;
use super::{ConvNet, ConvTrace};
use crate::added_pairs::AddedPairs;
use crate::engine::{Engine, Phase};
use crate::matrix::{Line, Matrix};
use crate::tangents::ONE;

/// Memory for tangents and signals of up to `images` images, for each of these stages.
pub(super) fn pairs_of<'s>(stages: impl Iterator<Item = &'s MapStage>, images: usize) -> AddedPairs {
    let (lefts, rights) = stages
        .map(|stage| {
            let tangents = Matrix::new(stage.links.inputs * images, stage.inputs());
            (tangents, Matrix::new(stage.links.outputs * images, stage.outputs()))
        })
        .unzip();
    AddedPairs::new(lefts, rights)
}

/// Makes room for the tangents and signals of `images` images.
pub(super) fn reshape_pairs_of<'s>(
    stages: impl Iterator<Item = &'s MapStage>,
    images: usize,
    pairs: &mut AddedPairs,
) {
    let pairs = pairs.lefts.iter_mut().zip(&mut pairs.rights);
    for (stage, (tangents, signals)) in stages.zip(pairs) {
        tangents.reshape(stage.links.inputs * images, stage.inputs());
        signals.reshape(stage.links.outputs * images, stage.outputs());
    }
}

impl ConvNet {
    /// Memory for tangents and signals of up to `images` images.
    pub(crate) fn pairs(&self, images: usize) -> AddedPairs {
        pairs_of(self.stages.iter(), images)
    }

    /// Makes room for the tangents and signals of `images` images.
    pub(crate) fn reshape_pairs(&self, images: usize, pairs: &mut AddedPairs) {
        reshape_pairs_of(self.stages.iter(), images, pairs);
    }

    /// From the last stage to the first: the signals, and in `gradient` that of the images.
    pub(crate) fn signals(
        &mut self,
        engine: &mut Engine,
        classes: &[u16],
        trace: &mut ConvTrace,
        pairs: &mut AddedPairs,
        gradient: &mut Matrix,
    ) {
        let images = gradient.rows();
        let ConvTrace { hidden: traces, gradients: [of_patches, _], scratch, padded, batch, .. } = trace;
        if let Some(signals) = pairs.rights.last_mut() {
            signals.reshape(images, 1);
            signals.lines_mut().fill(ONE);
            self.spread(classes, signals);
        }
        for i in (0..self.stages.len()).rev() {
            let (before, stage) = self.stages.split_at_mut(i);
            let (before_signals, signals) = pairs.rights.split_at_mut(i);
            match (before.last_mut(), traces[..i].last_mut(), before_signals.last_mut()) {
                (Some(before), Some(trace), Some(out)) => {
                    let derivative = Some(before.derivative(trace));
                    stage[0].backward(engine, &signals[0], images, derivative, scratch, out);
                    before.backward_norm(engine, *batch, trace, out, None, None);
                }
                _ => stage[0].backward(engine, &signals[0], images, None, scratch, of_patches),
            }
        }
        if let Some(first) = &self.first {
            // The last line of an image may have padding, which has to be zero.
            gradient.lines_mut().fill(Line::ZERO);
            first.fold(of_patches, &NO_BIAS, gradient, 0, padded);
            engine.lap(Phase::Patches);
        }
    }

    /// Computes the tangents of each stage's input from those of the stage before; the first are those of the patches
    /// of `images`, the tangents of the images.
    pub(crate) fn tangents(
        &self,
        engine: &mut Engine,
        trace: &mut ConvTrace,
        pairs: &mut AddedPairs,
        images: &Matrix,
    ) {
        if let Some(first) = &self.first {
            first.unfold(images, None, &mut pairs.lefts[0], &mut trace.padded);
            engine.lap(Phase::Patches);
        }
        for (i, (stage, trace)) in self.stages.iter().zip(&trace.hidden).enumerate() {
            let (before, tangents) = pairs.lefts.split_at_mut(i + 1);
            let (derivative, saved) = stage.derivative(trace);
            let epilogue = TimesDerivative { derivative, saved, out: &mut tangents[0] };
            let (groups, weight) = (&stage.links.forward, stage.weight.factor());
            map_product(engine.arch, &before[i], images.rows(), groups, weight, epilogue);
            engine.lap(Phase::Forward);
        }
    }
}
