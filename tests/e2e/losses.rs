//! Every loss, every penalty and every kind of noise, trained for 200 steps on drawn digits.

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
    let reader = sandbox.reader();
    let runs = reader.runs(&RunFilter::default()).unwrap();
    assert_eq!(runs.len(), CASES.len());
    for run in &runs {
        assert_eq!((run.state, run.step), (RunState::Completed, 200), "{}", run.label);
        let has_penalty = run.config["penalty"]["kind"] != "none";
        for metric in Metric::ALL {
            let points = reader.points(&run.id, metric, u64::MAX, usize::MAX).unwrap();
            let is_measured = !metric.is_optional() || has_penalty;
            assert_eq!(points.is_empty(), !is_measured, "{}: {}", run.label, metric.name());
            for point in points {
                assert!(point.value.is_finite(), "{}: {} at {}", run.label, metric.name(), point.step);
            }
        }
    }
}
