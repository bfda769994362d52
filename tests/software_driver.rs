//! A Vulkan driver that is a program: what stands for a GPU in tests.

use std::path::PathBuf;

/// Where Debian's `mesa-vulkan-drivers` describes lavapipe. `GANSWEEP_TEST_DRIVER` names another.
const LAVAPIPE: [&str; 2] =
    ["/usr/share/vulkan/icd.d/lvp_icd.x86_64.json", "/usr/share/vulkan/icd.d/lvp_icd.aarch64.json"];

/// The description of a software driver, to be put into `VK_DRIVER_FILES`. `None`, after a word on
/// it, where there is none, unless `GANSWEEP_TEST_DRIVER` is set: then there must be one.
pub(crate) fn software_driver() -> Option<PathBuf> {
    let asked_for = std::env::var_os("GANSWEEP_TEST_DRIVER").filter(|name| name != "required");
    let required = std::env::var_os("GANSWEEP_TEST_DRIVER").is_some();
    let found = match asked_for {
        Some(named) => Some(PathBuf::from(named)).filter(|path| path.is_file()),
        None => LAVAPIPE.iter().map(PathBuf::from).find(|path| path.is_file()),
    };
    assert!(
        found.is_some() || !required,
        "no software Vulkan driver: apt install mesa-vulkan-drivers libvulkan1"
    );
    if found.is_none() {
        eprintln!("skipped: no software Vulkan driver (apt install mesa-vulkan-drivers libvulkan1)");
    }
    found
}
