//! Steps that cannot be recorded: nothing of the training is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Tensor;

use super::*;

/// A step is recorded in memory that is held already, and how tensors lie there depends on the timing of two threads: once
/// in a while a recording finds no room. Its steps are recorded anew then, which takes more memory than was estimated.
pub(crate) const RECORDED_ANEW: &str = "after a recording that found no room";

/// The runs of a step that is recorded: three to warm up, and the one that is recorded.
const RUNS: usize = 4;

/// Makes that many recordings of a device fail for want of room.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault {
    left: Arc<AtomicUsize>,
    runs: usize,
}

impl Fault {
    /// Adds numbers from memory that the device does not hold, in the last run of a recording.
    pub(crate) fn in_last(&mut self, values: Tensor<2>) -> Tensor<2> {
        self.runs += 1;
        let takes = |left: usize| left.checked_sub(1);
        if self.runs != RUNS || self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, takes).is_err() {
            return values;
        }
        let more = Tensor::<2>::zeros([1 << 13, 1 << 13], &values.device());
        values + more.exp().slice([0..1, 0..1])
    }
}

#[test]
fn steps_that_cannot_be_recorded_are_taken_all_the_same() {
    let lanes = lanes(&[small("fast", &[]), small("fast", &[])]);
    let states = initial(&lanes);
    let mut undisturbed = burn(&lanes, &states);
    let expected = [advance(&mut undisturbed, 6), advance(&mut undisturbed, 8)];
    for failures in [1, 4] {
        let mut device = test_device();
        device.fault.left = Arc::new(AtomicUsize::new(failures));
        let images = images(&lanes[0].config);
        let mut trainer = TensorTrainer::new(&device, lanes.clone(), states.clone(), &images).unwrap();
        assert_eq!([advance(&mut trainer, 6), advance(&mut trainer, 8)], expected, "{failures} failures");
        let left = device.fault.left.load(Ordering::SeqCst);
        assert_eq!(left, if device.replays { failures.saturating_sub(3) } else { failures });
        for lane in 0..2 {
            assert_eq!(trainer.state(lane).unwrap(), undisturbed.state(lane).unwrap());
        }
    }
}
