//! The table of keys.

use super::{Effect, Field, Interval, Key, Kind, MAX_SEED};

const DATASETS: &[&str] = &["mnist", "fashion-mnist", "kmnist", "strokes"];
const FALLBACKS: &[&str] = &["none", "mnist", "fashion-mnist", "kmnist", "strokes"];
const ACTIVATIONS: &[&str] = &["relu", "leaky-relu"];

/// At least zero and less than one.
const FRACTION: Kind = Kind::Number(Interval::below(0.0, 1.0));
/// A learning rate: in single precision, larger ones overflow within a step.
const RATE: Kind = Kind::Number(Interval::above(0.0, 1000.0));
/// An addend to a denominator, large enough to be more than zero in single precision.
const ADDEND: Kind = Kind::Number(Interval::closed(1e-30, 1.0));
/// A time in seconds, up to a day.
const SECONDS: Kind = Kind::Number(Interval::closed(0.0, 86_400.0));

/// Every key, in the order of the documentation.
pub static KEYS: &[Key] = &[
    identity("name", Kind::Name, None, "What the sweep is called in the database, in reports and on the command line. Without it: the file's name without its extension."),
    identity("description", Kind::Text, Some("\"\""), "What the experiment is for, in your words; shown in the report."),
    identity("recipe", Kind::Choice(&crate::recipes::NAMES), Some("\"fast\""), "The recipe whose values hold wherever the file says nothing. May be swept."),
    math("data.dataset", Kind::Choice(DATASETS), "\"mnist\"", Field::Dataset(|c| &mut c.data.dataset), "What is learnt. `strokes` are digits that the program draws itself, without a download."),
    math("data.images", Kind::Integer(0, 60_000), "0", Field::Integer(|c| &mut c.data.images), "Train on the first so many images; `0` stands for all 60,000."),
    math("data.pixels", Kind::Choice(&["signed", "unit"]), "\"signed\"", Field::Pixels(|c| &mut c.data.pixels), "What pixel values are scaled to: `signed` is [-1, 1] and goes with `model.output = \"tanh\"`, `unit` is [0, 1] and goes with `\"sigmoid\"`."),
    other(Effect::Execution, "data.fallback", Kind::Choice(FALLBACKS), "\"none\"", "What to train on where the dataset is neither on this machine nor to be downloaded; the database and the report name what was really used. `none`: stop with an error instead."),
    math("model.latent_dim", Kind::Integer(1, 4096), "64", Field::Integer(|c| &mut c.model.latent_dim), "Length of a latent vector."),
    math("model.latent", Kind::Choice(&["normal", "uniform"]), "\"normal\"", Field::Latent(|c| &mut c.model.latent), "What a latent vector's entries are drawn from: N(0, 1), or U(-1, 1)."),
    math("model.output", Kind::Choice(&["tanh", "sigmoid"]), "\"tanh\"", Field::Output(|c| &mut c.model.output), "The last activation of the generator; must fit `data.pixels`."),
    shorthand("model.hidden", Kind::Hidden, &["model.generator.hidden", "model.discriminator.hidden"], "Hidden layers of both networks: a list of widths replaces the layers of both, one width is given to every layer that they have."),
    shorthand("model.activation", Kind::Choice(ACTIVATIONS), &["model.generator.activation", "model.discriminator.activation"], "Activation of both networks."),
    shorthand("model.slope", FRACTION, &["model.generator.slope", "model.discriminator.slope"], "Slope of both networks."),
    shorthand("model.dropout", FRACTION, &["model.generator.dropout", "model.discriminator.dropout"], "Dropout of both networks."),
    math("model.generator.hidden", Kind::Hidden, "[256, 512]", Field::Hidden(|c| &mut c.model.generator.hidden), "Widths of the generator's hidden layers, from the latent vector on; one width is given to every layer that it has."),
    math("model.generator.activation", Kind::Choice(ACTIVATIONS), "\"relu\"", Field::Activation(|c| &mut c.model.generator.activation), "Activation after each hidden layer of the generator."),
    math("model.generator.slope", FRACTION, "0.2", Field::Number(|c| &mut c.model.generator.slope), "Slope below zero of the generator's leaky ReLU. With `relu` it has no effect and is recorded as 0."),
    math("model.generator.batch_norm", Kind::Bool, "true", Field::Bool(|c| &mut c.model.generator.batch_norm), "Whether batch normalisation (eps 1e-5, momentum 0.1) stands between each hidden Linear layer of the generator and its activation."),
    math("model.generator.dropout", FRACTION, "0.0", Field::Number(|c| &mut c.model.generator.dropout), "Probability of dropping a hidden activation of the generator; `0` stands for no Dropout layers."),
    math("model.discriminator.hidden", Kind::Hidden, "[512, 256]", Field::Hidden(|c| &mut c.model.discriminator.hidden), "Widths of the discriminator's hidden layers, from the image on; one width is given to every layer that it has."),
    math("model.discriminator.activation", Kind::Choice(ACTIVATIONS), "\"leaky-relu\"", Field::Activation(|c| &mut c.model.discriminator.activation), "Activation after each hidden layer of the discriminator."),
    math("model.discriminator.slope", FRACTION, "0.2", Field::Number(|c| &mut c.model.discriminator.slope), "Slope below zero of the discriminator's leaky ReLU. With `relu` it has no effect and is recorded as 0."),
    math("model.discriminator.dropout", FRACTION, "0.3", Field::Number(|c| &mut c.model.discriminator.dropout), "Probability of dropping a hidden activation of the discriminator; `0` stands for no Dropout layers."),
    math("loss.combine", Kind::Choice(&["sum", "mean"]), "\"sum\"", Field::Combine(|c| &mut c.loss.combine), "The discriminator's loss: the `sum` of its cross-entropies on real and on fake images, or half of that, the `mean`."),
    math("loss.label_smoothing", FRACTION, "0.0", Field::Number(|c| &mut c.loss.label_smoothing), "The discriminator's target on real images is one minus this; the generator's stays 1."),
    shorthand("optimizer.lr", RATE, &["optimizer.generator.lr", "optimizer.discriminator.lr"], "Learning rate of both networks."),
    shorthand("optimizer.beta1", FRACTION, &["optimizer.generator.beta1", "optimizer.discriminator.beta1"], "First beta of both networks."),
    shorthand("optimizer.beta2", FRACTION, &["optimizer.generator.beta2", "optimizer.discriminator.beta2"], "Second beta of both networks."),
    shorthand("optimizer.eps", ADDEND, &["optimizer.generator.eps", "optimizer.discriminator.eps"], "Epsilon of both networks."),
    math("optimizer.generator.lr", RATE, "2e-4", Field::Number(|c| &mut c.optimizer.generator.lr), "Learning rate of the generator's Adam."),
    math("optimizer.generator.beta1", FRACTION, "0.5", Field::Number(|c| &mut c.optimizer.generator.beta1), "Decay of the generator's first moment."),
    math("optimizer.generator.beta2", FRACTION, "0.999", Field::Number(|c| &mut c.optimizer.generator.beta2), "Decay of the generator's second moment."),
    math("optimizer.generator.eps", ADDEND, "1e-8", Field::Number(|c| &mut c.optimizer.generator.eps), "Added to the root of the generator's corrected second moment."),
    math("optimizer.discriminator.lr", RATE, "2e-4", Field::Number(|c| &mut c.optimizer.discriminator.lr), "Learning rate of the discriminator's Adam."),
    math("optimizer.discriminator.beta1", FRACTION, "0.5", Field::Number(|c| &mut c.optimizer.discriminator.beta1), "Decay of the discriminator's first moment."),
    math("optimizer.discriminator.beta2", FRACTION, "0.999", Field::Number(|c| &mut c.optimizer.discriminator.beta2), "Decay of the discriminator's second moment."),
    math("optimizer.discriminator.eps", ADDEND, "1e-8", Field::Number(|c| &mut c.optimizer.discriminator.eps), "Added to the root of the discriminator's corrected second moment."),
    math("train.epochs", Kind::Integer(1, 100_000), "5", Field::Integer(|c| &mut c.train.epochs), "Passes over the training images."),
    math("train.batch_size", Kind::Integer(1, 60_000), "64", Field::Integer(|c| &mut c.train.batch_size), "Images in a batch."),
    math("train.d_steps", Kind::Integer(1, 100), "1", Field::Integer(|c| &mut c.train.d_steps), "Updates of the discriminator, each on a batch of its own, before each update of the generator."),
    math("train.noise", Kind::Choice(&["fresh", "shared"]), "\"fresh\"", Field::Noise(|c| &mut c.train.noise), "The latents of the generator's update: drawn anew (`fresh`), or those of the discriminator's update before it (`shared`)."),
    math("train.shuffle", Kind::Bool, "true", Field::Bool(|c| &mut c.train.shuffle), "Whether each epoch takes the images in an order of its own."),
    math("train.drop_last", Kind::Bool, "false", Field::Bool(|c| &mut c.train.drop_last), "Whether a last batch that is not full is left out. Where all batches are full it has no effect and is recorded as `false`."),
    other(Effect::Recording, "record.every_steps", Kind::Integer(1, 1_000_000), "100", "Record the metrics every so many steps, and at the end of each recorded epoch."),
    other(Effect::Recording, "record.every_epochs", Kind::Integer(1, 100_000), "1", "Record a sample grid and the epoch's means every so many epochs, and after the last."),
    other(Effect::Recording, "record.grid_rows", Kind::Integer(1, 400), "6", "Rows of a sample grid; a grid has at most 400 images."),
    other(Effect::Recording, "record.grid_cols", Kind::Integer(1, 400), "10", "Columns of a sample grid."),
    other(Effect::Recording, "record.sample_mode", Kind::Choice(&["eval", "batch-statistics"]), "\"eval\"", "How grids are drawn: with the running statistics of batch normalisation, or with the grid's own. Dropout is off in both."),
    other(Effect::Recording, "record.latent_seed", Kind::Integer(0, MAX_SEED), "0", "Seed of the latents that all grids of all runs are drawn from."),
    other(Effect::Recording, "record.palette", Kind::Choice(&["gray", "gray-r"]), "\"gray\"", "How the report shows images: white strokes on black, or black on white."),
    other(Effect::Recording, "record.checkpoint_seconds", SECONDS, "30", "Write a checkpoint at the first recorded epoch's end after so many seconds, and at the end of a run; `0` stands for every recorded epoch."),
    other(Effect::Execution, "execution.devices", Kind::Devices, "[\"auto\"]", "Devices that take groups of runs from one queue; `auto` is the best one here. Also `--device`."),
    other(Effect::Execution, "execution.jobs", Kind::Integer(0, 1024), "0", "Workers at the same time on each device; `0` lets the program choose. Also `--jobs`."),
    other(Effect::Execution, "execution.fuse", Kind::Integer(0, 4096), "0", "The most runs of equal shapes trained as one batch; `0` lets the program choose, `1` trains every run alone. Also `--fuse`."),
    other(Effect::Execution, "execution.hang_seconds", Kind::Number(Interval::closed(1.0, 86_400.0)), "300", "A worker that reports nothing for so many seconds is taken for hung and replaced."),
    other(Effect::Sweep, "sweep.seeds", Kind::Seeds, "1", "The seeds that every config is trained with: a count `n`, which stands for 0 to n - 1, or a list."),
    draws("sweep.random.n", Kind::Integer(1, 100_000), None, "How many combinations of `[sweep.random.keys]` to draw. A larger `n` keeps the earlier draws and adds to them."),
    draws("sweep.random.seed", Kind::Integer(0, MAX_SEED), Some("0"), "Seed of the draws; each key has a generator of its own, so that adding a key changes no other's values."),
];

const fn identity(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Identity, default, doc, parts: &[], field: None }
}

const fn math(path: &'static str, kind: Kind, default: &'static str, field: Field, doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Mathematics, default: Some(default), doc, parts: &[], field: Some(field) }
}

const fn shorthand(path: &'static str, kind: Kind, parts: &'static [&'static str], doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Mathematics, default: None, doc, parts, field: None }
}

const fn other(effect: Effect, path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { path, kind, effect, default: Some(default), doc, parts: &[], field: None }
}

const fn draws(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, kind, effect: Effect::Sweep, default, doc, parts: &[], field: None }
}

#[cfg(test)]
mod tests {
    use toml::de::DeValue;

    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_key() {
        for key in KEYS {
            let Some(default) = key.default else { continue };
            let toml = DeValue::parse(default).unwrap();
            assert!(key.kind.read(toml.get_ref()).is_ok(), "{}", key.path);
        }
    }

    #[test]
    fn the_words_for_datasets_are_those_of_the_datasets() {
        assert_eq!(DATASETS, crate::Dataset::ALL.map(crate::Dataset::name));
        assert_eq!(FALLBACKS[1..], *DATASETS);
    }
}
