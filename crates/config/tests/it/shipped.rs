//! What ships with the program: recipes and experiments.

use std::fs;
use std::path::{Path, PathBuf};

use gansweep_config::schema::{Effect, Interval, Key, Kind, keys};
use gansweep_config::{
    Activation, Combine, Config, Experiment, Latent, LoadOptions, Output, Palette, Pixels, Plan, SampleMode,
    recipes,
};

use crate::common::{at_hand, like_mnist, load, load_with, profile, sets};

fn recipe(name: &str) -> Experiment {
    load(&format!("recipe = \"{name}\""))
}

/// Weights and biases of a chain of Linear layers.
fn linear(widths: &[u32]) -> u32 {
    widths.windows(2).map(|pair| pair[0] * pair[1] + pair[1]).sum()
}

/// Parameters of generator and discriminator.
fn parameters(config: &Config) -> (u32, u32) {
    let model = &config.model;
    let pixels = 28 * 28;
    let generator = [&[model.latent_dim], &model.generator.hidden[..], &[pixels]].concat();
    let norms = if model.generator.batch_norm { 2 * model.generator.hidden.iter().sum::<u32>() } else { 0 };
    let discriminator = [&[pixels], &model.discriminator.hidden[..], &[1]].concat();
    (linear(&generator) + norms, linear(&discriminator))
}

#[test]
fn published_recipes_have_their_published_sizes() {
    assert_eq!(parameters(&recipe("realpython").config), (1_486_352, 1_460_225));
    assert_eq!(parameters(&recipe("jovian").config), (283_920, 267_009));
    assert_eq!(parameters(&recipe("coursera").config), (1_505_680, 566_273));
    assert_eq!(parameters(&recipe("udacity").config), (114_800, 110_849));
}

#[test]
fn published_recipes_have_their_published_lengths() {
    let length = |name: &str| {
        let Experiment { config, epochs, .. } = recipe(name);
        (config.steps_per_epoch(&like_mnist("")), epochs, config.train.batch_size)
    };
    assert_eq!(length("realpython"), (1875, 50, 32));
    assert_eq!(length("jovian"), (600, 300, 100));
    assert_eq!(length("coursera"), (469, 200, 128));
    assert_eq!(length("udacity"), (938, 100, 64));
}

#[test]
fn published_recipes_optimise_as_published() {
    for (name, lr) in [("realpython", 1e-4), ("jovian", 2e-4), ("coursera", 1e-5), ("udacity", 2e-3)] {
        let optimizer = recipe(name).config.optimizer;
        assert_eq!(optimizer.generator, optimizer.discriminator, "{name}");
        let adam = optimizer.generator;
        assert_eq!((adam.lr, adam.beta1, adam.beta2, adam.eps), (lr, 0.9, 0.999, 1e-8), "{name}");
    }
    let loss = |name: &str| {
        let loss = recipe(name).config.loss;
        (loss.combine, loss.label_smoothing)
    };
    assert_eq!(loss("realpython"), (Combine::Mean, 0.0));
    assert_eq!(loss("jovian"), (Combine::Sum, 0.0));
    assert_eq!(loss("coursera"), (Combine::Mean, 0.0));
    assert_eq!(loss("udacity"), (Combine::Sum, 0.1));
}

#[test]
fn published_recipes_have_their_published_networks() {
    use Activation::{LeakyRelu, Relu};
    let activations = |name: &str| {
        let model = recipe(name).config.canonical(&like_mnist("")).model;
        let (g, d) = (model.generator, model.discriminator);
        [(g.activation, g.slope, g.dropout), (d.activation, d.slope, d.dropout)]
    };
    assert_eq!(activations("realpython"), [(Relu, 0.0, 0.0), (Relu, 0.0, 0.3)]);
    assert_eq!(activations("jovian"), [(Relu, 0.0, 0.0), (LeakyRelu, 0.2, 0.0)]);
    assert_eq!(activations("coursera"), [(Relu, 0.0, 0.0), (LeakyRelu, 0.2, 0.0)]);
    assert_eq!(activations("udacity"), [(LeakyRelu, 0.2, 0.3), (LeakyRelu, 0.2, 0.3)]);
    for name in recipes::NAMES {
        let config = recipe(name).config;
        let (output, pixels) =
            if name == "coursera" { (Output::Sigmoid, Pixels::Unit) } else { (Output::Tanh, Pixels::Signed) };
        assert_eq!((config.model.output, config.data.pixels), (output, pixels), "{name}");
        let latent = if name == "udacity" { Latent::Uniform } else { Latent::Normal };
        assert_eq!(config.model.latent, latent, "{name}");
        assert_eq!(config.train.shuffle, name != "udacity", "{name}");
    }
}

#[test]
fn published_recipes_record_what_was_published() {
    let grid = |name: &str| {
        let record = recipe(name).record;
        (record.grid_rows, record.grid_cols, record.sample_mode, record.palette)
    };
    assert_eq!(grid("realpython"), (4, 4, SampleMode::Eval, Palette::GrayR));
    assert_eq!(grid("jovian"), (10, 10, SampleMode::Eval, Palette::Gray));
    assert_eq!(grid("coursera"), (5, 5, SampleMode::BatchStatistics, Palette::Gray));
    assert_eq!(grid("udacity"), (4, 4, SampleMode::Eval, Palette::Gray));
    assert_eq!(recipe("coursera").record.every_steps, 500);
}

/// Whether a recipe with two values of a key is two computations: what another optimiser or another kind
/// of network would read has no effect.
fn has_effect(name: &str, key: &Key) -> bool {
    let values = match key.kind {
        Kind::Number(Interval { low, high, .. }) => {
            [0.25, 0.75].map(|share| (low + share * (high - low)).to_string())
        }
        Kind::Integer(low, _) => [low, low + 1].map(|value| value.to_string()),
        // Only `kind = "layers"`, which no recipe is, takes a list.
        Kind::Layers => return false,
        Kind::Hidden => ["[1]", "[2]"].map(str::to_owned),
        Kind::Bool => [false, true].map(|value| value.to_string()),
        _ => return true,
    };
    let [one, other] = values.map(|value| {
        let options = sets(&[&format!("{}={value}", key.path)]);
        let loaded = load_with(&format!("recipe = \"{name}\""), &options).ok()?;
        Some(loaded.config.canonical(&like_mnist("")))
    });
    // A value that another key rules out has an effect too.
    one.is_none() || one != other
}

#[test]
fn a_recipe_leaves_no_mathematics_to_the_defaults() {
    for name in recipes::NAMES {
        let experiment = recipe(name);
        for key in
            keys().filter(|key| matches!(key.effect, Effect::Config | Effect::Budget) && key.parts.is_empty())
        {
            let resolved = experiment.resolved.iter().find(|resolved| resolved.key == key.path).unwrap();
            let is_its_own = resolved.layer.to_string() == format!("recipe {name}");
            assert!(is_its_own || !has_effect(name, key), "{name}: {}", key.path);
        }
    }
}

#[test]
fn the_built_in_defaults_are_the_fast_recipe() {
    let experiment = recipe("fast");
    for resolved in experiment.resolved.iter().filter(|resolved| resolved.layer.to_string() == "recipe fast")
    {
        let key = keys().find(|key| key.path == resolved.key).unwrap();
        let toml: toml::Table = toml::from_str(&format!("x = {}", key.default.unwrap())).unwrap();
        assert_eq!(serde_json::to_value(&toml["x"]).unwrap(), resolved.value, "{}", key.path);
    }
}

#[test]
fn an_unknown_recipe_is_none() {
    assert_eq!(recipes::get("unknown"), None);
}

fn experiments() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

#[test]
fn every_shipped_experiment_plans_without_a_fault() {
    let paths = experiments();
    for name in [
        "lr",
        "quick",
        "search",
        "compare",
        "losses",
        "dcgan",
        "dcgan-color",
        "resize-convolution",
        "wgan-gp",
        "lsgan",
        "conditional",
        "published",
        "ttur",
        "smoothing",
        "networks",
        "search-mlp",
        "refine-mlp",
        "search-conv",
        "large-scale-study",
        "large-scale-best",
        "best",
        "realpython",
        "jovian",
        "coursera",
        "udacity",
    ] {
        assert!(
            paths.iter().any(|path| path.file_stem().unwrap() == name),
            "experiments/{name}.toml is missing"
        );
    }
    for path in paths {
        let experiment =
            Experiment::load(&path, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(Some(experiment.name.as_str()), path.file_stem().unwrap().to_str());
        let plan = Plan::new(&experiment, &at_hand).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!((plan.duplicates, plan.unused_exclusions.len()), (0, 0), "{}", path.display());
        assert_eq!(plan.without_effect, [], "{}", path.display());
    }
}

#[test]
fn every_profile_of_a_shipped_experiment_plans_without_a_fault() {
    for path in experiments() {
        let text = fs::read_to_string(&path).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        let Some(profiles) = table.get("profile").and_then(toml::Value::as_table) else { continue };
        for name in profiles.keys() {
            let experiment = load_with(&text, &profile(name)).unwrap_or_else(|faults| panic!("{faults}"));
            Plan::new(&experiment, &at_hand).unwrap_or_else(|faults| panic!("{faults}"));
        }
    }
}

#[test]
fn published_recipes_ship_as_experiments_of_full_length() {
    for name in ["realpython", "jovian", "coursera", "udacity"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../experiments/{name}.toml"));
        let experiment = Experiment::load(&path, &LoadOptions::default()).unwrap();
        assert_eq!(experiment.config, recipe(name).config);
        assert_eq!(experiment.record, recipe(name).record);
    }
}
