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

#[cfg(feature = "wgpu")]
#[path = "../../../tests/software_driver.rs"]
mod software_driver;

/// In a process of its own: a driver is chosen when a process starts, and may crash it. Of the recipes, which take long there,
/// one of each kind of network, loss and penalty.
#[cfg(feature = "wgpu")]
#[test]
fn small_cases_and_most_recipes_step_as_in_pytorch_on_a_software_vulkan_driver() {
    if std::env::var_os("GANSWEEP_TEST_DEVICE").is_some() {
        return;
    }
    let Some(driver) = software_driver::software_driver() else { return };
    let program = std::env::current_exe().expect("a test knows its program");
    for test in [
        "settings_that_no_recipe_has_step_as_in_pytorch",
        "dcgan_steps_as_in_pytorch",
        "dcgan_color_steps_as_in_pytorch",
        "wgan_gp_steps_as_in_pytorch",
        "lsgan_steps_as_in_pytorch",
        "conditional_steps_as_in_pytorch",
    ] {
        let mut child = std::process::Command::new(&program);
        child.args(["--exact", test, "--nocapture"]).env("GANSWEEP_TEST_DEVICE", "vulkan:0");
        let child = child.env("VK_DRIVER_FILES", &driver).env("VK_ICD_FILENAMES", &driver).output();
        let child = child.expect("a test can start its program");
        let said = [child.stdout, child.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        let said = said.concat();
        println!("{said}");
        assert!(child.status.success() && said.contains("ok. 1 passed"), "{test}: {}", child.status);
    }
}
