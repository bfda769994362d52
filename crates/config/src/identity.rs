//! The text that a config's hash is computed over.
//!
//! A hash over whole configs would change with every new key, and recorded runs would no longer be found
//! in their databases. So the text has only the keys that differ from their identity defaults: older
//! configs have the identity default of a new key, and keep their hashes.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::schema::{Effect, Key, keys};
use crate::{Config, Value};

/// The version of this rule. A new version would change every hash, and would need a migration of every
/// database.
const SCHEMA: u32 = 1;

/// A key of the config and its identity default.
struct Frozen<'k> {
    key: &'k Key,
    default: Value,
}

static FROZEN: LazyLock<Vec<Frozen<'static>>> = LazyLock::new(|| frozen(keys()));

/// The keys of the config, sorted by path, so that the order of the documentation may change.
fn frozen<'k>(keys: impl Iterator<Item = &'k Key>) -> Vec<Frozen<'k>> {
    let own = keys.filter(|key| key.effect == Effect::Config && key.parts.is_empty());
    let mut frozen: Vec<_> =
        own.filter_map(|key| Some(Frozen { key, default: key.identity_default()? })).collect();
    frozen.sort_by_key(|frozen| frozen.key.path);
    frozen
}

/// The text that the hash is computed over: a line with the version of the rule, and a line `key = value`
/// for each key that differs from its identity default, sorted by key.
pub(crate) fn text(config: &Config) -> String {
    text_of(&FROZEN, config)
}

fn text_of(frozen: &[Frozen<'_>], config: &Config) -> String {
    let mut config = config.clone();
    let mut text = format!("gansweep config {SCHEMA}\n");
    for Frozen { key, default } in frozen {
        let Some(value) = key.field.and_then(|field| field.get(&mut config)) else { continue };
        if value != *default {
            text.push_str(key.path);
            text.push_str(" = ");
            put(&value, &mut text);
            text.push('\n');
        }
    }
    text
}

/// Writes a value as it is hashed: a number in scientific notation with the fewest digits that represent
/// it exactly (`2e-4`), everything else as JSON. Numbers are not written as JSON, because a library may
/// change how it does that.
pub(crate) fn put(value: &Value, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = match value {
        // Adding 0.0 turns -0.0 into 0.0.
        Value::Number(number) => write!(text, "{:e}", number + 0.0),
        other => write!(text, "{}", other.to_json()),
    };
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::fixtures::{config, spec};
    use crate::schema::field::Field;
    use crate::schema::{Interval, Kind, Lanes};
    use crate::{ConfigHash, NetworkLayer, Window, stored};

    /// This table may only grow: a line that changes or goes changes the ids of runs that exist
    /// in people's databases. A new key is a new line.
    #[test]
    fn the_identity_defaults_are_frozen() {
        let lines =
            FROZEN.iter().map(|frozen| format!("{} = {}\n", frozen.key.path, frozen.default.to_json()));
        assert_snapshot!(lines.collect::<String>(), @r#"
        augment.color = 0.0
        augment.cutout = 0.0
        augment.translation = 0.0
        data.channels = 0
        data.dataset = "mnist"
        data.flip = false
        data.images = 0
        data.pixels = "signed"
        data.side = 0
        loss.combine = "sum"
        loss.fake_label_smoothing = 0.0
        loss.kind = "non-saturating"
        loss.label_flip = 0.0
        loss.label_smoothing = 0.0
        loss.relativistic = "none"
        loss.weight_clip = 0.01
        model.conditional = false
        model.discriminator.activation = "leaky-relu"
        model.discriminator.batch_norm = false
        model.discriminator.condition = "concat"
        model.discriminator.dropout = 0.3
        model.discriminator.hidden = [512,256]
        model.discriminator.kind = "mlp"
        model.discriminator.layer_norm = false
        model.discriminator.layers = []
        model.discriminator.slope = 0.2
        model.discriminator.spectral_norm = false
        model.discriminator.width = 64
        model.embedding = 0
        model.generator.activation = "relu"
        model.generator.batch_norm = true
        model.generator.condition = "concat"
        model.generator.dropout = 0.0
        model.generator.hidden = [256,512]
        model.generator.kind = "mlp"
        model.generator.layer_norm = false
        model.generator.layers = []
        model.generator.slope = 0.2
        model.generator.spectral_norm = false
        model.generator.width = 128
        model.init = "pytorch"
        model.latent = "normal"
        model.latent_dim = 64
        model.output = "tanh"
        optimizer.discriminator.alpha = 0.99
        optimizer.discriminator.beta1 = 0.5
        optimizer.discriminator.beta2 = 0.999
        optimizer.discriminator.clip_norm = 0.0
        optimizer.discriminator.eps = 1e-8
        optimizer.discriminator.gamma = 0.1
        optimizer.discriminator.horizon = 100.0
        optimizer.discriminator.kind = "adam"
        optimizer.discriminator.lr = 0.001
        optimizer.discriminator.lr_end = 0.0
        optimizer.discriminator.momentum = 0.0
        optimizer.discriminator.schedule = "constant"
        optimizer.discriminator.warmup = 0.0
        optimizer.discriminator.weight_decay = 0.01
        optimizer.generator.alpha = 0.99
        optimizer.generator.beta1 = 0.5
        optimizer.generator.beta2 = 0.999
        optimizer.generator.clip_norm = 0.0
        optimizer.generator.eps = 1e-8
        optimizer.generator.gamma = 0.1
        optimizer.generator.horizon = 100.0
        optimizer.generator.kind = "adam"
        optimizer.generator.lr = 0.001
        optimizer.generator.lr_end = 0.0
        optimizer.generator.momentum = 0.0
        optimizer.generator.schedule = "constant"
        optimizer.generator.warmup = 0.0
        optimizer.generator.weight_decay = 0.01
        penalty.every = 1
        penalty.kind = "none"
        penalty.noise = 0.3
        penalty.one_sided = false
        penalty.weight = 10.0
        train.batch_size = 64
        train.d_steps = 1
        train.drop_last = false
        train.ema = 0.0
        train.ema_warmup = false
        train.instance_noise = 0.0
        train.instance_noise_epochs = 0.0
        train.noise = "fresh"
        train.shuffle = true
        "#);
    }

    /// `printf 'gansweep config 1\nloss.label_smoothing = 1e-1\nmodel.generator.slope = 0e0\n' | sha256sum`
    #[test]
    fn a_hash_is_the_digest_of_the_keys_that_differ() {
        let mut config = config().canonical(&spec());
        config.loss.label_smoothing = 0.1;
        let text = "gansweep config 1\nloss.label_smoothing = 1e-1\nmodel.generator.slope = 0e0\n";
        assert_eq!(super::text(&config), text);
        assert_eq!(ConfigHash::of(&config).as_str(), "40cbca948a9e22a1");
    }

    #[test]
    fn values_are_written_the_same_way_for_ever() {
        let written = |value: &Value| {
            let mut text = String::new();
            put(value, &mut text);
            text
        };
        for (number, text) in [(0.0, "0e0"), (-0.0, "0e0"), (2e-4, "2e-4"), (0.1, "1e-1"), (1000.0, "1e3")] {
            assert_eq!(written(&Value::Number(number)), text);
        }
        assert_eq!(written(&Value::Number(1.0 / 3.0)), "3.333333333333333e-1");
        assert_eq!(written(&Value::Integer(60_000)), "60000");
        assert_eq!(written(&Value::Bool(true)), "true");
        assert_eq!(written(&Value::Text("a \"b\"\n".to_owned())), r#""a \"b\"\n""#);
        assert_eq!(written(&Value::Widths(vec![256, 512])), "[256,512]");
        let window = Window { kernel: 4, stride: 2, padding: 0 };
        let layers =
            vec![NetworkLayer::Conv { outputs: 64, window, bias: true }, NetworkLayer::LeakyRelu(0.2)];
        assert_eq!(written(&Value::Layers(layers)), r#"["conv 64 kernel 4 stride 2","leaky-relu 0.2"]"#);
    }

    /// A key that a later version adds: in every config it has this value.
    fn pretended(identity: &'static str) -> &'static Key {
        Box::leak(Box::new(Key {
            path: "loss.pretended",
            kind: Kind::Number(Interval { low: 0.0, above_low: false, high: 1.0, below_high: false }),
            effect: Effect::Config,
            default: Some("0.7"),
            identity: Some(identity),
            lanes: Lanes::Varies,
            doc: "",
            parts: &[],
            field: Some(Field::Number(|_| Box::leak(Box::new(0.5)))),
        }))
    }

    #[test]
    fn a_new_key_changes_no_hash_of_a_config_from_before_it() {
        let before = text(&config());
        let with = |key| text_of(&frozen(keys().chain([key])), &config());
        assert_eq!(with(pretended("0.5")), before, "it has its identity default, whatever its default is");
        let other = with(pretended("0.25"));
        assert_eq!(other.replace("loss.pretended = 5e-1\n", ""), before);
        assert_ne!(other, before);
    }

    #[test]
    fn a_config_stored_before_a_new_key_is_read_with_its_identity_default() {
        let json = serde_json::to_value(config()).unwrap();
        let tree = stored::tree(keys().chain([pretended("0.5")]), &stored::nested(&json)).unwrap();
        assert_eq!(tree["loss"]["pretended"], 0.5);
        assert_eq!(tree["loss"]["label_smoothing"], json["loss"]["label_smoothing"]);
    }
}
