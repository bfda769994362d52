//! Plans: which runs an experiment has, in which order, under which names.

use std::cell::RefCell;
use std::collections::HashSet;

use gansweep_config::{
    DataIdentity, DataRequest, Dataset, DatasetSpec, ImageShape, Layer, Plan, PlannedRun, RunId, recipes,
};
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::common::{at_hand, faults, labels, like_mnist, load, load_with, plan, sets};

#[test]
fn an_experiment_without_a_sweep_is_one_run() {
    let plan = plan("");
    assert_eq!(labels(&plan), ["seed=0"]);
    assert!(plan.axes.is_empty() && plan.runs[0].assignments.is_empty());
}

#[test]
fn a_grid_is_walked_in_the_order_of_the_file_and_seeds_stand_together() {
    let plan = plan(
        "[sweep]\nseeds = [3, 1]\n[sweep.grid]\n\"optimizer.lr\" = [1e-3, 1e-4]\n\"model.hidden\" = [128, [64, 32]]\n",
    );
    assert_eq!(
        labels(&plan),
        [
            "lr=1e-3 hidden=128 seed=3",
            "lr=1e-3 hidden=128 seed=1",
            "lr=1e-3 hidden=64x32 seed=3",
            "lr=1e-3 hidden=64x32 seed=1",
            "lr=1e-4 hidden=128 seed=3",
            "lr=1e-4 hidden=128 seed=1",
            "lr=1e-4 hidden=64x32 seed=3",
            "lr=1e-4 hidden=64x32 seed=1",
        ]
    );
    let run = &plan.runs[2];
    assert_eq!(run.config.model.generator.hidden, [64, 32]);
    assert_eq!(run.config.optimizer.discriminator.lr.to_string(), "0.001");
    assert_eq!(
        serde_json::to_string(&run.assignments).unwrap(),
        r#"[{"key":"optimizer.lr","value":0.001},{"key":"model.hidden","value":[64,32]}]"#
    );
}

#[test]
fn zipped_axes_walk_together_and_combine_with_the_grid() {
    let plan = plan(
        "[sweep.zip]\n\"data.pixels\" = [\"signed\", \"unit\"]\n\"model.output\" = [\"tanh\", \"sigmoid\"]\n[sweep.grid]\n\"train.epochs\" = [1, 2]\n",
    );
    assert_eq!(
        labels(&plan),
        [
            "epochs=1 pixels=signed output=tanh seed=0",
            "epochs=1 pixels=unit output=sigmoid seed=0",
            "epochs=2 pixels=signed output=tanh seed=0",
            "epochs=2 pixels=unit output=sigmoid seed=0",
        ]
    );
}

#[test]
fn keys_that_end_alike_are_told_apart_in_labels() {
    let plan = plan(
        "[sweep.grid]\n\"optimizer.generator.lr\" = [1e-3]\n\"optimizer.discriminator.lr\" = [1e-4]\n\"optimizer.beta1\" = [0.5]\n",
    );
    assert_eq!(labels(&plan), ["generator.lr=1e-3 discriminator.lr=1e-4 beta1=0.5 seed=0"]);
}

#[test]
fn random_draws_stay_when_more_are_asked_for() {
    let text = |n: u32, more: &str| {
        format!(
            "[sweep.random]\nn = {n}\nseed = 4\n[sweep.random.keys]\n\"optimizer.lr\" = {{ log_uniform = [1e-5, 1e-2] }}\n{more}\n"
        )
    };
    let few = plan(&text(3, ""));
    let many = plan(&text(8, ""));
    assert_eq!(few.runs[..], many.runs[..3]);
    assert_eq!(many.runs.len(), 8);
    let beside = plan(&text(8, "\"train.batch_size\" = { log_integer = [16, 256] }"));
    let rates =
        |plan: &Plan| plan.runs.iter().map(|run| run.config.optimizer.generator.lr).collect::<Vec<_>>();
    assert_eq!(rates(&beside), rates(&many));
}

#[test]
fn exclusions_leave_out_what_has_all_of_their_values() {
    let text = "[sweep]\nseeds = 2\n[sweep.grid]\n\"optimizer.lr\" = [1e-3, 1e-4]\n\"model.hidden\" = [64, 128]\n\
                [[sweep.exclude]]\n\"optimizer.lr\" = 1e-3\n\"model.hidden\" = 64\n\
                [[sweep.exclude]]\noptimizer.generator.lr = 1e-4\nseed = 1\n\
                [[sweep.exclude]]\n\"optimizer.lr\" = 7\n";
    let plan = plan(text);
    assert_eq!(
        labels(&plan),
        [
            "lr=1e-3 hidden=128 seed=0",
            "lr=1e-3 hidden=128 seed=1",
            "lr=1e-4 hidden=64 seed=0",
            "lr=1e-4 hidden=128 seed=0",
        ]
    );
    assert_eq!(plan.excluded, 4);
    assert_eq!(plan.unused_exclusions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["test.toml:12"]);
}

#[test]
fn of_two_values_of_a_rule_on_one_key_the_later_counts() {
    let axes =
        "[sweep.grid]\n\"optimizer.generator.lr\" = [1e-3, 1e-4]\n\"optimizer.discriminator.lr\" = [1e-3]\n";
    let rule = |values: &str| {
        let plan = plan(&format!("{axes}[[sweep.exclude]]\n{values}"));
        plan.runs.into_iter().map(|run| run.label).collect::<Vec<_>>()
    };
    let first_left = ["generator.lr=1e-3 discriminator.lr=1e-3 seed=0"];
    let second_left = ["generator.lr=1e-4 discriminator.lr=1e-3 seed=0"];
    assert_eq!(rule("optimizer.lr = 1e-3\noptimizer.generator.lr = 1e-4\n"), first_left);
    assert_eq!(rule("optimizer.generator.lr = 1e-4\noptimizer.lr = 1e-3\n"), second_left);
    assert_eq!(rule("optimizer.lr = 1e-3\n"), second_left);
}

#[test]
fn what_is_excluded_may_contradict_itself() {
    let text = "[sweep.grid]\n\"data.pixels\" = [\"signed\", \"unit\"]\n\"model.output\" = [\"tanh\", \"sigmoid\"]\n\
                [[sweep.exclude]]\ndata.pixels = \"unit\"\nmodel.output = \"tanh\"\n\
                [[sweep.exclude]]\ndata.pixels = \"signed\"\nmodel.output = \"sigmoid\"\n";
    assert_eq!(
        labels(&plan(text)),
        ["pixels=signed output=tanh seed=0", "pixels=unit output=sigmoid seed=0"]
    );
}

#[test]
fn a_config_that_is_excluded_seed_by_seed_may_contradict_itself_too() {
    let text = "[sweep]\nseeds = [4, 7]\n[sweep.grid]\n\"data.pixels\" = [\"signed\", \"unit\"]\n\
                [[sweep.exclude]]\ndata.pixels = \"unit\"\nseed = 4\n\
                [[sweep.exclude]]\nmodel.output = \"tanh\"\ndata.pixels = \"unit\"\nseed = 7\n";
    let plan = plan(text);
    assert_eq!(labels(&plan), ["pixels=signed seed=4", "pixels=signed seed=7"]);
    assert_eq!((plan.excluded, plan.unused_exclusions.len()), (2, 0));
    let one_seed_left = text.replacen("seed = 7", "seed = 8", 1);
    assert!(faults(&one_seed_left).contains("in 1 of 2 configs"), "{}", faults(&one_seed_left));
}

#[test]
fn a_dataset_whose_runs_are_all_excluded_is_not_asked_for() {
    let text = "[sweep]\nseeds = 2\n[sweep.grid]\n\"data.dataset\" = [\"mnist\", \"kmnist\", \"strokes\"]\n\
                [[sweep.exclude]]\ndata.dataset = \"kmnist\"\n\
                [[sweep.exclude]]\ndata.dataset = \"mnist\"\nseed = 0\n\
                [[sweep.exclude]]\ndata.dataset = \"mnist\"\nseed = 1\n";
    let experiment = load(text);
    assert_eq!(experiment.data_requests(), [Dataset::Strokes.into()].into());
    let only_strokes = |asked| {
        assert_eq!(asked, Dataset::Strokes.into());
        at_hand(asked)
    };
    let plan = Plan::new(&experiment, &only_strokes).unwrap();
    assert_eq!((labels(&plan), plan.excluded), (vec!["dataset=strokes seed=0", "dataset=strokes seed=1"], 4));
}

#[test]
fn rules_on_widths_and_recipes_exclude_what_has_their_values() {
    let excluded = |axes: &str, rule: &str| {
        let plan = plan(&format!("[sweep.grid]\n{axes}\n[[sweep.exclude]]\n{rule}\n"));
        plan.runs.into_iter().map(|run| run.label).collect::<Vec<_>>().join(", ")
    };
    let widths = "\"model.hidden\" = [64, [64, 64], [64, 64, 64], [64, 32]]";
    assert_eq!(excluded(widths, "model.hidden = 64"), "hidden=64x32 seed=0");
    assert_eq!(excluded(widths, "model.hidden = [64, 64]"), "hidden=64x64x64 seed=0, hidden=64x32 seed=0");
    assert_eq!(
        excluded(widths, "model.generator.hidden = [64, 32]"),
        "hidden=64 seed=0, hidden=64x64x64 seed=0"
    );
    let recipes = "recipe = [\"jovian\", \"coursera\"]";
    assert_eq!(excluded(recipes, "train.batch_size = 100"), "recipe=coursera seed=0");
    assert_eq!(excluded(recipes, "recipe = \"coursera\"\ntrain.batch_size = 128"), "recipe=jovian seed=0");
    assert_eq!(
        excluded("\"optimizer.lr\" = [1e-3, 1e-4]", "recipe = \"fast\"\noptimizer.lr = 1e-3"),
        "lr=1e-4 seed=0"
    );
    let networks = "\"optimizer.generator.lr\" = [1e-3, 1e-4]\n\"optimizer.discriminator.lr\" = [1e-3]";
    assert_eq!(excluded(networks, "optimizer.lr = 1e-3"), "generator.lr=1e-4 discriminator.lr=1e-3 seed=0");
}

#[test]
fn a_zipped_range_of_integers_keeps_its_length() {
    let plan = plan(
        "[sweep.zip]\n\"train.d_steps\" = { linear = [1, 3], n = 6 }\n\
         \"optimizer.lr\" = [1e-5, 2e-5, 3e-5, 4e-5, 5e-5, 6e-5]\n[sweep.grid]\n\"train.epochs\" = { linear = [1, 2], n = 5 }\n",
    );
    let steps: Vec<u32> = plan.runs[..6].iter().map(|run| run.config.train.d_steps).collect();
    assert_eq!((plan.runs.len(), plan.duplicates), (12, 0));
    assert_eq!(steps, [1, 1, 2, 2, 3, 3]);
}

#[test]
fn a_range_of_a_large_integer_is_exact() {
    let plan = plan(
        "[sweep.grid]\n\"data.images\" = { linear = [12345, 54321], n = 3 }\n[model.generator]\nbatch_norm = false\n",
    );
    assert_eq!(labels(&plan), ["images=12345 seed=0", "images=33333 seed=0", "images=54321 seed=0"]);
}

#[test]
fn runs_that_compute_the_same_are_merged_and_counted() {
    let same = |text: &str| {
        let plan = plan(text);
        (plan.runs.len(), plan.duplicates)
    };
    assert_eq!(same("[sweep.grid]\n\"optimizer.lr\" = [1e-3, 0.001, 1.0e-3]\n"), (1, 2));
    assert_eq!(
        same(
            "[sweep.grid]\n\"model.activation\" = [\"relu\", \"leaky-relu\"]\n\"model.slope\" = [0.0, 0.1, 0.2]\n"
        ),
        (3, 3)
    );
    assert_eq!(same("[sweep.grid]\n\"data.images\" = [0, 60000]\n"), (1, 1));
    assert_eq!(
        same("[sweep.grid]\n\"train.drop_last\" = [true, false]\n\"train.batch_size\" = [100, 64]\n"),
        (3, 1)
    );
    assert_eq!(same("[sweep.grid]\n\"model.generator.hidden\" = [64, [64, 64]]\n"), (1, 1));
}

#[test]
fn a_fallback_is_what_the_runs_say_they_train_on() {
    let experiment = load("[sweep.grid]\n\"data.dataset\" = [\"mnist\", \"strokes\", \"kmnist\"]\n");
    let asked = RefCell::new(Vec::new());
    let only_strokes = |request: DataRequest| {
        asked.borrow_mut().push(request.dataset);
        DataIdentity { dataset: Dataset::Strokes, spec: like_mnist("strokes") }
    };
    let plan = Plan::new(&experiment, &only_strokes).unwrap();
    assert_eq!(labels(&plan), ["dataset=strokes seed=0"]);
    assert_eq!(plan.duplicates, 2);
    assert_eq!(plan.runs[0].config.data.dataset, Dataset::Strokes);
    assert_eq!(plan.runs[0].assignments[0].value, "strokes");
    assert_eq!(*asked.borrow(), [Dataset::Mnist, Dataset::Strokes, Dataset::Kmnist]);
}

#[test]
fn a_fallback_has_the_shape_of_what_it_replaces() {
    let experiment = load("data.fallback = \"strokes\"\n");
    let colour = ImageShape { channels: 3, height: 32, width: 32 };
    let drawn = |_| DataIdentity {
        dataset: Dataset::Strokes,
        spec: DatasetSpec { image: colour, ..like_mnist("strokes in colour") },
    };
    let plan = Plan::new(&experiment, &drawn).unwrap();
    let data = &plan.runs[0].config.data;
    assert_eq!((data.dataset, data.side, data.channels), (Dataset::Strokes, 32, 3));
    // It is the run that asks for such images itself.
    let asked = load("data.dataset = \"strokes\"\ndata.side = 32\ndata.channels = 3\n");
    assert_eq!(Plan::new(&asked, &drawn).unwrap().runs[0].id, plan.runs[0].id);
}

#[test]
fn the_shape_of_the_images_may_be_swept_and_each_is_looked_up_once() {
    let experiment = load(
        "data.dataset = \"strokes\"\n[sweep.grid]\n\"data.side\" = [0, 28, 64]\n\"data.channels\" = [1, 3]\n",
    );
    let asked = RefCell::new(Vec::new());
    let drawn = |request: DataRequest| {
        asked.borrow_mut().push((request.side, request.channels));
        let image = request.shape().unwrap();
        DataIdentity {
            dataset: request.dataset,
            spec: DatasetSpec { image, ..like_mnist(&image.to_string()) },
        }
    };
    let plan = Plan::new(&experiment, &drawn).unwrap();
    let shapes: Vec<String> = plan.runs.iter().map(|run| run.spec.image.to_string()).collect();
    assert_eq!(shapes, ["1 x 28 x 28", "3 x 28 x 28", "1 x 64 x 64", "3 x 64 x 64"]);
    assert_eq!(plan.duplicates, 2, "28 pixels are the dataset's own");
    assert_eq!(*asked.borrow(), [(0, 1), (0, 3), (28, 1), (28, 3), (64, 1), (64, 3)]);
}

#[test]
fn a_shape_that_the_dataset_does_not_have_is_refused_with_the_reason() {
    let planned = |text: &str| Plan::new(&load(text), &at_hand).unwrap_err().to_string();
    let refused = planned("data.side = 32\n");
    assert!(refused.contains("the images of mnist have 28 x 28 pixels and 1 channel"), "{refused}");
    assert!(planned("data.channels = 3\n").contains("1 channel"));
    // What the files have anyway may be said.
    assert_eq!(plan("data.side = 28\ndata.channels = 1\n").runs[0].id, plan("").runs[0].id);
    let refused = faults("data.dataset = \"strokes\"\ndata.side = 30\n");
    assert!(refused.contains("cannot be drawn with 30 x 30 pixels; expected one of 28, 32, 64"), "{refused}");
}

#[test]
fn a_swept_recipe_is_rebuilt_below_the_file() {
    let text = "[train]\nepochs = 3\n[model]\nhidden = 50\n[sweep.grid]\nrecipe = [\"jovian\", \"coursera\", \"udacity\"]\n";
    let swept = plan(text);
    assert_eq!(labels(&swept), ["recipe=jovian seed=0", "recipe=coursera seed=0", "recipe=udacity seed=0"]);
    for (run, recipe) in swept.runs.iter().zip(["jovian", "coursera", "udacity"]) {
        let alone = plan(&format!("recipe = \"{recipe}\"\n[train]\nepochs = 3\n[model]\nhidden = 50\n"));
        assert_eq!((&run.config, &run.id), (&alone.runs[0].config, &alone.runs[0].id));
    }
    assert_eq!(swept.runs[1].config.model.generator.hidden, [50; 4]);
}

#[test]
fn a_swept_recipe_comes_before_the_other_axes() {
    let plan = plan("[sweep.grid]\n\"model.hidden\" = [10, 20]\nrecipe = [\"jovian\", \"coursera\"]\n");
    assert_eq!(labels(&plan)[3], "hidden=20 recipe=coursera seed=0");
    assert_eq!(plan.runs[3].config.model.generator.hidden, [20; 4]);
    assert_eq!(plan.runs[2].config.model.generator.hidden, [20; 2]);
}

#[test]
fn recipes_may_be_excluded() {
    let plan = plan(
        "[sweep.grid]\nrecipe = [\"jovian\", \"udacity\"]\n\"optimizer.lr\" = [1e-3, 1e-4]\n[[sweep.exclude]]\nrecipe = \"jovian\"\n\"optimizer.lr\" = 1e-3\n",
    );
    assert_eq!(
        labels(&plan),
        ["recipe=jovian lr=1e-4 seed=0", "recipe=udacity lr=1e-3 seed=0", "recipe=udacity lr=1e-4 seed=0"]
    );
}

#[test]
fn an_id_does_not_depend_on_how_or_where_a_value_was_given() {
    let plain = plan("recipe = \"jovian\"\noptimizer.lr = 3e-4\n[sweep]\nseeds = [2]\n").runs[0].id.clone();
    let spelt_out = "recipe = \"jovian\"\nname = \"x\"\ndescription = \"y\"\n[optimizer]\ngenerator.lr = 0.0003\n\
                     discriminator = { lr = 3.0e-4, beta1 = 0.9 }\n[record]\nevery_steps = 7\n[sweep]\nseeds = [2]\n";
    assert_eq!(plan(spelt_out).runs[0].id, plain);
    let swept = "recipe = \"jovian\"\n[sweep]\nseeds = 4\n[sweep.grid]\n\"optimizer.lr\" = [1e-4, 3e-4]\n";
    assert!(plan(swept).runs.iter().any(|run| run.id == plain));
    let arguments = sets(&["recipe=jovian", "optimizer.lr=0.0003", "sweep.seeds=[2]"]);
    let by_arguments = Plan::new(&load_with("", &arguments).unwrap(), &at_hand).unwrap();
    assert_eq!(by_arguments.runs[0].id, plain);
}

/// These may never change: databases that hold them exist.
#[test]
fn ids_are_what_they_were_in_every_earlier_version() {
    let ids = recipes::NAMES.map(|recipe| {
        let run = plan(&format!("recipe = \"{recipe}\"")).runs.remove(0);
        format!("{recipe} {} {}", run.config_hash, run.id)
    });
    assert_snapshot!(ids.join("\n"), @r"
    fast 2d770bc5b94f9d39 2846e16be1b1c899
    dcgan 3c5331f5c0b6c5cd eca66f45498080d4
    wgan-gp d1f5d87ba9f4d780 6f2530962d26d848
    lsgan b4317e7d7415b9ef efe33068419a56bc
    conditional 2e2e1cd477f608d1 61c4ee94f9678c29
    dcgan-color ece23e73e8108951 8029654c38329724
    best-mlp a61ef87863b30746 50c230360dbc9f87
    best-conv fc562d94033bb703 1e957b91cba7f589
    realpython 89e35c52bc62d7a2 ea51812b6c5d1f1e
    jovian d485052172726803 220eae01303303b9
    coursera 078e2a77e3f214af ab311e4ba641a4ef
    udacity ddf9ca0bda2cd3bf 03a877c5a24b80eb
    ");
}

#[test]
fn for_how_long_a_run_is_trained_is_no_part_of_its_id() {
    let short = plan("[train]\nepochs = 5\n");
    let long = plan("[train]\nepochs = 20\n");
    assert_eq!(short.runs[0].id, long.runs[0].id);
    assert_eq!(short.runs[0].config_hash, long.runs[0].config_hash);
    assert_eq!((short.runs[0].epochs, long.runs[0].epochs), (5, 20));
    assert_eq!((short.runs[0].total_steps(), long.runs[0].total_steps()), (5 * 938, 20 * 938));
}

#[test]
fn a_swept_budget_lists_a_run_once_for_each_and_the_longest_is_trained() {
    let text = "[sweep]\nseeds = 2\n[sweep.grid]\n\"train.epochs\" = [5, 20, 10, 20]\n\"optimizer.lr\" = [1e-3, 1e-4]\n\
                [[sweep.exclude]]\n\"train.epochs\" = 20\n\"optimizer.lr\" = 1e-4\nseed = 1\n";
    let plan = plan(text);
    assert_eq!((plan.runs.len(), plan.duplicates, plan.excluded), (11, 3, 2));
    let listed = |run: &PlannedRun| format!("{}: {}", run.label, run.epochs);
    let first: Vec<String> = plan.runs.iter().filter(|run| run.id == plan.runs[0].id).map(listed).collect();
    assert_eq!(
        first,
        ["epochs=5 lr=1e-3 seed=0: 5", "epochs=20 lr=1e-3 seed=0: 20", "epochs=10 lr=1e-3 seed=0: 10"]
    );
    let longest: Vec<String> = plan.longest().iter().map(listed).collect();
    assert_eq!(
        longest,
        [
            "epochs=20 lr=1e-3 seed=0: 20",
            "epochs=20 lr=1e-3 seed=1: 20",
            "epochs=20 lr=1e-4 seed=0: 20",
            "epochs=10 lr=1e-4 seed=1: 10"
        ]
    );
}

#[test]
fn a_swept_recipe_brings_its_own_budget() {
    let swept = plan("[sweep.grid]\nrecipe = [\"jovian\", \"fast\"]\n");
    assert_eq!(swept.runs.iter().map(|run| run.epochs).collect::<Vec<_>>(), [300, 5]);
}

#[test]
fn ten_thousand_configs_are_planned() {
    let plan = plan(
        "[sweep.grid]\n\"optimizer.lr\" = { log = [1e-5, 1e-2], n = 100 }\n\"optimizer.beta1\" = { linear = [0.0, 0.99], n = 100 }\n",
    );
    assert_eq!(plan.runs.len(), 10_000);
    let ids: HashSet<&RunId> = plan.runs.iter().map(|run| &run.id).collect();
    assert_eq!(ids.len(), 10_000);
    assert_eq!(plan.runs[9_999].label, "lr=0.01 beta1=0.99 seed=0");
}

#[test]
fn as_many_contradictions_as_configs_are_counted_in_linear_time() {
    let text = "[model.generator]\nbatch_norm = true\n[sweep.grid]\n\"data.images\" = { linear = [1001, 9999], n = 8999 }\n\
                \"train.batch_size\" = [10, 20, 40, 50]\n";
    let Err(faults) = load_with(text, &sets(&[])).and_then(|experiment| Plan::new(&experiment, &at_hand))
    else {
        panic!("some of these leave one image for the last batch")
    };
    assert!(faults.as_slice().len() > 1_000);
}

#[test]
fn plans_and_experiments_are_told_as_json() {
    let experiment = load("[sweep.grid]\n\"optimizer.lr\" = [1e-3]\n[[sweep.exclude]]\nseed = 3\n");
    let plan = Plan::new(&experiment, &at_hand).unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["runs"][0]["config"]["optimizer"]["generator"]["lr"], 0.001);
    assert_eq!(
        json["axes"][0],
        serde_json::json!({"key": "optimizer.lr", "short": "lr", "values": [0.001], "kind": "grid"})
    );
    let json = serde_json::to_value(&experiment).unwrap();
    assert_eq!(json["sweep"]["factors"][0]["axes"][0]["key"], "optimizer.lr");
    assert_eq!(json["sweep"]["factors"][0]["axes"][0]["place"], "test.toml:2");
    assert_eq!(json["resolved"][0]["layer"], "default");
}

#[test]
fn pinned_axes_are_told_with_the_layer_that_pins_them() {
    let experiment =
        load_with("[sweep.grid]\nrecipe = [\"jovian\", \"udacity\"]\n", &sets(&["recipe=coursera"])).unwrap();
    assert_eq!((experiment.sweep.pinned[0].key, &experiment.sweep.pinned[0].layer), ("recipe", &Layer::Set));
    assert_eq!(labels(&Plan::new(&experiment, &at_hand).unwrap()), ["seed=0"]);
    assert_eq!(experiment.recipes(), ["coursera"]);
}

#[test]
fn the_recipes_of_an_experiment_are_the_swept_ones_each_once() {
    let text = "[sweep.zip]\nrecipe = [\"jovian\", \"udacity\", \"jovian\"]\n\"train.epochs\" = [1, 2, 3]\n";
    assert_eq!(load(text).recipes(), ["jovian", "udacity"]);
    assert_eq!(load("recipe = \"coursera\"\n").recipes(), ["coursera"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_combination_is_planned_once(
        rates in prop::collection::btree_set(1u32..1000, 1..5),
        widths in prop::collection::btree_set(1u32..500, 1..4),
        zipped in prop::collection::vec((1u32..50, 0.0f64..0.9), 1..4),
        seeds in 1usize..4,
    ) {
        let rates: Vec<f64> = rates.into_iter().map(|rate| f64::from(rate) * 1e-5).collect();
        let widths: Vec<u32> = widths.into_iter().collect();
        let (epochs, betas): (Vec<u32>, Vec<f64>) = zipped.iter().copied().unzip();
        let text = format!(
            "[sweep]\nseeds = {seeds}\n[sweep.grid]\n\"optimizer.lr\" = {rates:?}\n\"model.hidden\" = {widths:?}\n\
             [sweep.zip]\n\"train.epochs\" = {epochs:?}\n\"optimizer.beta1\" = {betas:?}\n"
        );
        let plan = plan(&text);
        prop_assert_eq!(plan.runs.len() + plan.duplicates, rates.len() * widths.len() * zipped.len() * seeds);
        for run in &plan.runs {
            let config = &run.config;
            prop_assert!(rates.contains(&config.optimizer.generator.lr));
            prop_assert!(widths.iter().any(|width| config.model.generator.hidden == [*width; 2]));
            prop_assert!(zipped.contains(&(run.epochs, config.optimizer.generator.beta1)));
        }
    }
}

#[test]
fn the_folder_of_images_is_no_part_of_a_runs_id() {
    let ids = |path: &str| {
        let text = format!("data.dataset = \"idx\"\ndata.path = \"{path}\"\n");
        plan(&text).runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("here"), ids("there"));
}

#[test]
fn a_label_has_no_values_that_do_not_matter_to_the_run() {
    let text = "[model.discriminator]\ndropout = 0\n[sweep.grid]\n\"penalty.kind\" = [\"none\", \"r1\"]\n\"penalty.weight\" = [1, 10]\n";
    let plan = plan(text);
    assert_eq!(labels(&plan), ["kind=none seed=0", "kind=r1 weight=1 seed=0", "kind=r1 weight=10 seed=0"]);
    let keys = |run: &PlannedRun| run.assignments.iter().map(|one| one.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&plan.runs[0]), ["penalty.kind"]);
    assert_eq!(keys(&plan.runs[1]), ["penalty.kind", "penalty.weight"]);
    assert_eq!(plan.duplicates, 1);
}

#[test]
fn a_label_has_no_value_that_does_not_matter_although_it_is_the_default() {
    let base = "[model.discriminator]\ndropout = 0\n";
    let text =
        format!("{base}[sweep.grid]\n\"penalty.weight\" = [10, 1]\n\"penalty.kind\" = [\"none\", \"r1\"]\n");
    assert_eq!(
        labels(&plan(&text)),
        ["kind=none seed=0", "weight=10 kind=r1 seed=0", "weight=1 kind=r1 seed=0"]
    );
    let tied = "[sweep.zip]\n\"penalty.kind\" = [\"none\", \"r1\"]\n\"penalty.weight\" = [10, 1]\n\"train.d_steps\" = [2, 2]\n";
    let labelled = ["kind=none d_steps=2 seed=0", "kind=r1 weight=1 d_steps=2 seed=0"];
    assert_eq!(labels(&plan(&format!("{base}{tied}"))), labelled);
}

#[test]
fn a_label_has_values_that_are_those_of_the_data_or_another_ones_equals() {
    let text =
        "[model]\nconditional = true\n[sweep.grid]\n\"model.embedding\" = [5, 10]\n\"data.side\" = [28]\n";
    assert_eq!(labels(&plan(text)), ["embedding=5 side=28 seed=0", "embedding=10 side=28 seed=0"]);
}
