//! What defines an optimiser.

use gansweep_config::NetworkOptimizer;

use super::Elements;

/// What one update does to each parameter, given its gradient.
///
/// It has `STATE` buffers of the parameter's shape, all zero before the first update, and computes with
/// `NUMBERS` numbers, which are the same for all parameters of a network.
pub trait Optimizer<const STATE: usize, const NUMBERS: usize>: 'static {
    /// Names of the buffers: in a lane's state they stand before the parameter's, with a dot between.
    const BUFFERS: [&'static str; STATE];

    /// So many of the numbers, the first ones, depend on the number of the update.
    const VARYING: usize;

    /// The numbers of the update `t`, counted from 1.
    fn numbers(config: &NetworkOptimizer, t: u64) -> [f64; NUMBERS];

    /// The parameters and buffers after an update.
    fn step<E: Elements>(
        numbers: &[E; NUMBERS],
        gradient: E,
        value: E,
        buffers: [E; STATE],
    ) -> (E, [E; STATE]);
}
