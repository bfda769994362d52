//! Clashes: values that are right each by itself and cannot stand together.

use crate::{Config, DataIdentity, Dataset, Experiment, Output, Pixels, Record, SampleMode};

/// The most images of a sample grid.
const MAX_GRID: u32 = 400;

/// Values that cannot stand together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Clash {
    /// The keys that are to blame, the one to name first.
    pub(crate) keys: &'static [&'static str],
    /// Which values, and why they cannot stand together.
    pub(crate) reason: String,
    /// The way out.
    pub(crate) expected: String,
}

/// The clashes in a config, what its experiment says besides, and its data, if that is known.
pub(crate) fn clashes(config: &Config, experiment: &Experiment, data: Option<&DataIdentity>) -> Vec<Clash> {
    let record = &experiment.record;
    let images = match config.data.images {
        0 => data.map(|data| data.spec.train_images),
        first => Some(first),
    };
    [
        no_path(config, experiment),
        output_and_pixels(config),
        labels_that_are_not_smoothed(config),
        two_normalisations(config),
        data.and_then(|data| too_many_images(config, data)),
        images.and_then(|images| no_full_batch(config, images)),
        lonely_image(config, images),
        lonely_sample(config, record),
        large_grid(record),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn no_path(config: &Config, experiment: &Experiment) -> Option<Clash> {
    (config.data.dataset == Dataset::Idx && experiment.data_path.is_none()).then(|| Clash {
        keys: &["data.dataset", "data.path"],
        reason: "the images of `data.dataset = \"idx\"` have no folder".to_owned(),
        expected: "`data.path = \"FOLDER\"` beside it".to_owned(),
    })
}

fn output_and_pixels(config: &Config) -> Option<Clash> {
    let (output, pixels, right_pixels, right_output) = match (config.model.output, config.data.pixels) {
        (Output::Tanh, Pixels::Unit) => ("tanh", "unit", "signed", "sigmoid"),
        (Output::Sigmoid, Pixels::Signed) => ("sigmoid", "signed", "unit", "tanh"),
        (Output::Tanh, Pixels::Signed) | (Output::Sigmoid, Pixels::Unit) => return None,
    };
    Some(Clash {
        keys: &["model.output", "data.pixels"],
        reason: format!("\"{output}\" cannot reach all pixels of `data.pixels = \"{pixels}\"`"),
        expected: format!("`data.pixels = \"{right_pixels}\"`, or `model.output = \"{right_output}\"`"),
    })
}

fn two_normalisations(config: &Config) -> Option<Clash> {
    (config.model.generator.batch_norm && config.model.generator.layer_norm).then(|| Clash {
        keys: &["model.generator.layer_norm", "model.generator.batch_norm"],
        reason: "the generator's layers are normalised once, by layer or by batch".to_owned(),
        expected: "`model.generator.batch_norm = false`, or `model.generator.layer_norm = false`".to_owned(),
    })
}

fn labels_that_are_not_smoothed(config: &Config) -> Option<Clash> {
    let reason = config.loss.kind.refuses_label_smoothing().filter(|_| config.loss.label_smoothing > 0.0)?;
    Some(Clash {
        keys: &["loss.label_smoothing", "loss.kind"],
        reason: format!("`loss.kind = \"{}\"` {reason}", config.loss.kind.name()),
        expected: "`loss.label_smoothing = 0`, or another loss".to_owned(),
    })
}

fn too_many_images(config: &Config, data: &DataIdentity) -> Option<Clash> {
    let (wanted, all) = (config.data.images, data.spec.train_images);
    (wanted > all).then(|| Clash {
        keys: &["data.images", "data.dataset"],
        reason: format!("{} has {all} training images, fewer than {wanted}", data.dataset.name()),
        expected: format!("at most {all}, or 0 for all"),
    })
}

fn no_full_batch(config: &Config, images: u32) -> Option<Clash> {
    let batch = config.train.batch_size;
    let from = match config.data.images {
        0 => format!("the {images} of the data"),
        first => format!("`data.images = {first}`"),
    };
    (config.train.images_per_epoch(images) == 0).then(|| Clash {
        keys: &["train.batch_size", "data.images", "train.drop_last"],
        reason: format!("{batch} images do not come together from {from}"),
        expected: "a smaller batch, more images, or `train.drop_last = false`".to_owned(),
    })
}

/// Batch normalisation divides by the spread of a batch, which one image does not have.
fn lonely_image(config: &Config, images: Option<u32>) -> Option<Clash> {
    const KEYS: &[&str] =
        &["train.batch_size", "model.generator.batch_norm", "data.images", "train.drop_last"];
    let batch = config.train.batch_size;
    if !config.model.generator.batch_norm {
        return None;
    }
    if batch == 1 {
        return Some(Clash {
            keys: KEYS,
            reason: "batch normalisation needs more than one image in a batch".to_owned(),
            expected: "at least 2, or `model.generator.batch_norm = false`".to_owned(),
        });
    }
    let images = config.train.images_per_epoch(images?);
    (images % batch == 1).then(|| Clash {
        keys: KEYS,
        reason: format!(
            "batches of {batch} leave one of {images} images for the last, too few for batch normalisation"
        ),
        expected: "another batch size, or `train.drop_last = true`".to_owned(),
    })
}

fn lonely_sample(config: &Config, record: &Record) -> Option<Clash> {
    let lonely = record.grid_rows == 1 && record.grid_cols == 1;
    let by_batch = record.sample_mode == SampleMode::BatchStatistics && config.model.generator.batch_norm;
    (lonely && by_batch).then(|| Clash {
        keys: &["record.sample_mode", "record.grid_rows", "record.grid_cols", "model.generator.batch_norm"],
        reason: "a grid of one image has no batch statistics".to_owned(),
        expected: "a larger grid, or `record.sample_mode = \"eval\"`".to_owned(),
    })
}

fn large_grid(record: &Record) -> Option<Clash> {
    let images = record.grid_rows * record.grid_cols;
    (images > MAX_GRID).then(|| Clash {
        keys: &["record.grid_rows", "record.grid_cols"],
        reason: format!("a grid of {} x {} has {images} images", record.grid_rows, record.grid_cols),
        expected: format!("at most {MAX_GRID}"),
    })
}
