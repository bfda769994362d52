//! The table `[prune]`.

use gansweep_config::{
    DataIdentity, DatasetSpec, EvaluateEpochs, LoadOptions, Plan, PruneMethod, PruneSeeds,
};
use insta::assert_snapshot;

use crate::common::{at_hand, faults, faults_with, load, load_with};

#[test]
fn nothing_is_pruned_by_default() {
    let experiment = load("");
    assert!(!experiment.prune.is_on());
    assert_eq!(experiment.record.evaluate_epochs, EvaluateEpochs::Auto);
}

#[test]
fn pruning_records_the_figure_that_it_compares_by() {
    let experiment = load(
        "train.epochs = 20\n[prune]\nmethod = \"asha\"\nmin_epochs = 2\nfactor = 4\nseeds = \"apart\"\n",
    );
    let prune = &experiment.prune;
    assert_eq!((prune.method, prune.metric.as_str()), (PruneMethod::Asha, "fd"));
    assert_eq!((prune.seeds, prune.rungs(experiment.epochs)), (PruneSeeds::Apart, vec![2, 8]));
    assert_eq!(experiment.record.evaluate_epochs, EvaluateEpochs::Every(2));
    let shown = experiment.resolved.iter().find(|key| key.key == "record.evaluate_epochs").unwrap();
    assert_eq!(shown.value, 2);
}

#[test]
fn a_search_by_a_figure_records_it_at_the_end_of_each_run() {
    let search = "train.epochs = 20\n[search]\nmethod = \"tpe\"\n[sweep.random.keys]\n\"optimizer.lr\" = { log_uniform = [1e-4, 1e-2] }\n";
    assert_eq!(load(search).record.evaluate_epochs, EvaluateEpochs::Every(20));
    let pruned = load(&format!("{search}[prune]\nmethod = \"asha\"\nmin_epochs = 2\n"));
    assert_eq!(pruned.record.evaluate_epochs, EvaluateEpochs::Every(2));
    let other = search.replace("method", "metric = \"images_per_second\"\nmethod");
    assert_eq!(load(&other).record.evaluate_epochs, EvaluateEpochs::Auto);
}

#[test]
fn what_the_user_says_of_evaluations_holds() {
    let experiment = load("train.epochs = 20\n[prune]\nmethod = \"asha\"\n[record]\nevaluate_epochs = 5\n");
    assert_eq!(experiment.record.evaluate_epochs, EvaluateEpochs::Every(5));
}

#[test]
fn pruning_that_cannot_work_is_refused_with_the_way_out() {
    assert_snapshot!(
        faults("train.epochs = 9\n[prune]\nmethod = \"asha\"\n[record]\nevaluate_epochs = 0\n"),
        @r#"test.toml:5: record.evaluate_epochs: `record.evaluate_epochs = 0` leaves no `fd` for `prune.method = "asha"` to compare runs by; expected no `record.evaluate_epochs`, or a number of epochs such as 1 (from file)"#
    );
    let options = LoadOptions { sets: vec!["prune.method=asha".to_owned()], ..LoadOptions::default() };
    assert_snapshot!(
        faults_with("[record]\nevaluate_epochs = 0\n", &options),
        @r#"test.toml:2: record.evaluate_epochs: `record.evaluate_epochs = 0` leaves no `fd` for `prune.method = "asha"` to compare runs by; expected no `record.evaluate_epochs`, or a number of epochs such as 1 (from file)"#
    );
    assert_snapshot!(
        faults("train.epochs = 3\n[prune]\nmethod = \"median\"\nmin_epochs = 3\n"),
        @"test.toml:4: prune.min_epochs: no run is compared before 3 epochs, and the longest is trained for 3; expected `prune.min_epochs` below `train.epochs` (from file)"
    );
    let said = faults("[prune]\nmethod = \"halving\"\nmetric = \"d_loss\"\nfactor = 1\n");
    let keys =
        ["prune.method: found `\"halving\"`", "prune.metric: found `\"d_loss\"`", "prune.factor: found `1`"];
    assert!(keys.iter().all(|key| said.contains(key)), "{said}");
    let said = faults("[sweep.grid]\n\"prune.factor\" = [2, 3]\n");
    assert!(said.contains("cannot be swept"), "{said}");
}

#[test]
fn figures_of_classes_are_refused_where_the_images_have_none() {
    let without_classes = |text: &str| {
        let identity = |asked| {
            let DataIdentity { dataset, spec } = at_hand(asked);
            DataIdentity { dataset, spec: DatasetSpec { classes: 1, ..spec } }
        };
        Plan::new(&load(text), &identity).map(drop).map_err(|faults| faults.to_string())
    };
    let pruned = "train.epochs = 9\n[prune]\nmethod = \"asha\"\nmetric = \"modes\"\n";
    assert_snapshot!(
        without_classes(pruned).unwrap_err(),
        @"test.toml:4: prune.metric: `modes` is computed from classes, and the images of mnist have no labels, or all the same one; expected a figure that needs none, such as `fd` (from file)"
    );
    let searched = "[search]\nmethod = \"tpe\"\nmetric = \"class_kl\"\n\
                    [sweep.random.keys]\n\"optimizer.lr\" = { log_uniform = [1e-4, 1e-2] }\n";
    let said = without_classes(searched).unwrap_err();
    assert!(said.contains("test.toml:3: search.metric: `class_kl` is computed from classes"), "{said}");
    without_classes(&pruned.replace("modes", "kid")).unwrap();
    without_classes(&pruned.replace("\"asha\"", "\"none\"")).unwrap();
}

#[test]
fn figures_of_conditional_models_are_refused_without_conditions() {
    let refused = |text: &str| {
        let experiment = load_with(text, &LoadOptions::default());
        let plan = experiment.and_then(|experiment| Plan::new(&experiment, &at_hand));
        plan.map(drop).map_err(|faults| faults.to_string())
    };
    let pruned = "train.epochs = 9\n[prune]\nmethod = \"asha\"\nmetric = \"class_fd\"\n";
    assert_snapshot!(
        refused(pruned).unwrap_err(),
        @"test.toml:4: prune.metric: `class_fd` is of images that are drawn for a class, which a model that knows no classes does not do; expected `model.conditional = true`, or another figure such as `fd` (from file)"
    );
    let searched = "[search]\nmethod = \"tpe\"\nmetric = \"class_accuracy\"\n\
                    [sweep.random.keys]\n\"optimizer.lr\" = { log_uniform = [1e-4, 1e-2] }\n";
    let best = "[record]\nbest = \"class_accuracy\"\n";
    for (text, key) in [(searched, "search.metric"), (best, "record.best")] {
        let said = refused(text).unwrap_err();
        assert!(said.contains(&format!("{key}: `class_accuracy` is of images")), "{said}");
        refused(&format!("model.conditional = true\n{text}")).unwrap();
    }
    let both = "[record]\nbest = \"class_fd\"\n[sweep.grid]\n\"model.conditional\" = [false, true]\n";
    assert!(refused(both).unwrap_err().contains("in 1 of 2 configs"));
    refused(&pruned.replace("\"asha\"", "\"none\"")).unwrap();
}
