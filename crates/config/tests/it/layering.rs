//! Layers: which value wins, and which layer it is said to come from.

use std::path::Path;

use gansweep_config::{Activation, Dataset, Experiment, Layer, LoadOptions};

use crate::common::{env, load, load_with, profile, sets};

/// The value of a key and its layer, as `plan` shows them.
fn resolved(experiment: &Experiment, key: &str) -> (String, String) {
    let resolved = experiment.resolved.iter().find(|resolved| resolved.key == key);
    let resolved = resolved.unwrap_or_else(|| panic!("{key} is not resolved"));
    (resolved.value.to_string(), resolved.layer.to_string())
}

fn pair(value: &str, layer: &str) -> (String, String) {
    (value.to_owned(), layer.to_owned())
}

#[test]
fn each_layer_overrides_those_before_it() {
    let text = "recipe = \"jovian\"\n[train]\nbatch_size = 11\nd_steps = 12\nnoise = \"shared\"\nshuffle = false\n\
                [profile.p.train]\nd_steps = 22\nnoise = \"fresh\"\nshuffle = true\n";
    let options = LoadOptions {
        profile: Some("p".to_owned()),
        env: vec![
            ("GANSWEEP_TRAIN__NOISE".to_owned(), "shared".to_owned()),
            ("GANSWEEP_TRAIN__SHUFFLE".to_owned(), "false".to_owned()),
        ],
        sets: vec!["train.shuffle=true".to_owned()],
    };
    let experiment = load_with(text, &options).unwrap();
    assert_eq!(resolved(&experiment, "execution.jobs"), pair("0", "default"));
    assert_eq!(resolved(&experiment, "train.epochs"), pair("300", "recipe jovian"));
    assert_eq!(resolved(&experiment, "train.batch_size"), pair("11", "file"));
    assert_eq!(resolved(&experiment, "train.d_steps"), pair("22", "profile p"));
    assert_eq!(resolved(&experiment, "train.noise"), pair("\"shared\"", "environment"));
    assert_eq!(resolved(&experiment, "train.shuffle"), pair("true", "--set"));
    assert_eq!(experiment.config.train.batch_size, 11);
    assert!(experiment.config.train.shuffle);
}

#[test]
fn an_empty_file_is_the_fast_recipe() {
    let experiment = load("");
    assert_eq!((experiment.name.as_str(), experiment.recipe.as_str()), ("test", "fast"));
    assert_eq!(experiment.config, load("recipe = \"fast\"").config);
    assert_eq!(resolved(&experiment, "recipe"), pair("\"fast\"", "default"));
    assert_eq!(experiment.sweep.seeds, [0]);
    assert_eq!(experiment.fallback, None);
}

#[test]
fn every_key_with_a_value_is_resolved_once() {
    let experiment = load("");
    let keys: Vec<_> = experiment.resolved.iter().map(|resolved| resolved.key.as_str()).collect();
    let all = gansweep_config::schema::keys();
    let expected: Vec<_> =
        all.filter(|key| key.parts.is_empty() && key.path != "sweep.random.n").map(|key| key.path).collect();
    assert_eq!(keys, expected);
}

#[test]
fn a_name_is_that_of_the_file_unless_one_is_given() {
    let path = Path::new("some/where/my-sweep.toml");
    let named = |text: &str| Experiment::parse(path, text.to_owned(), &LoadOptions::default()).unwrap();
    assert_eq!(named("").name, "my-sweep");
    assert_eq!(resolved(&named(""), "name"), pair("\"my-sweep\"", "default"));
    assert_eq!(named("name = \"other\"").name, "other");
    assert_eq!(resolved(&named("name = \"other\""), "name"), pair("\"other\"", "file"));
}

#[test]
fn a_name_that_is_taken_from_the_files_is_checked_by_the_same_rule() {
    let parsed = |path: &Path, text: &str| Experiment::parse(path, text.to_owned(), &LoadOptions::default());
    let long = format!("{}.toml", "x".repeat(101));
    for path in ["a\nb.toml", "\u{1b}[31m.toml", "\u{202e}lr.toml", &long] {
        let told = parsed(Path::new(path), "").unwrap_err().to_string();
        assert!(
            told.contains("name: the file's name") && told.contains("`name = \"...\"` in the file"),
            "{told}"
        );
        assert_eq!(parsed(Path::new(path), "name = \"given\"").unwrap().name, "given");
    }
    let exact = format!("{}.toml", "é".repeat(100));
    assert_eq!(parsed(Path::new(&exact), "").unwrap().name.chars().count(), 100);
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf8_needs_a_name_and_nothing_else() {
    use std::os::unix::ffi::OsStrExt as _;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"b\xfccher/m\xe4rz.toml"));
    let parsed = |text: &str| Experiment::parse(path, text.to_owned(), &LoadOptions::default());
    assert!(parsed("").unwrap_err().to_string().contains("the file's name \"m\u{fffd}rz\""));
    let experiment = parsed("name = \"march\"\ndata.dataset = \"idx\"\ndata.path = \"faces\"\n").unwrap();
    assert_eq!(serde_json::to_value(&experiment).unwrap()["file"], "b\u{fffd}cher/m\u{fffd}rz.toml");
    assert_eq!(experiment.data_path.unwrap().as_os_str().as_bytes(), b"b\xfccher/faces");
}

#[test]
fn empty_variables_count_as_unset() {
    let variables = [("GANSWEEP_TRAIN__EPOCHS", ""), ("GANSWEEP_NAME", ""), ("GANSWEEP_TRAIN_EPOCHS", "")];
    let experiment = load_with("", &env(&variables)).unwrap();
    assert_eq!(experiment, load(""));
    assert!(experiment.options.env.is_empty());
}

#[test]
fn a_later_shorthand_beats_an_earlier_long_key() {
    let experiment = load_with("optimizer.generator.lr = 3e-4", &sets(&["optimizer.lr=1e-3"])).unwrap();
    assert_eq!(experiment.config.optimizer.generator.lr.to_string(), "0.001");
    assert_eq!(resolved(&experiment, "optimizer.generator.lr"), pair("0.001", "--set"));
    assert_eq!(resolved(&experiment, "optimizer.discriminator.lr"), pair("0.001", "--set"));
}

#[test]
fn within_a_layer_the_long_key_beats_the_shorthand() {
    let experiment = load("[optimizer]\ngenerator.lr = 3e-4\nlr = 1e-3\n");
    assert_eq!(resolved(&experiment, "optimizer.generator.lr"), pair("0.0003", "file"));
    assert_eq!(resolved(&experiment, "optimizer.discriminator.lr"), pair("0.001", "file"));
}

#[test]
fn shorthands_of_the_model_set_both_networks() {
    let model = load("[model]\nactivation = \"leaky-relu\"\nslope = 0.1\ndropout = 0.25\n").config.model;
    assert_eq!(
        (model.generator.activation, model.discriminator.activation),
        (Activation::LeakyRelu, Activation::LeakyRelu)
    );
    assert_eq!((model.generator.slope, model.discriminator.slope), (0.1, 0.1));
    assert_eq!((model.generator.dropout, model.discriminator.dropout), (0.25, 0.25));
}

#[test]
fn one_width_keeps_the_number_of_layers_and_a_list_replaces_them() {
    let hidden = |text: &str| {
        let model = load(text).config.model;
        (model.generator.hidden, model.discriminator.hidden)
    };
    assert_eq!(hidden("recipe = \"coursera\"\nmodel.hidden = 96"), (vec![96; 4], vec![96; 3]));
    assert_eq!(hidden("model.hidden = [9, 8, 7]"), (vec![9, 8, 7], vec![9, 8, 7]));
    assert_eq!(hidden("model.generator.hidden = 5"), (vec![5, 5], vec![512, 256]));
    assert_eq!(
        hidden("model.hidden = [9, 8, 7]\nmodel.generator.hidden = 5"),
        (vec![5, 5, 5], vec![9, 8, 7])
    );
}

#[test]
fn arguments_are_toml_or_else_plain_text() {
    let options = sets(&[
        "data.dataset=kmnist",
        "data.fallback = \"strokes\"",
        "name=2024",
        "description=a = b, [c",
        "train.epochs=1_0",
    ]);
    let experiment = load_with("", &options).unwrap();
    assert_eq!(
        (experiment.config.data.dataset, experiment.fallback),
        (Dataset::Kmnist, Some(Dataset::Strokes))
    );
    assert_eq!((experiment.name.as_str(), experiment.description.as_str()), ("2024", "a = b, [c"));
    assert_eq!(experiment.epochs, 10);
}

#[test]
fn of_two_arguments_on_one_key_the_later_wins() {
    let experiment = load_with("", &sets(&["train.epochs=1", "train={epochs=2}"])).unwrap();
    assert_eq!(experiment.epochs, 2);
}

#[test]
fn arguments_reach_the_sweep() {
    let arguments = [
        "sweep.seeds=3",
        "sweep.grid.\"optimizer.lr\"=[1e-4, 1e-3]",
        "sweep.grid.train.epochs={linear=[1,3],n=3}",
    ];
    let experiment = load_with("", &sets(&arguments)).unwrap();
    let axes: Vec<_> = experiment.sweep.axes().map(|axis| (axis.key.path, axis.values.len())).collect();
    assert_eq!(axes, [("optimizer.lr", 2), ("train.epochs", 3)]);
    assert_eq!(experiment.sweep.seeds, [0, 1, 2]);
}

#[test]
fn variables_spell_keys_with_two_underscores_for_a_dot() {
    let variables = [
        ("GANSWEEP_OPTIMIZER__GENERATOR__LR", "1e-3"),
        ("GANSWEEP_RECIPE", "udacity"),
        ("GANSWEEP_SWEEP__SEEDS", "[7]"),
    ];
    let experiment = load_with("", &env(&variables)).unwrap();
    assert_eq!(resolved(&experiment, "optimizer.generator.lr"), pair("0.001", "environment"));
    assert_eq!((experiment.recipe.as_str(), &experiment.sweep.seeds[..]), ("udacity", &[7][..]));
}

#[test]
fn variables_that_are_no_keys_are_left_alone() {
    let variables = [
        ("GANSWEEP_DATA_DIR", "/data"),
        ("GANSWEEP_OFFLINE", "1"),
        ("GANSWEEP_RESULTS", "out"),
        ("GANSWEEP_TEST_DRIVER", "required"),
        ("GANSWEEP_FAULTS_SECONDS", "9"),
        ("GANSWEEP_EPOCHS", ""),
        ("TRAIN__EPOCHS", "3"),
        ("HOME", "/root"),
    ];
    assert_eq!(load_with("", &env(&variables)).unwrap(), load(""));
}

#[test]
fn a_profile_replaces_axes_by_key_and_adds_others() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = [1e-4, 1e-3]\n\"train.epochs\" = [1, 2]\n\
                [profile.p.sweep]\nseeds = [5]\n[profile.p.sweep.zip]\n\"optimizer.lr\" = [1e-2]\n\
                [profile.p.sweep.grid]\n\"model.hidden\" = [8]\n";
    let axes = |options: &LoadOptions| {
        let experiment = load_with(text, options).unwrap();
        let axes = experiment
            .sweep
            .factors
            .iter()
            .flat_map(|factor| factor.axes.iter().map(|axis| (factor.kind.table(), axis.key.path)));
        axes.collect::<Vec<_>>()
    };
    assert_eq!(
        axes(&LoadOptions::default()),
        [("sweep.grid", "optimizer.lr"), ("sweep.grid", "train.epochs")]
    );
    assert_eq!(
        axes(&profile("p")),
        [("sweep.grid", "train.epochs"), ("sweep.grid", "model.hidden"), ("sweep.zip", "optimizer.lr")]
    );
}

#[test]
fn a_value_in_a_later_layer_pins_an_axis() {
    let text = "[sweep.grid]\n\"optimizer.generator.lr\" = [1e-4, 1e-3]\n\"train.epochs\" = [1, 2]\n";
    let experiment = load_with(text, &sets(&["optimizer.lr=5e-4"])).unwrap();
    assert_eq!(experiment.sweep.axes().map(|axis| axis.key.path).collect::<Vec<_>>(), ["train.epochs"]);
    assert_eq!(experiment.sweep.pinned.len(), 1);
    assert_eq!(
        (experiment.sweep.pinned[0].key, &experiment.sweep.pinned[0].layer),
        ("optimizer.generator.lr", &Layer::Set)
    );
    assert_eq!(experiment.config.optimizer.generator.lr.to_string(), "0.0005");
}

#[test]
fn an_axis_or_variants_beside_the_value_or_in_a_later_layer_leave_no_axis_pinned() {
    let axis = "[sweep.grid]\n\"train.ema\" = [0.1, 0.2]\n[profile.p]\ntrain.ema = 0.5\n";
    let pinned = |text: &str, options: &LoadOptions| {
        let experiment = load_with(text, options).unwrap_or_else(|faults| panic!("{faults}"));
        let values = experiment.sweep.pinned.iter().map(|it| (it.key, it.value.to_json()));
        values.collect::<Vec<_>>()
    };
    assert_eq!(pinned(axis, &profile("p")), [("train.ema", 0.5.into())]);
    let own = format!("{axis}[profile.p.sweep.grid]\n\"train.ema\" = [0.6, 0.7]\n");
    assert_eq!(pinned(&own, &profile("p")), []);
    let variants = format!("{axis}[profile.p.sweep.variants]\na = {{}}\nb = {{ train.ema = 0.6 }}\n");
    assert_eq!(pinned(&variants, &profile("p")), []);
    let again = LoadOptions { profile: Some("p".to_owned()), ..sets(&["sweep.grid.\"train.ema\"=[0.8]"]) };
    assert_eq!(pinned(axis, &again), []);
}

#[test]
fn a_value_beside_an_axis_in_the_same_layer_pins_nothing() {
    let experiment = load("[train]\nepochs = 9\n[sweep.grid]\n\"train.epochs\" = [1, 2]\n");
    assert_eq!((experiment.sweep.axes().count(), experiment.sweep.pinned.len()), (1, 0));
}

#[test]
fn one_device_may_stand_without_a_list() {
    assert_eq!(load("execution.devices = \"cpu\"").execution.devices, ["cpu"]);
    assert_eq!(load("").execution.devices, ["auto"]);
}

#[test]
fn a_folder_of_images_starts_where_it_is_written() {
    let own = "[data]\ndataset = \"idx\"\npath = \"faces\"\n[profile.other]\ndata.path = \"../cars\"\n";
    let at = |options: &LoadOptions| {
        let file = Path::new("study/test.toml");
        Experiment::parse(file, own.to_owned(), options).unwrap().data_path.unwrap()
    };
    assert_eq!(at(&LoadOptions::default()), Path::new("study/faces"));
    let profile = LoadOptions { profile: Some("other".to_owned()), ..LoadOptions::default() };
    assert_eq!(at(&profile), Path::new("study/../cars"));
    assert_eq!(at(&sets(&["data.path=cats"])), Path::new("cats"));
    assert_eq!(at(&sets(&["data.path=/all/cats"])), Path::new("/all/cats"));
    let variable = ("GANSWEEP_DATA__PATH".to_owned(), "dogs".to_owned());
    assert_eq!(at(&LoadOptions { env: vec![variable], ..LoadOptions::default() }), Path::new("dogs"));
    assert_eq!(load_with("", &LoadOptions::default()).unwrap().data_path, None);
}

#[test]
fn an_experiment_remembers_the_profile_the_arguments_and_the_variables_that_made_it() {
    let options = LoadOptions {
        profile: Some("short".to_owned()),
        sets: vec!["train.batch_size=32".to_owned()],
        env: [
            ("GANSWEEP_TRAIN__EPOCHS", "3"),
            ("GANSWEEP_NAME", "renamed"),
            ("GANSWEEP_RESULTS", "elsewhere"),
            ("GANSWEEP_LOG", "debug"),
            ("PATH", "/bin"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
    };
    let experiment = load_with("[profile.short]\ntrain.epochs = 1\n", &options).unwrap();
    let kept: Vec<&str> = experiment.options.env.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(kept, ["GANSWEEP_TRAIN__EPOCHS", "GANSWEEP_NAME"]);
    assert_eq!((experiment.options.profile, experiment.options.sets), (options.profile, options.sets));
    assert_eq!((experiment.epochs, experiment.name.as_str()), (3, "renamed"));
}
