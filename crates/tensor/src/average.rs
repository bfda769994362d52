//! The moving average of a network, for all lanes at once.

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::device::in_host_memory;

/// The averages of a network's parameters and running statistics, in the layouts of their own.
///
/// Recorded steps rely on each tensor to keep its address, so it is changed in place.
#[derive(Debug)]
pub(super) struct Average {
    /// `[lanes, numbers]`.
    pub(super) values: Tensor<2>,
    /// Averages of running statistics, and the singular vectors of averaged weights, each `[lanes, 1, features]`.
    pub(super) running: Vec<Tensor<3>>,
}

impl Average {
    /// Moves the averages towards a network's present parameters and running statistics by `share` of the way, `[lanes, 1]`.
    pub(super) fn follow(&mut self, values: &Tensor<2>, running: &[Tensor<3>], share: &Tensor<2>) {
        let [lanes, _] = share.dims();
        let keep = (share.clone().neg() + 1.0).reshape([lanes, 1, 1]);
        for (average, current) in self.running.iter_mut().zip(running) {
            average.inplace(|average| (average - current.clone()) * keep.clone() + current.clone());
        }
        if !self.follow_in_one_pass(values, share) {
            let keep = keep.reshape([lanes, 1]);
            self.values.inplace(|average| (average - values.clone()) * keep + values.clone());
        }
    }

    /// Follows in one pass over memory, if the tensors are in this process's memory; returns whether they are.
    fn follow_in_one_pass(&mut self, values: &Tensor<2>, share: &Tensor<2>) -> bool {
        let [_, count] = values.dims();
        in_host_memory(vec![&mut self.values], vec![values, share], |mut averages, read| {
            let ([averages], [values, shares]) = (&mut averages[..], &read[..]) else { return };
            let lanes = averages.par_chunks_mut(count).zip(values.par_chunks(count)).zip(*shares);
            lanes.for_each(|((averages, values), share)| {
                averages
                    .iter_mut()
                    .zip(values)
                    .for_each(|(average, value)| *average += share * (value - *average));
            });
        })
    }
}
