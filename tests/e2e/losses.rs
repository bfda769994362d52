//! Every loss, penalty, kind of noise, network, optimiser and schedule, trained for 200 steps on drawn digits.

use std::fmt::Write as _;

use gansweep_config::RunState;
use gansweep_protocol::Metric;
use gansweep_store::RunFilter;

use crate::sandbox::Sandbox;

#[test]
fn every_loss_and_penalty_trains_200_steps_to_finite_numbers() {
    trains_200_steps_to_finite_numbers(
        "",
        r#"
        loss.kind         loss.relativistic  penalty.kind  penalty.one_sided  loss.label_flip  train.instance_noise
        "non-saturating"  "none"             "none"        false              0.0              0.0
        "minimax"         "none"             "none"        false              0.0              0.0
        "least-squares"   "none"             "none"        false              0.0              0.0
        "hinge"           "none"             "none"        false              0.0              0.0
        "wasserstein"     "none"             "none"        false              0.0              0.0
        "non-saturating"  "paired"           "none"        false              0.0              0.0
        "least-squares"   "paired"           "none"        false              0.0              0.0
        "hinge"           "paired"           "none"        false              0.0              0.0
        "non-saturating"  "average"          "none"        false              0.0              0.0
        "least-squares"   "average"          "none"        false              0.0              0.0
        "hinge"           "average"          "none"        false              0.0              0.0
        "wasserstein"     "none"             "wgan-gp"     false              0.0              0.0
        "wasserstein"     "none"             "wgan-gp"     true               0.0              0.0
        "non-saturating"  "none"             "dragan"      false              0.0              0.0
        "non-saturating"  "none"             "dragan"      true               0.0              0.0
        "non-saturating"  "none"             "r1"          false              0.0              0.0
        "hinge"           "none"             "r2"          false              0.0              0.0
        "non-saturating"  "paired"           "r1-r2"       false              0.0              0.0
        "non-saturating"  "none"             "none"        false              0.1              0.0
        "least-squares"   "average"          "none"        false              0.0              0.5
        "#,
    );
}

#[test]
fn every_network_and_optimiser_trains_200_steps_to_finite_numbers() {
    trains_200_steps_to_finite_numbers(
        r"
        model.generator.width = 4
        model.discriminator.width = 4
        optimizer.lr = 2e-4
        ",
        r#"
        model.kind  model.generator.batch_norm  model.discriminator.layer_norm  model.dropout  penalty.kind  optimizer.kind
        "mlp"       true                        false                           0.0            "none"        "adam"
        "mlp"       true                        false                           0.0            "none"        "adamw"
        "mlp"       true                        false                           0.0            "none"        "rmsprop"
        "mlp"       true                        false                           0.0            "none"        "sgd"
        "mlp"       false                       true                            0.3            "none"        "adam"
        "dcgan"     true                        false                           0.0            "none"        "adam"
        "dcgan"     false                       true                            0.3            "none"        "rmsprop"
        "dcgan"     true                        false                           0.0            "wgan-gp"     "adam"
        "dcgan"     true                        false                           0.3            "r1-r2"       "adamw"
        "#,
    );
}

#[test]
fn every_condition_and_norm_of_weights_trains_200_steps_to_finite_numbers() {
    trains_200_steps_to_finite_numbers(
        r#"
        model.dropout = 0.0
        model.generator.width = 4
        model.discriminator.width = 4
        model.generator.layers = [
          "linear 98", "reshape 2x7x7", "layer-norm", "relu", "upsample 2", "conv-transpose 1 kernel 2 stride 2",
        ]
        model.discriminator.layers = [
          "conv 4 kernel 4 stride 4", "layer-norm", "leaky-relu", "tanh", "flatten", "dropout 0.2", "linear 1",
        ]
        loss.label_smoothing = 0.1
        train.ema = 0.99
        "#,
        r#"
        model.kind  model.conditional  model.discriminator.condition  model.spectral_norm  model.discriminator.layer_norm  penalty.kind
        "mlp"       true               "concat"                       false                false                           "none"
        "mlp"       true               "projection"                   false                false                           "wgan-gp"
        "mlp"       false              "concat"                       true                 false                           "none"
        "mlp"       true               "concat"                       true                 false                           "r1"
        "mlp"       false              "concat"                       false                true                            "wgan-gp"
        "mlp"       true               "projection"                   true                 true                            "r1-r2"
        "dcgan"     true               "concat"                       false                true                            "r1"
        "dcgan"     true               "projection"                   true                 false                           "none"
        "layers"    false              "concat"                       true                 false                           "dragan"
        "#,
    );
}

#[test]
fn every_schedule_trains_200_steps_to_finite_numbers() {
    trains_200_steps_to_finite_numbers(
        "",
        r#"
        optimizer.kind  optimizer.schedule  optimizer.horizon  optimizer.warmup  optimizer.clip_norm  penalty.kind  penalty.every
        "adam"          "constant"          100.0              2.5               0.0                  "none"        1
        "adam"          "linear"            8.0                0.0               0.0                  "none"        1
        "rmsprop"       "cosine"            8.0                1.0               1.0                  "none"        1
        "sgd"           "step"              3.0                0.0               0.1                  "none"        1
        "adamw"         "cosine"            12.0               0.0               0.0                  "r1"          4
        "#,
    );
}

/// Trains one run for each row of the table `runs`, whose first line names keys and whose others have their values.
/// `settings` are keys of the experiment that all runs share.
fn trains_200_steps_to_finite_numbers(settings: &str, runs: &str) {
    let lines = runs.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows: Vec<Vec<&str>> = lines.filter(|row| !row.is_empty()).collect();
    let keys = rows.remove(0);
    let mut text = String::from(
        r#"
name = "steps"
recipe = "fast"

data.dataset = "strokes"
data.images = 320
model.hidden = 32
model.latent_dim = 8
train.epochs = 10
train.batch_size = 16
record.every_steps = 20
record.grid_rows = 2
record.grid_cols = 3
"#,
    );
    text.push_str(settings);
    text.push_str("\n[sweep.zip]\n");
    for (column, key) in keys.iter().enumerate() {
        let values: Vec<&str> = rows.iter().map(|row| row[column]).collect();
        writeln!(text, "{key:?} = [{}]", values.join(", ")).unwrap();
    }
    let sandbox = Sandbox::new();
    sandbox.write("steps.toml", text);
    sandbox.run(&["sweep", "steps.toml"]).well();
    assert_all_finite(&sandbox, rows.len());
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
