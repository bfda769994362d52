//! Loading and planning, for the tests.

use std::path::Path;

use gansweep_config::{
    ClassNames, DataIdentity, DataRequest, DatasetSpec, Experiment, Faults, ImageShape, LoadOptions, Plan,
};

/// Options with `--set` arguments only.
pub(crate) fn sets(arguments: &[&str]) -> LoadOptions {
    LoadOptions { sets: arguments.iter().map(ToString::to_string).collect(), ..LoadOptions::default() }
}

/// Options with environment variables only.
pub(crate) fn env(variables: &[(&str, &str)]) -> LoadOptions {
    let env = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    LoadOptions { env, ..LoadOptions::default() }
}

/// Options with a profile only.
pub(crate) fn profile(name: &str) -> LoadOptions {
    LoadOptions { profile: Some(name.to_owned()), ..LoadOptions::default() }
}

pub(crate) fn load_with(text: &str, options: &LoadOptions) -> Result<Experiment, Faults> {
    Experiment::parse(Path::new("test.toml"), text.to_owned(), options)
}

pub(crate) fn load(text: &str) -> Experiment {
    load_with(text, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// All faults of a text, one per line.
pub(crate) fn faults(text: &str) -> String {
    faults_with(text, &LoadOptions::default())
}

pub(crate) fn faults_with(text: &str, options: &LoadOptions) -> String {
    match load_with(text, options) {
        Ok(experiment) => panic!("no fault: {experiment:?}"),
        Err(faults) => faults.to_string(),
    }
}

/// Every dataset is at hand and like MNIST.
pub(crate) fn at_hand(DataRequest { dataset, .. }: DataRequest) -> DataIdentity {
    DataIdentity { dataset, spec: like_mnist(&format!("bytes of {}", dataset.name())) }
}

pub(crate) fn like_mnist(fingerprint: &str) -> DatasetSpec {
    DatasetSpec {
        image: ImageShape { channels: 1, height: 28, width: 28 },
        classes: 10,
        train_images: 60_000,
        test_images: 10_000,
        fingerprint: fingerprint.to_owned(),
        class_names: ClassNames::default(),
    }
}

pub(crate) fn plan(text: &str) -> Plan {
    Plan::new(&load(text), &at_hand).unwrap_or_else(|faults| panic!("{faults}"))
}

/// All faults of a text whose data has the given number of training images, one per line.
pub(crate) fn plan_faults(text: &str, train_images: u32) -> String {
    let few = |asked| {
        let DataIdentity { dataset, spec } = at_hand(asked);
        DataIdentity { dataset, spec: DatasetSpec { train_images, ..spec } }
    };
    match Plan::new(&load(text), &few) {
        Ok(plan) => panic!("no fault: {plan:?}"),
        Err(faults) => faults.to_string(),
    }
}

pub(crate) fn labels(plan: &Plan) -> Vec<&str> {
    plan.runs.iter().map(|run| run.label.as_str()).collect()
}
