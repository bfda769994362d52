//! What an update does to all parameters of a network together.

use pulp::NullaryFnOnce;

use super::engine::{Engine, Phase};
use super::matrix::{LINE, Line};
use super::norm::Norm;
use super::trained::{Learning, Trained};
use gansweep_nn::optimizer::clip_scale;

/// A network as its trained tensors.
pub(super) trait Parameters {
    /// Calls `work` for every trained tensor, in the order of the layers.
    fn each_trained(&mut self, work: &mut dyn FnMut(&mut Trained));

    /// Calls `work` for every normalisation, in the order of the layers.
    fn each_norm(&mut self, work: &mut dyn FnMut(&mut Norm));

    /// Keeps averages of parameters and buffers, which are all zero.
    fn keep_averages(&mut self) {
        self.each_trained(&mut Trained::keep_average);
        self.each_norm(&mut Norm::keep_averages);
    }

    /// Exchanges parameters and buffers with their averages.
    fn swap_averages(&mut self) {
        self.each_trained(&mut Trained::swap_average);
        self.each_norm(&mut Norm::swap_averages);
    }

    /// Moves the averages of the buffers towards them by `share` of the way, and improves the norms of averaged weights. The
    /// averages of parameters move with their updates.
    fn average_buffers(&mut self, engine: &mut Engine, share: f32) {
        let arch = engine.arch;
        self.each_norm(&mut |norm| norm.average_buffers(arch, share));
        self.each_trained(&mut |trained| trained.follow_average(arch));
        engine.lap(Phase::Updates);
    }

    /// Divides the weights that have a spectral norm by it, after a power iteration if `iterates`.
    fn normalise_weights(&mut self, engine: &mut Engine, iterates: bool) {
        let arch = engine.arch;
        self.each_trained(&mut |trained| trained.normalise(arch, iterates));
        engine.lap(Phase::Norms);
    }

    /// Clips every parameter to at most `limit` in magnitude.
    fn clip_weights(&mut self, engine: &mut Engine, limit: f32) {
        let arch = engine.arch;
        self.each_trained(&mut |trained| arch.dispatch(Clip { lines: trained.value.lines_mut(), limit }));
        engine.lap(Phase::Updates);
    }

    /// Updates the parameters by the gradients that wait, which are clipped to a norm of `max_norm` together.
    fn learn_clipped(&mut self, engine: &mut Engine, max_norm: f64, learning: &mut Learning) {
        let (arch, mut squares) = (engine.arch, 0.0);
        self.each_trained(&mut |trained| squares += trained.gradient_squares());
        if let Some(sum) = learning.squares.as_deref_mut() {
            *sum += squares;
        }
        let scale = clip_scale(max_norm, libm::sqrt(squares)) as f32;
        let mut learning = Learning { squares: None, ..*learning };
        self.each_trained(&mut |trained| trained.learn_scaled(arch, scale, &mut learning));
        engine.lap(Phase::Updates);
    }
}

/// Clips elements to at most `limit` in magnitude.
struct Clip<'a> {
    lines: &'a mut [Line],
    limit: f32,
}

impl NullaryFnOnce for Clip<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for line in self.lines {
            for i in 0..LINE {
                // In this form NaN stays NaN.
                line.0[i] = line.0[i].clamp(-self.limit, self.limit);
            }
        }
    }
}
