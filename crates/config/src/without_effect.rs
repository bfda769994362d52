//! Settings that a run does not use: what they belong to is turned off by another setting.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::merge::ResolvedKey;
use crate::schema::{Effect, Key, Kind, VARIANT, VARIANTS, find, keys};
use crate::sweep::Axis;
use crate::{
    AxisKind, BudgetedConfig, ClassNames, Config, DatasetSpec, Experiment, ImageShape, Layer, NetworkLayer,
    PlannedRun, Value, VariantValue,
};

/// A setting or an axis of the user that no run is trained with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WithoutEffect {
    /// The key, what was written, and where. Of an axis: all of its values.
    #[serde(flatten)]
    pub setting: ResolvedKey,
    /// Whether it is an axis.
    pub is_axis: bool,
    /// The key that turns it off, if another value of a single key would turn it on.
    pub switch: Option<Switch>,
}

/// A key with a value that turns another key off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Switch {
    /// Its path.
    pub key: &'static str,
    /// Its value, if all runs have the same.
    pub value: Option<Json>,
    /// The values with which the other key has an effect; none if they are numbers.
    pub choices: Vec<Json>,
}

impl WithoutEffect {
    /// Whether no trial of the experiment's search can use it: the keys that turn it off have one value in the whole search.
    fn holds_for_all_trials(&self, experiment: &Experiment, runs: &[&PlannedRun]) -> bool {
        let Some(key) = find(&self.setting.key).filter(|key| key.effect == Effect::Config) else {
            // What isn't of the config is of no trial; of a variant, the other keys decide which belong to the same trial.
            return !self.setting.key.starts_with(VARIANTS);
        };
        let Some(run) = runs.first() else { return false };
        let targets: Vec<&Key> = key.targets().collect();
        let mut switches = run.config.switches_of(&targets).peekable();
        let brings_values = !experiment.sweep.recipes(&experiment.recipe).is_empty();
        !brings_values && switches.peek().is_some() && !switches.any(|(key, _)| experiment.sweep.decides(key))
    }
}

impl Config {
    /// The keys that this config has only neutral values of, since another key turns off what they belong to: the widths of
    /// a perceptron's layers where the network is a DCGAN. Keys of `data` are never among them.
    pub fn unused_keys(&self) -> Vec<&'static str> {
        let images = any_images();
        let own = own_keys().filter(|key| key.field.is_some() && !self.uses(key, &images));
        own.map(|key| key.path).collect()
    }

    /// Whether a run with another value of the key is another run.
    fn uses(&self, key: &Key, images: &DatasetSpec) -> bool {
        let Some(field) = key.field else { return false };
        let mut config = self.clone();
        // A slope of 0 is a ReLU, so that neither slope nor activation would seem to matter.
        (config.model.generator.slope, config.model.discriminator.slope) = (0.25, 0.25);
        let canonical = config.clone().canonical(images);
        alternatives(key.kind).iter().any(|value| {
            let mut changed = BudgetedConfig { config: config.clone(), epochs: 1 };
            field.set(&mut changed, value);
            changed.config.canonical(images) != canonical
        })
    }

    /// The keys with another value of which this config would use one of `unused`, each with those values. None if it is used
    /// as it is, by a value that happens to change nothing.
    fn switches_of<'c>(
        &'c self,
        unused: &'c [&Key],
    ) -> impl Iterator<Item = (&'static Key, Vec<Value>)> + 'c {
        let images = any_images();
        let is_used = unused.iter().any(|key| self.uses(key, &images));
        let others = own_keys().filter(move |_| !is_used);
        let others = others.filter(|key| unused.iter().all(|unused| unused.path != key.path));
        others.filter(|other| !matches!(other.kind, Kind::Hidden | Kind::Layers)).filter_map(move |other| {
            let field = other.field?;
            let turns_on = |value: &Value| {
                let mut changed = BudgetedConfig { config: self.clone(), epochs: 1 };
                field.set(&mut changed, value);
                unused.iter().any(|unused| changed.config.uses(unused, &images))
            };
            let mut on = alternatives(other.kind);
            on.retain(turns_on);
            (!on.is_empty()).then_some((other, on))
        })
    }
}

/// What turns keys off that no run uses.
fn switch(runs: &[&PlannedRun], unused: &[&Key]) -> Option<Switch> {
    let (key, on) = runs.first()?.config.switches_of(unused).next()?;
    let value_of = |run: &PlannedRun| key.field?.get(&mut run.config.clone());
    let first = value_of(runs.first()?)?;
    let is_common = runs.iter().all(|&run| value_of(run).as_ref() == Some(&first));
    let choices = match key.kind {
        Kind::Choice(_) | Kind::Bool => on.iter().map(Value::to_json).collect(),
        _ => Vec::new(),
    };
    Some(Switch { key: key.path, value: is_common.then(|| first.to_json()), choices })
}

/// The keys of a config, each of which sets one field. Those of `data` are beside it: a dataset may be replaced by its
/// fallback, with everything that belongs to it.
fn own_keys() -> impl Iterator<Item = &'static Key> {
    keys()
        .filter(|key| key.effect == Effect::Config && key.parts.is_empty() && !key.path.starts_with("data."))
}

/// Images of which no setting says that it asks for what there is anyway: a prime number of them.
fn any_images() -> DatasetSpec {
    DatasetSpec {
        image: ImageShape { channels: 3, height: 64, width: 64 },
        classes: 10,
        train_images: 59_999,
        test_images: 0,
        fingerprint: String::new(),
        class_names: ClassNames::default(),
    }
}

/// Values of a key. If it has an effect, at least one of them changes the config.
fn alternatives(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Kind::Integer(..) | Kind::IntegerOrAuto(..) => [3, 5, 7].map(Value::Integer).to_vec(),
        Kind::OneOf(integers) => integers.iter().copied().map(Value::Integer).collect(),
        Kind::Number(_) => [0.0, 0.375, 0.5].map(Value::Number).to_vec(),
        Kind::Choice(words) => words.iter().map(|&word| Value::Text(word.to_owned())).collect(),
        Kind::Hidden => vec![Value::Widths(vec![3]), Value::Widths(vec![5])],
        Kind::Layers => vec![Value::Layers(Vec::new()), Value::Layers(vec![NetworkLayer::Flatten])],
        Kind::Text | Kind::Name | Kind::Devices | Kind::Seeds => Vec::new(),
    }
}

/// The settings and axes that the user gave and that no run has: a config records a neutral value where a key has no effect.
pub(crate) fn without_effect(experiment: &Experiment, runs: &[PlannedRun]) -> Vec<WithoutEffect> {
    let runs: &Vec<&PlannedRun> = &runs.iter().collect();
    let is_given = |setting: &&ResolvedKey| !matches!(setting.layer, Layer::Default | Layer::Recipe(_));
    let is_swept = |setting: &ResolvedKey| {
        let sets = |key: &Key| key.path == setting.key || key.parts.contains(&setting.key.as_str());
        experiment.sweep.axes().any(|axis| sets(axis.key))
            || experiment.sweep.variants.iter().any(|variant| variant.values.iter().any(|it| sets(it.key)))
    };
    let given = experiment.resolved.iter().filter(is_given);
    let is_idle = |setting: &ResolvedKey| {
        keys().any(|key| key.path == setting.key && is_unused(key, &setting.value, runs))
            || (setting.key == "sweep.random.seed" && !draws(experiment))
            || is_of_what_was_not_asked_for(setting, experiment)
    };
    let settings = given.filter(|setting| !is_swept(setting) && is_idle(setting)).map(|setting| {
        let key: Vec<&Key> = keys().filter(|key| key.path == setting.key).collect();
        let switch = switch(runs, &key);
        WithoutEffect { setting: setting.clone(), is_axis: false, switch }
    });
    // A value that has an effect on a run is assigned to it.
    let is_assigned =
        |axis: &Axis, run: &PlannedRun| run.assignments.iter().any(|it| it.key == axis.key.path);
    let idle = |axis: &&Axis| !runs.is_empty() && !runs.iter().any(|run| is_assigned(axis, run));
    let axes = experiment.sweep.axes().filter(idle).map(|axis| {
        let value = axis.values.iter().map(|value| axis.recorded(value)).collect();
        let setting = ResolvedKey { key: axis.key.path.to_owned(), value, layer: axis.layer.clone() };
        let keys: Vec<&Key> = axis.key.targets().collect();
        let switch = switch(runs, &keys);
        WithoutEffect { setting, is_axis: true, switch }
    });
    let mut idle: Vec<_> = settings.chain(axes).chain(of_variants(experiment, runs)).collect();
    if experiment.search.is_some() {
        idle.retain(|it| it.holds_for_all_trials(experiment, runs));
    }
    idle
}

/// The values of variants that none of their runs has.
fn of_variants<'p>(experiment: &Experiment, runs: &[&'p PlannedRun]) -> Vec<WithoutEffect> {
    let Some(axis) = experiment.sweep.axes().find(|axis| *axis.key == VARIANT) else { return Vec::new() };
    let name_of =
        |run: &&'p PlannedRun| run.assignments.iter().find(|it| it.key == VARIANT.path)?.value.as_str();
    let mut runs_of: HashMap<&str, Vec<&PlannedRun>> = HashMap::new();
    for (run, name) in runs.iter().filter_map(|run| Some((run, name_of(run)?))) {
        runs_of.entry(name).or_default().push(run);
    }
    let mut idle = Vec::new();
    for variant in &experiment.sweep.variants {
        let own = runs_of.remove(variant.name.as_str()).unwrap_or_default();
        // Of a list whose widths an axis of a later layer gives, the length has an effect.
        let own_values = variant.values.iter().filter(|it| !experiment.sweep.is_swept(it.key));
        for VariantValue { key, value, .. } in own_values {
            let value = value.to_json();
            let keys: Vec<&Key> = key.targets().collect();
            if keys.iter().all(|key| is_unused(key, &value, &own)) {
                let path = format!("{VARIANTS}.{}.{}", variant.name, key.path);
                let setting = ResolvedKey { key: path, value, layer: axis.layer.clone() };
                idle.push(WithoutEffect { setting, is_axis: false, switch: switch(&own, &keys) });
            }
        }
    }
    idle
}

/// Whether the setting is of a search or a pruner that no `method` turns on. One that is turned off by its `method` is meant to be
/// off for now.
fn is_of_what_was_not_asked_for(setting: &ResolvedKey, experiment: &Experiment) -> bool {
    let of = |table: &str| setting.key.strip_prefix(table).is_some_and(|key| key != "method");
    let is_given = |method: &str| {
        let resolved = experiment.resolved.iter().find(|it| it.key == method);
        resolved.is_some_and(|it| !matches!(it.layer, Layer::Default | Layer::Recipe(_)))
    };
    (of("search.") && experiment.search.is_none() && !is_given("search.method"))
        || (of("prune.") && !experiment.prune.is_on() && !is_given("prune.method"))
}

/// Whether values are drawn at random.
fn draws(experiment: &Experiment) -> bool {
    experiment.search.is_some()
        || experiment.sweep.factors.iter().any(|factor| factor.kind == AxisKind::Random)
}

/// Whether no run has the value that was written for a key of the config.
fn is_unused(key: &Key, written: &Json, runs: &[&PlannedRun]) -> bool {
    let is_of_config = key.effect == Effect::Config && !key.path.starts_with("data.");
    let Some(field) = key.field.filter(|_| is_of_config) else { return false };
    let has_another = |run: &PlannedRun| {
        let value = field.get(&mut run.config.clone());
        value.is_some_and(|value| differs(written, &value))
    };
    !runs.is_empty() && runs.iter().copied().all(has_another)
}

/// Whether a config has another value than the one that was written. One width stands for all layers. Lists of layers are
/// written in several ways: they are another value only where the config has none.
fn differs(written: &Json, recorded: &Value) -> bool {
    match (written, recorded) {
        (Json::Array(written), Value::Layers(layers)) => layers.is_empty() && !written.is_empty(),
        (_, Value::Layers(_)) => false,
        (Json::Number(width), Value::Widths(widths)) => {
            widths.is_empty() || widths.iter().any(|other| Some(u64::from(*other)) != width.as_u64())
        }
        (Json::Number(written), recorded) => written.as_f64() != recorded.to_json().as_f64(),
        (written, recorded) => *written != recorded.to_json(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::LoadOptions;

    /// The config as it is recorded.
    fn recorded(sets: &[&str]) -> Config {
        let sets = sets.iter().map(ToString::to_string).collect();
        let options = LoadOptions { sets, ..LoadOptions::default() };
        let text = "recipe = \"fast\"\n".to_owned();
        let config = Experiment::parse(Path::new("test.toml"), text, &options).unwrap().config;
        config.canonical(&any_images())
    }

    #[test]
    fn keys_of_what_is_turned_off_are_unused_and_those_that_turn_it_on_are_not() {
        let plain = recorded(&[]).unused_keys();
        for key in [
            "model.embedding",
            "model.generator.layers",
            "model.generator.width",
            "model.generator.condition",
            "model.discriminator.condition",
            "penalty.weight",
            "train.ema_warmup",
            "train.instance_noise_epochs",
            "loss.weight_clip",
            "optimizer.generator.momentum",
            "optimizer.discriminator.horizon",
        ] {
            assert!(plain.contains(&key), "{key} is used");
        }
        let used: Vec<_> = keys().map(|key| key.path).filter(|path| !plain.contains(path)).collect();
        for key in [
            "model.generator.hidden",
            "model.discriminator.slope",
            "train.ema",
            "train.drop_last",
            "train.epochs",
        ] {
            assert!(used.contains(&key), "{key} is not used");
        }
        for key in
            ["penalty.kind", "loss.kind", "model.conditional", "train.instance_noise", "augment.cutout"]
        {
            assert!(used.contains(&key), "{key} is not used");
        }
        let switches = ["kind", "schedule"];
        let is_switch = |key: &&str| switches.contains(&key.rsplit('.').next().unwrap_or_default());
        assert_eq!(plain.iter().find(|key| is_switch(key)), None);
    }

    #[test]
    fn a_network_uses_the_keys_of_its_kind() {
        let of_generator = |kind: &str| -> Vec<_> {
            let layers = "model.generator.layers=['linear 784']";
            let sets = [kind, layers];
            let keys = recorded(&sets[..if kind.ends_with("layers") { 2 } else { 1 }]).unused_keys();
            keys.into_iter().filter_map(|key| key.strip_prefix("model.generator.")).collect()
        };
        assert_eq!(of_generator("model.generator.kind=mlp"), ["width", "layers", "slope", "condition"]);
        assert_eq!(of_generator("model.generator.kind=dcgan"), ["hidden", "layers", "slope", "condition"]);
        assert_eq!(
            of_generator("model.generator.activation=silu"),
            ["width", "layers", "slope", "condition"]
        );
        assert_eq!(of_generator("model.generator.activation=leaky-relu"), ["width", "layers", "condition"]);
        let of_lists =
            ["hidden", "width", "activation", "slope", "batch_norm", "layer_norm", "dropout", "condition"];
        assert_eq!(of_generator("model.generator.kind=layers"), of_lists);
    }

    #[test]
    fn an_unused_key_has_the_neutral_value_that_it_is_recorded_with() {
        let lists = ["model.generator.kind=layers", "model.generator.layers=['linear 784']"];
        let settings = [
            &["train.ema=0.9"][..],
            &["penalty.kind=dragan"],
            &["optimizer.kind=sgd"],
            &["model.kind=dcgan"],
            &lists,
        ];
        for sets in settings {
            let recorded = recorded(sets);
            let mut json = serde_json::to_value(&recorded).unwrap();
            for key in recorded.unused_keys() {
                let (table, name) = key.rsplit_once('.').unwrap();
                let table = json.pointer_mut(&format!("/{}", table.replace('.', "/"))).unwrap();
                assert!(table.as_object_mut().unwrap().remove(name).is_some(), "{key}");
            }
            // Whoever reads the rest takes it for the same run.
            assert_eq!(Config::from_stored(&json).unwrap().canonical(&any_images()), recorded);
        }
    }
}
