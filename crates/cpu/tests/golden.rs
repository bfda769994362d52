//! Steps of the hand-written backend against PyTorch's.

use gansweep_cpu::CpuTrainer;
use gansweep_nn::state::LaneState;
use gansweep_train::{Lane, Trainer, TrainingImages};

fn start(lane: Lane, state: LaneState, images: TrainingImages) -> Box<dyn Trainer> {
    Box::new(CpuTrainer::new(vec![lane], vec![state], images, 1).expect("the case can be trained"))
}

gansweep_fixtures::golden_tests!(start, gansweep_cpu::supports);
