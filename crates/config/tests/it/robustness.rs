//! No text makes the program panic: it is an experiment, or its faults are told.

use std::fs;
use std::path::Path;

use gansweep_config::{LoadOptions, Plan};
use proptest::prelude::*;

use crate::common::{at_hand, env, load_with, sets};

/// Loads and plans; every answer is right but a panic, and a fault has words.
fn survive(text: &str, options: &LoadOptions) {
    match load_with(text, options) {
        Ok(experiment) => {
            let _ = Plan::new(&experiment, &at_hand);
        }
        Err(faults) => assert!(!faults.as_slice().is_empty() && !faults.to_string().is_empty()),
    }
}

/// A text with something of everything.
const EVERYTHING: &str = r#"
name = "everything"
recipe = "jovian"
optimizer.lr = 1e-4
[data]
images = 1_000
fallback = "strokes"
[model]
hidden = 32
[model.generator]
batch_norm = true
[record]
grid_rows = 2
[execution]
devices = ["cpu"]
[sweep]
seeds = [1, 2]
[sweep.grid]
"optimizer.beta1" = { linear = [0.1, 0.5], n = 3 }
"train.epochs" = [1, 2]
[sweep.zip]
"loss.label_smoothing" = { values = [0.0, 0.1] }
"model.slope" = [0.1, 0.2]
[sweep.random]
n = 2
[sweep.random.keys]
"optimizer.eps" = { log_uniform = [1e-9, 1e-7] }
"model.latent" = { choice = ["normal", "uniform"] }
[[sweep.exclude]]
"train.epochs" = 2
seed = 1
[profile.p]
train.batch_size = 10
"#;

#[test]
fn the_text_with_everything_is_right() {
    assert_eq!(
        Plan::new(&load_with(EVERYTHING, &LoadOptions::default()).unwrap(), &at_hand).unwrap().runs.len(),
        36
    );
}

#[test]
fn every_beginning_of_a_file_has_an_answer() {
    for end in 0..EVERYTHING.len() {
        survive(&EVERYTHING[..end], &LoadOptions::default());
    }
}

#[test]
fn deep_nesting_has_an_answer() {
    for depth in [10, 100, 10_000] {
        survive(&format!("a = {}{}", "[".repeat(depth), "]".repeat(depth)), &LoadOptions::default());
        survive(&format!("{}x = 1", "a.".repeat(depth)), &LoadOptions::default());
        survive("", &sets(&[&format!("model={}", "{model=".repeat(depth))]));
    }
}

#[test]
fn awkward_paths_have_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), Path::new(""), Path::new("/dev/null/x")] {
        assert!(gansweep_config::Experiment::load(path, &LoadOptions::default()).is_err());
    }
    let byte_order_mark = folder.path().join("bom.toml");
    fs::write(&byte_order_mark, "\u{feff}name = \"bom\"\r\n").unwrap();
    let experiment = gansweep_config::Experiment::load(&byte_order_mark, &LoadOptions::default()).unwrap();
    assert_eq!(experiment.name, "bom");
}

/// Words that reach deep into the parser when put together at random.
fn toml_like() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[sweep.grid]\n",
        "[sweep.random]\n",
        "[[sweep.exclude]]\n",
        "[profile.p]\n",
        "[",
        "]",
        "{",
        "}",
        "=",
        ",",
        "\n",
        "\"",
        "optimizer.lr",
        "\"optimizer.lr\"",
        "model.hidden",
        "recipe",
        "sweep",
        "seeds",
        "n",
        "keys",
        "log",
        "linear",
        "values",
        "choice",
        "uniform",
        "train.epochs",
        "profile",
        "exclude",
        "1e-4",
        "3",
        "-1",
        "nan",
        "'x'",
        "true",
        "\"jovian\"",
        " ",
        "\0",
        "é",
    ]);
    prop::collection::vec(words, 0..30).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        survive(&text, &LoadOptions::default());
    }

    #[test]
    fn any_words_of_an_experiment_have_an_answer(text in toml_like()) {
        survive(&text, &LoadOptions::default());
    }

    #[test]
    fn any_damage_to_a_file_has_an_answer(at in 0..EVERYTHING.len(), cut in 0usize..12, put in "[\\[\\]{}=\"',.a-z0-9-]{0,3}") {
        let end = (at + cut).min(EVERYTHING.len());
        survive(&format!("{}{put}{}", &EVERYTHING[..at], &EVERYTHING[end..]), &LoadOptions::default());
    }

    #[test]
    fn any_argument_has_an_answer(argument in any::<String>(), value in toml_like()) {
        survive("", &sets(&[&argument]));
        for key in ["sweep", "sweep.grid.optimizer.lr", "sweep.exclude", "model", "name", "sweep.random.keys.train.epochs"] {
            survive("", &sets(&[&format!("{key}={value}")]));
        }
    }

    #[test]
    fn any_variable_has_an_answer(name in "[A-Z_]{0,20}", value in any::<String>()) {
        survive("", &env(&[(&format!("GANSWEEP_{name}"), &value), ("GANSWEEP_TRAIN__EPOCHS", &value)]));
    }
}
