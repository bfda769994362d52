//! Experiments whose configs are proposed while the sweep goes on.

use gansweep_config::{Plan, SearchSpace};
use insta::assert_snapshot;

use crate::common::{at_hand, faults, faults_with, load, load_with, plan, sets};

const SEARCH: &str = "[search]\nmethod = \"tpe\"\ntrials = 20\nstartup = 3\n[sweep]\nseeds = 2\n";
const KEYS: &str = "[sweep.random.keys]
\"optimizer.lr\" = { log_uniform = [1e-5, 1e-2] }
\"train.d_steps\" = { integer = [1, 5] }
\"penalty.kind\" = { choice = [\"none\", \"r1\"] }
\"penalty.weight\" = { log_uniform = [0.1, 10.0] }
";

#[test]
fn the_plan_of_a_search_has_its_drawn_trials() {
    let searched = plan(&format!("{SEARCH}{KEYS}"));
    let random = plan(&format!("[sweep]\nseeds = 2\n[sweep.random]\nn = 3\n{KEYS}"));
    assert_eq!(searched, random);
    assert_eq!(searched.runs.len(), 6);
}

#[test]
fn without_a_method_the_same_file_is_a_random_sweep() {
    let options = sets(&["search.method=none", "sweep.random.n=4"]);
    let experiment = load_with(&format!("{SEARCH}{KEYS}"), &options).unwrap();
    assert_eq!(experiment.search, None);
    assert_eq!(Plan::new(&experiment, &at_hand).unwrap().runs.len(), 8);
}

#[test]
fn a_point_stands_for_the_runs_with_its_values() {
    let experiment = load(&format!("{SEARCH}{KEYS}"));
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    let plan = Plan::new(&experiment, &at_hand).unwrap();
    let drawn: Vec<_> = space.startup().iter().flat_map(|point| space.runs(point)).collect();
    assert_eq!(drawn, plan.runs, "drawn trials are the plan");
    let point = [0.001_234_56, 2.0, 1.0, 3.0];
    let labels: Vec<String> = space.runs(&point).into_iter().map(|run| run.label).collect();
    assert_eq!(
        labels,
        [
            "lr=0.001235 d_steps=2 kind=r1 weight=3 seed=0".to_owned(),
            "lr=0.001235 d_steps=2 kind=r1 weight=3 seed=1".to_owned()
        ]
    );
    let again = space.point(&space.assignments(&point)).unwrap();
    assert_eq!(again, [0.001_235, 2.0, 1.0, 3.0]);
    assert_eq!(space.runs(&again), space.runs(&point));
}

#[test]
fn a_key_without_an_effect_is_told_from_the_others() {
    let experiment = load(&format!("{SEARCH}{KEYS}"));
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    assert_eq!(space.effects(&[1e-3, 2.0, 0.0, 3.0]), [true, true, true, false], "no penalty");
    assert_eq!(space.effects(&[1e-3, 2.0, 1.0, 3.0]), [true; 4]);
    let without = |weight: f64| space.runs(&[1e-3, 2.0, 0.0, weight]).into_iter().map(|run| run.id);
    assert!(without(1.0).eq(without(3.0)), "what has no effect makes no other run");
}

#[test]
fn excluded_and_conflicting_points_have_no_runs() {
    let text = format!(
        "{SEARCH}[sweep.random.keys]
\"loss.kind\" = {{ choice = [\"non-saturating\", \"hinge\"] }}
\"loss.label_smoothing\" = {{ choice = [0.0, 0.1, 0.2] }}
[[sweep.exclude]]
\"loss.kind\" = \"non-saturating\"
\"loss.label_smoothing\" = 0.2
[[sweep.exclude]]
\"loss.kind\" = \"hinge\"
\"loss.label_smoothing\" = 0.1
[[sweep.exclude]]
\"loss.kind\" = \"hinge\"
\"loss.label_smoothing\" = 0.2
"
    );
    let experiment = load(&text.replace("startup = 3", "startup = 12"));
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    let runs = |point: [f64; 2]| space.runs(&point).len();
    assert_eq!([runs([0.0, 0.0]), runs([0.0, 1.0]), runs([0.0, 2.0]), runs([1.0, 0.0])], [2, 2, 0, 2]);
    let without_rule = text.split("[[sweep.exclude]]\n\"loss.kind\" = \"hinge\"").next().unwrap();
    let one_draw = without_rule.replace("startup = 3", "startup = 1");
    // The first draw that does not conflict, which would be a fault of the file.
    let seeded = |seed| load_with(&one_draw, &sets(&[&format!("sweep.random.seed={seed}")])).ok();
    let experiment = (0..20).find_map(seeded).unwrap();
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    assert_eq!(space.runs(&[1.0, 1.0]), [], "hinge has no labels to smooth");
}

#[test]
fn a_swept_recipe_may_be_proposed_that_no_drawn_trial_has() {
    let experiment = load(
        "[train]\nepochs = 3\n[search]\nmethod = \"tpe\"\nstartup = 1\n[sweep.random.keys]\nrecipe = { choice = [\"jovian\", \"udacity\", \"lsgan\"] }\n",
    );
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    let configs: Vec<_> = (0..3).map(|recipe| space.runs(&[f64::from(recipe)])[0].config.clone()).collect();
    for (config, recipe) in configs.iter().zip(["jovian", "udacity", "lsgan"]) {
        assert_eq!(*config, plan(&format!("recipe = \"{recipe}\"")).runs[0].config, "{recipe}");
    }
}

#[test]
fn data_that_no_drawn_trial_has_is_asked_for_and_may_be_proposed() {
    let experiment = load(
        "[search]\nmethod = \"tpe\"\nstartup = 1\n[sweep.random.keys]\n\"data.dataset\" = { choice = [\"strokes\", \"mnist\"] }\n",
    );
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    assert_eq!([0.0, 1.0].map(|dataset| space.runs(&[dataset]).len()), [1, 1]);
}

#[test]
fn recorded_values_outside_of_the_space_are_no_point() {
    let experiment = load(&format!("{SEARCH}{KEYS}"));
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    let recorded = space.assignments(&[1e-3, 2.0, 1.0, 3.0]);
    let narrower = load(&format!("{SEARCH}{KEYS}").replace("1e-5, 1e-2", "1e-5, 1e-4"));
    assert_eq!(SearchSpace::new(&narrower, &at_hand).unwrap().point(&recorded), None);
    assert_eq!(space.point(&recorded[1..]), None);
}

#[test]
fn random_numbers_depend_on_seed_and_trial_alone() {
    let experiment = load(&format!("{SEARCH}{KEYS}"));
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    let first = |trial: usize| -> Vec<f64> {
        let mut uniform = space.uniforms(trial);
        (0..3).map(|_| uniform()).collect()
    };
    assert_eq!(first(4), first(4));
    assert_ne!(first(4), first(5));
}

#[test]
fn faults_of_a_search_name_the_way_out() {
    assert_snapshot!(faults("[search]\nmethod = \"tpe\"\n"), @r#"test.toml:2: sweep.random.keys: missing; expected keys to search, such as `"optimizer.lr" = { log_uniform = [1e-5, 1e-2] }` (from file)"#);
    assert_snapshot!(faults(&format!("{SEARCH}{KEYS}[sweep.grid]\n\"train.epochs\" = [1, 2]\n")), @r#"test.toml:13: sweep.grid."train.epochs": cannot be searched: an axis of `[sweep.random.keys]` can; expected `{ choice = [...] }` in `[sweep.random.keys]`, or `search.method = "none"` (from file)"#);
    let recipes = format!("{SEARCH}{KEYS}\"recipe\" = {{ choice = [\"fast\", \"jovian\"] }}\n");
    assert_snapshot!(faults(&recipes), @"test.toml:12: recipe: the recipes train for 5 and 300 epochs, and trials compare at one budget; expected `train.epochs = N` in the file, which all trials have (from file)");
    assert_snapshot!(faults(&format!("{SEARCH}{KEYS}\"train.epochs\" = {{ integer = [1, 9] }}\n")), @r#"test.toml:12: sweep.random.keys."train.epochs": cannot be searched: trials compare at one budget; expected one value for `train.epochs` (from file)"#);
    assert_snapshot!(faults_with(&format!("{SEARCH}{KEYS}"), &sets(&["sweep.random.n=9"])), @"--set sweep.random.n=9: sweep.random.n: has no effect here; expected `search.startup`, the number of drawn trials (from --set)");
    assert_snapshot!(faults("[search]\nmethod = \"grid\"\ntrials = 0\n"), @r#"
    test.toml:2: search.method: found `"grid"`; expected one of "none", "tpe" (from file)
    test.toml:3: search.trials: found `0`; expected an integer from 1 to 100000 (from file)
    "#);
}

#[test]
fn the_metric_of_a_search_is_checked_where_it_is_written() {
    let text = |metric: &str| {
        format!("{SEARCH}{KEYS}").replace("trials = 20", &format!("metric = \"{metric}\"\ntrials = 20"))
    };
    assert_snapshot!(faults(&text("FD")), @r#"test.toml:3: search.metric: found `"FD"`; expected one of "fd", "kid", "precision", "recall", "density", "coverage", "score", "modes", "class_kl", "class_fd", "class_accuracy", "images_per_second"; did you mean `fd`? (from file)"#);
    let said = faults(&text("d_loss"));
    assert!(said.starts_with("test.toml:3: search.metric: found `\"d_loss\"`; expected one of"), "{said}");
    load(&text("images_per_second"));
}

#[test]
fn a_search_by_a_figure_that_is_not_recorded_is_refused() {
    let text = format!("{SEARCH}{KEYS}[record]\nevaluate_epochs = 0\n");
    assert_snapshot!(faults(&text), @"test.toml:13: record.evaluate_epochs: `record.evaluate_epochs = 0` leaves no `fd` for the search to compare runs by; expected no `record.evaluate_epochs`, or a number of epochs such as 5 (from file)");
    load(&text.replace("trials = 20", "metric = \"images_per_second\"\ntrials = 20"));
}

#[test]
fn objectives_that_a_collapsed_generator_can_lead_are_known() {
    let objectives = |text: &str| {
        let experiment = load(text);
        experiment
            .objectives_without_variety()
            .into_iter()
            .map(|(key, metric)| format!("{key} {metric}"))
            .collect::<Vec<_>>()
    };
    let searched = format!("{SEARCH}{KEYS}").replace("trials = 20", "metric = \"precision\"\ntrials = 20");
    assert_eq!(objectives(&searched), ["search.metric precision"]);
    let others = "train.epochs = 9\nrecord.best = \"density\"\nprune.metric = \"density\"\n";
    assert_eq!(objectives(others), ["record.best density"], "nothing is pruned");
    let pruned = format!("{others}prune.method = \"asha\"\n");
    assert_eq!(objectives(&pruned), ["prune.metric density", "record.best density"]);
    assert!(objectives("").is_empty() && objectives("record.best = \"recall\"\n").is_empty());
}
