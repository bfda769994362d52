//! The same tests on a software Vulkan driver, in a process of their own: a driver is chosen when a process
//! starts, and may crash it.

use std::process::Command;

use super::recording::RECORDED_ANEW;

#[path = "../../../../tests/software_driver.rs"]
mod software_driver;

/// The device's memory is counted as a whole, so that other tests of the process would count too.
const ALONE: [&str; 6] = [
    "memory::tests::a_group_holds_what_was_estimated",
    "memory::tests::a_group_that_changes_images_holds_what_was_estimated",
    "memory::tests::a_group_of_dcgans_holds_what_was_estimated",
    "memory::tests::a_group_with_residual_blocks_and_shortcuts_holds_what_was_estimated",
    "memory::tests::a_group_that_knows_classes_holds_what_was_estimated",
    "memory::tests::a_group_with_smooth_activations_holds_what_was_estimated",
];

#[test]
fn everything_that_holds_here_holds_on_a_software_vulkan_driver() {
    if std::env::var_os("GANSWEEP_TEST_DEVICE").is_some() {
        return;
    }
    let Some(driver) = software_driver::software_driver() else { return };
    let together = ["tests::", "--skip", "memory::tests::a_group"];
    let alone = ALONE.map(|test| [test, "--skip", "none"]);
    for tests in [together].into_iter().chain(alone) {
        let run = || {
            let child = Command::new(std::env::current_exe().unwrap())
                .args(tests)
                .args(["--test-threads=1", "--nocapture"])
                .env("VK_DRIVER_FILES", &driver)
                .env("VK_ICD_FILENAMES", &driver)
                .env("GANSWEEP_TEST_DEVICE", "vulkan:0")
                .output()
                .unwrap();
            let said =
                [child.stdout, child.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
            eprintln!("{said}");
            (child.status, said)
        };
        let (mut status, mut said) = run();
        if !status.success() && said.contains(RECORDED_ANEW) {
            (status, said) = run();
        }
        let tests = tests[0];
        assert!(status.success(), "{tests}: {status}");
        assert!(said.contains("test result: ok.") && !said.contains("ok. 0 passed"), "{tests}: no such test");
    }
}
