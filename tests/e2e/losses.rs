//! Every loss, penalty, kind of noise, network and optimiser, trained for 200 steps on drawn digits.

use gansweep_config::RunState;
use gansweep_protocol::Metric;
use gansweep_store::RunFilter;

use crate::sandbox::Sandbox;

/// A loss, what it is a function of, a penalty, the probability of flipped labels, the noise on images.
const CASES: [(&str, &str, &str, f64, f64); 18] = [
    ("non-saturating", "none", "none", 0.0, 0.0),
    ("minimax", "none", "none", 0.0, 0.0),
    ("least-squares", "none", "none", 0.0, 0.0),
    ("hinge", "none", "none", 0.0, 0.0),
    ("wasserstein", "none", "none", 0.0, 0.0),
    ("non-saturating", "paired", "none", 0.0, 0.0),
    ("least-squares", "paired", "none", 0.0, 0.0),
    ("hinge", "paired", "none", 0.0, 0.0),
    ("non-saturating", "average", "none", 0.0, 0.0),
    ("least-squares", "average", "none", 0.0, 0.0),
    ("hinge", "average", "none", 0.0, 0.0),
    ("wasserstein", "none", "wgan-gp", 0.0, 0.0),
    ("non-saturating", "none", "dragan", 0.0, 0.0),
    ("non-saturating", "none", "r1", 0.0, 0.0),
    ("hinge", "none", "r2", 0.0, 0.0),
    ("non-saturating", "paired", "r1-r2", 0.0, 0.0),
    ("non-saturating", "none", "none", 0.1, 0.0),
    ("least-squares", "average", "none", 0.0, 0.5),
];

fn experiment() -> String {
    let words = |of: fn(&(&'static str, &'static str, &'static str, f64, f64)) -> &'static str| {
        format!("{:?}", CASES.iter().map(of).collect::<Vec<_>>())
    };
    let numbers = |of: fn(&(&'static str, &'static str, &'static str, f64, f64)) -> f64| {
        format!("{:?}", CASES.iter().map(of).collect::<Vec<_>>())
    };
    format!(
        r#"
name = "losses"
recipe = "fast"

[data]
dataset = "strokes"
images = 320

[model]
hidden = 32
latent_dim = 8

[train]
epochs = 10
batch_size = 16

[record]
every_steps = 20
grid_rows = 2
grid_cols = 3

[sweep.zip]
"loss.kind" = {kinds}
"loss.relativistic" = {relativistic}
"penalty.kind" = {penalties}
"loss.label_flip" = {flips}
"train.instance_noise" = {noise}
"#,
        kinds = words(|case| case.0),
        relativistic = words(|case| case.1),
        penalties = words(|case| case.2),
        flips = numbers(|case| case.3),
        noise = numbers(|case| case.4),
    )
}

#[test]
fn every_loss_and_penalty_trains_200_steps_to_finite_numbers() {
    let sandbox = Sandbox::new();
    sandbox.write("losses.toml", experiment());
    sandbox.run(&["sweep", "losses.toml"]).well();
    assert_all_finite(&sandbox, CASES.len());
}

/// [`NETWORKS`] says what each is.
type Arrangement = (&'static str, bool, bool, f64, &'static str, &'static str);

/// The kind of both networks, their normalisations (batch normalisation of the generator, layer normalisation of the
/// discriminator), dropout of both, a penalty, and the optimiser.
const NETWORKS: [Arrangement; 9] = [
    ("mlp", true, false, 0.0, "none", "adam"),
    ("mlp", true, false, 0.0, "none", "adamw"),
    ("mlp", true, false, 0.0, "none", "rmsprop"),
    ("mlp", true, false, 0.0, "none", "sgd"),
    ("mlp", false, true, 0.3, "none", "adam"),
    ("dcgan", true, false, 0.0, "none", "adam"),
    ("dcgan", false, true, 0.3, "none", "rmsprop"),
    ("dcgan", true, false, 0.0, "wgan-gp", "adam"),
    ("dcgan", true, false, 0.3, "r1-r2", "adamw"),
];

#[test]
fn every_network_and_optimiser_trains_200_steps_to_finite_numbers() {
    let list = |of: &dyn Fn(&Arrangement) -> String| {
        format!("[{}]", NETWORKS.iter().map(of).collect::<Vec<_>>().join(", "))
    };
    let text = format!(
        r#"
name = "networks"
recipe = "fast"

[data]
dataset = "strokes"
images = 320

[model]
hidden = 32
latent_dim = 8
generator.width = 4
discriminator.width = 4

[optimizer]
lr = 2e-4

[train]
epochs = 10
batch_size = 16

[record]
every_steps = 20
grid_rows = 2
grid_cols = 3

[sweep.zip]
"model.kind" = {kinds}
"model.generator.batch_norm" = {batch_norms}
"model.discriminator.layer_norm" = {layer_norms}
"model.dropout" = {dropouts}
"penalty.kind" = {penalties}
"optimizer.kind" = {optimizers}
"#,
        kinds = list(&|case| format!("{:?}", case.0)),
        batch_norms = list(&|case| case.1.to_string()),
        layer_norms = list(&|case| case.2.to_string()),
        dropouts = list(&|case| format!("{:?}", case.3)),
        penalties = list(&|case| format!("{:?}", case.4)),
        optimizers = list(&|case| format!("{:?}", case.5)),
    );
    let sandbox = Sandbox::new();
    sandbox.write("networks.toml", text);
    sandbox.run(&["sweep", "networks.toml"]).well();
    assert_all_finite(&sandbox, NETWORKS.len());
}

/// [`MODELS`] says what each is.
type Model = (&'static str, bool, &'static str, bool, bool, &'static str);

/// The kind of both networks, whether they know classes, how the discriminator knows them, spectral norms of both, layer
/// normalisation of the discriminator, a penalty.
const MODELS: [Model; 9] = [
    ("mlp", true, "concat", false, false, "none"),
    ("mlp", true, "projection", false, false, "wgan-gp"),
    ("mlp", false, "concat", true, false, "none"),
    ("mlp", true, "concat", true, false, "r1"),
    ("mlp", false, "concat", false, true, "wgan-gp"),
    ("mlp", true, "projection", true, true, "r1-r2"),
    ("dcgan", true, "concat", false, true, "r1"),
    ("dcgan", true, "projection", true, false, "none"),
    ("layers", false, "concat", true, false, "dragan"),
];

#[test]
fn every_condition_and_norm_of_weights_trains_200_steps_to_finite_numbers() {
    let list =
        |of: &dyn Fn(&Model) -> String| format!("[{}]", MODELS.iter().map(of).collect::<Vec<_>>().join(", "));
    let text = format!(
        r#"
name = "models"
recipe = "fast"

[data]
dataset = "strokes"
images = 320

[model]
hidden = 32
latent_dim = 8
dropout = 0.0
generator.width = 4
discriminator.width = 4
generator.layers = ["linear 98", "reshape 2x7x7", "layer-norm", "relu", "upsample 2", "conv-transpose 1 kernel 2 stride 2"]
discriminator.layers = ["conv 4 kernel 4 stride 4", "layer-norm", "leaky-relu", "tanh", "flatten", "dropout 0.2", "linear 1"]

[loss]
label_smoothing = 0.1

[train]
epochs = 10
batch_size = 16
ema = 0.99

[record]
every_steps = 20
grid_rows = 2
grid_cols = 3

[sweep.zip]
"model.kind" = {kinds}
"model.conditional" = {conditional}
"model.discriminator.condition" = {conditions}
"model.spectral_norm" = {norms}
"model.discriminator.layer_norm" = {layer_norms}
"penalty.kind" = {penalties}
"#,
        kinds = list(&|model| format!("{:?}", model.0)),
        conditional = list(&|model| model.1.to_string()),
        conditions = list(&|model| format!("{:?}", model.2)),
        norms = list(&|model| model.3.to_string()),
        layer_norms = list(&|model| model.4.to_string()),
        penalties = list(&|model| format!("{:?}", model.5)),
    );
    let sandbox = Sandbox::new();
    sandbox.write("models.toml", text);
    sandbox.run(&["sweep", "models.toml"]).well();
    assert_all_finite(&sandbox, MODELS.len());
}

/// Every run has 200 steps, and a finite number wherever a metric is measured.
fn assert_all_finite(sandbox: &Sandbox, count: usize) {
    let reader = sandbox.reader();
    let runs = reader.runs(&RunFilter::default()).unwrap();
    assert_eq!(runs.len(), count);
    for run in &runs {
        assert_eq!((run.state, run.step), (RunState::Completed, 200), "{}", run.label);
        let has_penalty = run.config["penalty"]["kind"] != "none";
        for metric in Metric::ALL {
            let points = reader.points(&run.id, metric, u64::MAX, usize::MAX).unwrap();
            let is_measured = !metric.is_figure() && (!metric.is_optional() || has_penalty);
            assert_eq!(points.is_empty(), !is_measured, "{}: {}", run.label, metric.name());
            for point in points {
                assert!(point.value.is_finite(), "{}: {} at {}", run.label, metric.name(), point.step);
            }
        }
    }
}
