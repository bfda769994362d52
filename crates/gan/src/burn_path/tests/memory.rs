//! The estimate of a group's memory against what the backend holds.

use super::{advance, burn, config, initial, lanes, test_device};
use crate::burn_path::memory_bytes;

/// What a step of so many lanes of a recipe makes the device hold, and what was estimated.
fn held_and_estimated(recipe: &str, sets: &[&str], count: usize) -> Option<(u64, u64)> {
    let config = config(recipe, sets);
    let lanes = lanes(&vec![config.clone(); count]);
    let mut trainer = burn(&lanes, &initial(&lanes));
    advance(&mut trainer, 6);
    Some((test_device().memory_held_bytes()?, memory_bytes(&config, count)))
}

#[test]
fn probe() {
    let Ok(case) = std::env::var("GANSWEEP_PROBE") else { return };
    let mut parts = case.split(',');
    let (recipe, count) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
    let (held, estimated) = held_and_estimated(recipe, &[], count).unwrap();
    let usage = test_device().device.memory_pool_usage().unwrap();
    eprintln!(
        "PROBE {recipe} {count} held {} MiB in use {} MiB estimated {} MiB ratio {:.3}",
        held >> 20,
        usage.bytes_in_use >> 20,
        estimated >> 20,
        estimated as f64 / held as f64
    );
    for pool in test_device().device.memory_pool_report().unwrap_or_default() {
        eprintln!("  {pool:?}");
    }
}
