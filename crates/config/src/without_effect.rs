//! Settings that no run uses: what they belong to is turned off by another setting.

use serde_json::Value as Json;

use crate::merge::ResolvedKey;
use crate::schema::{Effect, Key, keys};
use crate::{AxisKind, Experiment, Layer, PlannedRun, Value};

/// The settings that the user gave and that no run has: a config records a neutral value where a key has no effect. Swept
/// keys are not among them, since runs that differ in nothing are counted as duplicates.
pub(crate) fn without_effect(experiment: &Experiment, runs: &[PlannedRun]) -> Vec<ResolvedKey> {
    let is_given = |setting: &&ResolvedKey| !matches!(setting.layer, Layer::Default | Layer::Recipe(_));
    let is_swept = |setting: &ResolvedKey| {
        let sets = |key: &Key| key.path == setting.key || key.parts.contains(&setting.key.as_str());
        experiment.sweep.axes().any(|axis| sets(axis.key))
    };
    let given = experiment.resolved.iter().filter(is_given);
    let is_idle = |setting: &ResolvedKey| {
        is_unused(setting, runs) || (setting.key == "sweep.random.seed" && !draws(experiment))
    };
    given.filter(|setting| !is_swept(setting) && is_idle(setting)).cloned().collect()
}

/// Whether values are drawn at random.
fn draws(experiment: &Experiment) -> bool {
    experiment.search.is_some()
        || experiment.sweep.factors.iter().any(|factor| factor.kind == AxisKind::Random)
}

fn is_unused(setting: &ResolvedKey, runs: &[PlannedRun]) -> bool {
    let Some(key) = keys().find(|key| key.path == setting.key && key.effect == Effect::Config) else {
        return false;
    };
    // A dataset may be replaced by its fallback, with everything that belongs to it.
    let Some(field) = key.field.filter(|_| !key.path.starts_with("data.")) else { return false };
    let has_another = |run: &PlannedRun| {
        let value = field.get(&mut run.config.clone());
        value.is_some_and(|value| differs(&setting.value, &value))
    };
    !runs.is_empty() && runs.iter().all(has_another)
}

/// Whether a config has another value than the one that was written. One width stands for all layers; lists of layers are
/// written in several ways, and are not compared.
fn differs(written: &Json, recorded: &Value) -> bool {
    match (written, recorded) {
        (_, Value::Layers(_)) => false,
        (Json::Number(width), Value::Widths(widths)) => {
            widths.is_empty() || widths.iter().any(|other| Some(u64::from(*other)) != width.as_u64())
        }
        (Json::Number(written), recorded) => written.as_f64() != recorded.to_json().as_f64(),
        (written, recorded) => *written != recorded.to_json(),
    }
}
