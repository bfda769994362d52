//! Groups: which runs may be lanes of one.

use std::collections::HashSet;

use gansweep_config::schema::{Key, Kind, keys};
use gansweep_config::{Activation, Config, GroupKey, PlannedRun, group_runs};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::common::{like_mnist, plan};

#[test]
fn lanes_of_a_group_may_differ_in_everything_but_shapes_and_data() {
    let together = "[sweep]\nseeds = 2\n[sweep.zip]\n\"optimizer.lr\" = [1e-3, 1e-4]\n\"optimizer.beta1\" = [0.1, 0.2]\n\
        \"optimizer.eps\" = [1e-8, 1e-7]\n\"model.activation\" = [\"relu\", \"leaky-relu\"]\n\"model.slope\" = [0.1, 0.2]\n\
        \"model.dropout\" = [0.1, 0.2]\n\"model.latent\" = [\"normal\", \"uniform\"]\n\"loss.combine\" = [\"sum\", \"mean\"]\n\
        \"loss.label_smoothing\" = [0.0, 0.1]\n\"train.epochs\" = [1, 2]\n\"train.noise\" = [\"fresh\", \"shared\"]\n\"train.shuffle\" = [true, false]\n";
    assert_eq!(group_runs(&plan(together).runs), [[0, 1, 2, 3]]);
    for apart in [
        "\"model.hidden\" = [64, 128]",
        "\"model.latent_dim\" = [10, 20]",
        "\"model.generator.batch_norm\" = [true, false]",
        "\"model.generator.dropout\" = [0.0, 0.1]",
        "\"model.discriminator.activation\" = [\"leaky-relu\", \"silu\"]",
        "\"model.discriminator.activation\" = [\"elu\", \"silu\"]",
        "\"model.discriminator.dropout\" = [0.0, 0.1]",
        "\"train.batch_size\" = [64, 128]",
        "\"train.d_steps\" = [1, 2]",
        "\"train.drop_last\" = [true, false]",
        "\"data.dataset\" = [\"mnist\", \"kmnist\"]",
        "\"data.images\" = [100, 200]",
    ] {
        let groups = group_runs(&plan(&format!("[sweep.grid]\n{apart}\n")).runs);
        assert_eq!(groups, [[0], [1]], "{apart}");
    }
    let apart =
        "[sweep.zip]\n\"data.pixels\" = [\"signed\", \"unit\"]\n\"model.output\" = [\"tanh\", \"sigmoid\"]\n";
    assert_eq!(group_runs(&plan(apart).runs), [[0], [1]]);
}

#[test]
fn groups_keep_the_order_of_runs() {
    let runs = plan(
        "[sweep]\nseeds = 2\n[sweep.grid]\n\"model.hidden\" = [64, 128]\n\"optimizer.lr\" = [1e-4, 1e-3]\n",
    )
    .runs;
    assert_eq!(group_runs(&runs), [[0, 1, 2, 3], [4, 5, 6, 7]]);
    assert_eq!(group_runs(runs.iter().rev()), [[0, 1, 2, 3], [4, 5, 6, 7]]);
    assert!(group_runs(&[]).is_empty());
}

fn check_groups(runs: &[PlannedRun]) -> Result<(), TestCaseError> {
    let groups = group_runs(runs);
    let mut all = groups.concat();
    all.sort_unstable();
    prop_assert_eq!(all, (0..runs.len()).collect::<Vec<_>>());
    for group in &groups {
        prop_assert!(!group.is_empty() && group.is_sorted());
    }
    let key = |run: usize| GroupKey::of(&runs[run].config, &runs[run].spec);
    let keys = |group: &Vec<usize>| group.iter().map(|&run| key(run)).collect::<HashSet<_>>();
    prop_assert!(groups.iter().all(|group| keys(group).len() == 1));
    prop_assert_eq!(groups.iter().flat_map(keys).collect::<HashSet<_>>().len(), groups.len());
    Ok(())
}

/// The rule by which groups were formed before each key said itself how it varies between lanes, with the activations that came
/// later.
fn earlier_rule(config: &Config) -> impl PartialEq + use<> {
    let Config { data, model, train, .. } = config.clone();
    let shapes = (model.latent_dim, model.generator.hidden, model.discriminator.hidden);
    let layers = (
        model.generator.batch_norm,
        model.generator.dropout > 0.0,
        model.discriminator.dropout > 0.0,
        [model.generator.activation, model.discriminator.activation].map(Activation::smooth),
        model.output,
    );
    let batches = (train.batch_size, train.drop_last, train.d_steps);
    (shapes, layers, batches, (data.dataset, data.images, data.pixels))
}

/// The keys that the earlier rule knew.
const EARLIER: [&str; 30] = [
    "data.dataset",
    "data.images",
    "data.pixels",
    "loss.combine",
    "loss.label_smoothing",
    "model.discriminator.activation",
    "model.discriminator.dropout",
    "model.discriminator.hidden",
    "model.discriminator.slope",
    "model.generator.activation",
    "model.generator.batch_norm",
    "model.generator.dropout",
    "model.generator.hidden",
    "model.generator.slope",
    "model.latent",
    "model.latent_dim",
    "model.output",
    "optimizer.discriminator.beta1",
    "optimizer.discriminator.beta2",
    "optimizer.discriminator.eps",
    "optimizer.discriminator.lr",
    "optimizer.generator.beta1",
    "optimizer.generator.beta2",
    "optimizer.generator.eps",
    "optimizer.generator.lr",
    "train.batch_size",
    "train.d_steps",
    "train.drop_last",
    "train.noise",
    "train.shuffle",
];

/// A few values of a key, its bounds among them.
fn values(key: &Key) -> Vec<Value> {
    match key.kind {
        Kind::Bool => vec![json!(false), json!(true)],
        Kind::Integer(low, high) => vec![json!(low), json!(low + 1), json!(high)],
        Kind::Number(interval) => {
            let near = [0.0, 1e-3, 0.25, 0.5];
            near.into_iter().filter(|number| interval.contains(*number)).map(Value::from).collect()
        }
        Kind::Choice(words) => words.iter().map(|word| json!(word)).collect(),
        Kind::Hidden => vec![json!([8]), json!([16]), json!([8, 16]), json!([16, 8])],
        Kind::Layers => vec![json!([]), json!(["linear 784"]), json!(["linear 784", "tanh"])],
        other => panic!("{}: no values of {other}", key.path),
    }
}

/// A value of each key that the earlier rule knew; the others have their identity defaults.
fn choices() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let known = keys().filter(|key| EARLIER.contains(&key.path));
    known.map(|key| select(values(key)).prop_map(|value| (key.path, value))).collect::<Vec<_>>()
}

fn config(choices: &[(&str, Value)]) -> Config {
    let of = |path: &str| choices.iter().find(|(key, _)| *key == path).map(|(_, value)| value.clone());
    Config::from_stored_keys(&of).unwrap()
}

proptest! {
    #[test]
    fn lanes_are_grouped_as_they_were_before_keys_said_how_they_vary(
        one in choices(),
        other in choices(),
        same in prop::collection::vec(prop::bool::weighted(0.9), 64),
    ) {
        // Configs that differ in everything are never grouped: most keys are made equal.
        let picks = one.iter().zip(&other).zip(&same);
        let other: Vec<_> = picks.map(|((one, other), same)| if *same { one } else { other }.clone()).collect();
        let (one, other) = (config(&one), config(&other));
        let data = like_mnist("data");
        prop_assert_eq!(
            GroupKey::of(&one, &data) == GroupKey::of(&other, &data),
            earlier_rule(&one) == earlier_rule(&other)
        );
        prop_assert_ne!(GroupKey::of(&one, &data), GroupKey::of(&one, &like_mnist("other data")));
    }

    #[test]
    fn every_run_is_in_one_group_of_its_key(
        widths in prop::collection::btree_set(1u32..500, 1..4),
        rates in prop::collection::btree_set(1u32..1000, 1..5),
        epochs in prop::collection::btree_set(1u32..50, 1..3),
    ) {
        let rates: Vec<f64> = rates.into_iter().map(|rate| f64::from(rate) * 1e-5).collect();
        let (widths, epochs) = (Vec::from_iter(widths), Vec::from_iter(epochs));
        let text = format!(
            "[sweep.grid]\n\"optimizer.lr\" = {rates:?}\n\"model.hidden\" = {widths:?}\n\"train.epochs\" = {epochs:?}\n"
        );
        check_groups(&plan(&text).runs)?;
    }
}
