//! Steps on Burn's tensors against PyTorch's, on the device that `GANSWEEP_TEST_DEVICE` names, or Burn's own
//! CPU backend.

use std::sync::LazyLock;

use gansweep_nn::state::LaneState;
use gansweep_tensor::TensorTrainer;
use gansweep_tensor::device::{OpenDevice, open};
use gansweep_train::{Lane, Trainer, TrainingImages};

#[expect(clippy::needless_pass_by_value, reason = "all backends are started by one type of function")]
fn start(lane: Lane, state: LaneState, images: TrainingImages) -> Box<dyn Trainer> {
    // A GPU is opened once in a process.
    static DEVICE: LazyLock<OpenDevice> = LazyLock::new(|| {
        let name = std::env::var("GANSWEEP_TEST_DEVICE").unwrap_or_else(|_| "flex".to_owned());
        open(name.parse().expect("a device's name")).expect("this build has the device")
    });
    Box::new(TensorTrainer::new(&DEVICE, vec![lane], vec![state], &images).expect("the case can be trained"))
}

gansweep_fixtures::golden_tests!(start, gansweep_tensor::supports);
