//! Values for unit tests.

use std::path::Path;

use crate::{
    ClassNames, Config, DataIdentity, DatasetSpec, Experiment, ImageShape, LoadOptions, Plan, Record,
};

/// The config of an empty experiment file.
pub(crate) fn config() -> Config {
    empty().config
}

/// What an empty experiment file records.
pub(crate) fn record() -> Record {
    empty().record
}

fn empty() -> Experiment {
    Experiment::parse(Path::new("empty.toml"), String::new(), &LoadOptions::default()).unwrap()
}

/// The plan of an experiment file, on data of [`spec`].
pub(crate) fn plan(text: &str) -> Plan {
    let experiment =
        Experiment::parse(Path::new("plan.toml"), text.to_owned(), &LoadOptions::default()).unwrap();
    Plan::new(&experiment, &|asked| DataIdentity { dataset: asked.dataset, spec: spec() }).unwrap()
}

/// MNIST's spec with another fingerprint.
pub(crate) fn spec() -> DatasetSpec {
    DatasetSpec {
        image: ImageShape { channels: 1, height: 28, width: 28 },
        classes: 10,
        train_images: 60_000,
        test_images: 10_000,
        fingerprint: "fingerprint".to_owned(),
        class_names: ClassNames::default(),
    }
}
