//! What defines an optimiser.

use gansweep_config::NetworkOptimizer;

use super::Elements;

/// What one update does to each parameter, given its gradient.
///
/// It keeps `STATE` buffers of the parameter's shape, all zero before the first update. `COEFFICIENTS`
/// scalars (learning rate, betas, ...) are the same for all parameters of a network.
pub trait Optimizer<const STATE: usize, const COEFFICIENTS: usize>: 'static {
    /// Names of the buffers. In a lane's state, `BUFFER.PARAMETER` is the buffer of a parameter.
    const BUFFERS: [&'static str; STATE];

    /// How many of the coefficients change from update to update. These come first.
    ///
    /// Backends upload the others once.
    const VARYING: usize;

    /// The coefficients of the update `t`, counted from 1. The learning rate may differ from update to update (see
    /// [`at_step`](super::at_step)), so what depends on it is one of the first [`Self::VARYING`].
    fn coefficients(config: &NetworkOptimizer, t: u64) -> [f64; COEFFICIENTS];

    /// The parameters and buffers after an update.
    fn step<E: Elements>(
        coefficients: &[E; COEFFICIENTS],
        gradient: E,
        value: E,
        buffers: [E; STATE],
    ) -> (E, [E; STATE]);
}
