//! Loading and planning, for the tests.

use std::path::Path;

use gansweep_config::{DataIdentity, Dataset, Experiment, Faults, LoadOptions, Plan};

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

/// Every dataset is at hand.
pub(crate) fn at_hand(dataset: Dataset) -> DataIdentity {
    DataIdentity { dataset, fingerprint: format!("bytes of {}", dataset.name()) }
}

pub(crate) fn plan(text: &str) -> Plan {
    Plan::new(&load(text), &at_hand).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) fn labels(plan: &Plan) -> Vec<&str> {
    plan.runs.iter().map(|run| run.label.as_str()).collect()
}
