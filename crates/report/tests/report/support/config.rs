//! The config of a run.

use gansweep_config::{Config, Dataset};
use gansweep_fixtures::config;

use super::Spec;

pub(super) fn config(spec: &Spec, dataset: Dataset, combine: &str) -> Config {
    let (narrow, wide) = (spec.width, 2 * spec.width);
    config::config(
        "fast",
        &[
            &format!("data.dataset={}", dataset.name()),
            &format!("model.generator.hidden=[{narrow}, {wide}]"),
            &format!("model.discriminator.hidden=[{wide}, {narrow}]"),
            &format!("optimizer.lr={}", spec.lr),
            "model.generator.slope=0",
            "train.batch_size=100",
            &format!("loss.combine={combine}"),
        ],
    )
}
