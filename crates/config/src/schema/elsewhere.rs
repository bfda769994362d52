//! What other programs and papers call keys and values that have other names here.

use super::key::Key;
use super::lookup::find;

/// The key that another program has under that last component.
pub(super) fn key_called(last: &str, wanted: impl Fn(&Key) -> bool) -> Option<&'static str> {
    let (_, key) = KEYS.iter().find(|(other, _)| *other == last)?;
    find(key).is_some_and(wanted).then_some(*key)
}

/// What to write for a word that the key with that path does not know: its own word, or TOML with further keys.
pub(crate) fn value_called(word: &str, path: &str) -> Option<&'static str> {
    let path = path.replace('"', "");
    let word = word.to_lowercase().replace(['_', ' '], "-");
    let is_of = |key: &str| path == key || path.strip_suffix(key).is_some_and(|before| before.ends_with('.'));
    let (.., ours) = VALUES.iter().find(|(key, words, _)| is_of(key) && words.contains(&&*word))?;
    Some(ours)
}

const KEYS: [(&str, &str); 23] = [
    ("z_dim", "model.latent_dim"),
    ("nz", "model.latent_dim"),
    ("noise_dim", "model.latent_dim"),
    ("lambda", "penalty.weight"),
    ("lambda_gp", "penalty.weight"),
    ("n_critic", "train.d_steps"),
    ("ema_decay", "train.ema"),
    ("diffaugment", "augment.color"),
    ("r1_gamma", "penalty.weight"),
    ("gp_weight", "penalty.weight"),
    ("ngf", "model.generator.width"),
    ("ndf", "model.discriminator.width"),
    ("grad_clip", "optimizer.clip_norm"),
    ("max_grad_norm", "optimizer.clip_norm"),
    ("log_every", "record.every_steps"),
    ("save_every", "record.every_epochs"),
    ("num_workers", "execution.jobs"),
    // With the suffixes of the columns of `run_overview`, and as prefixes.
    ("lr_g", "optimizer.generator.lr"),
    ("lr_d", "optimizer.discriminator.lr"),
    ("g_lr", "optimizer.generator.lr"),
    ("d_lr", "optimizer.discriminator.lr"),
    ("hidden_g", "model.generator.hidden"),
    ("hidden_d", "model.discriminator.hidden"),
];

/// The end of a key's path, words in small letters with hyphens, and what they are here.
const VALUES: [(&str, &[&str], &str); 21] = [
    (
        "loss.kind",
        &[
            "bce",
            "bce-with-logits",
            "gan",
            "vanilla",
            "standard",
            "dcgan",
            "ns",
            "nsgan",
            "ns-gan",
            "logistic",
        ],
        "non-saturating",
    ),
    ("loss.kind", &["mm", "mmgan", "mm-gan", "saturating"], "minimax"),
    ("loss.kind", &["ls", "lsgan", "mse", "l2"], "least-squares"),
    ("loss.kind", &["hinge-loss", "sngan"], "hinge"),
    ("loss.kind", &["wgan"], "wasserstein"),
    ("loss.kind", &["wgan-gp", "wgangp"], "loss.kind = \"wasserstein\", penalty.kind = \"wgan-gp\""),
    ("loss.kind", &["dragan"], "loss.kind = \"non-saturating\", penalty.kind = \"dragan\""),
    ("loss.kind", &["rsgan", "rpgan", "relativistic"], "loss.relativistic = \"paired\""),
    ("loss.kind", &["ragan", "rasgan"], "loss.relativistic = \"average\""),
    ("penalty.kind", &["gp", "gradient-penalty", "gradient", "wgan", "1-gp"], "wgan-gp"),
    ("penalty.kind", &["0-gp", "zero-centered", "zero-centred"], "r1"),
    ("activation", &["lrelu", "leaky"], "leaky-relu"),
    ("activation", &["swish"], "silu"),
    ("model.generator.kind", &["cnn", "conv", "convolutional", "conv-transpose"], "dcgan"),
    ("model.discriminator.kind", &["cnn", "conv", "convolutional"], "dcgan"),
    ("model.kind", &["cnn", "conv", "convolutional"], "dcgan"),
    ("model.latent", &["gaussian", "gauss"], "normal"),
    ("model.init", &["default", "kaiming", "uniform"], "pytorch"),
    ("model.init", &["normal", "gaussian"], "dcgan"),
    ("schedule", &["cosine-annealing", "cosine-decay"], "cosine"),
    (
        "data.dataset",
        &["imagefolder", "image-folder", "images", "custom", "celeba", "lsun", "ffhq"],
        "folder",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Kind, keys};

    #[test]
    fn words_of_others_lead_to_keys_and_values_that_there_are() {
        assert!(KEYS.iter().all(|(_, key)| find(key).is_some()));
        for (end, words, ours) in VALUES {
            let is_meant = |key: &&Key| key.path == end || key.path.ends_with(&format!(".{end}"));
            let meant: Vec<&Key> = keys().filter(is_meant).collect();
            assert!(!meant.is_empty(), "no key ends with {end}");
            for Key { path, kind, .. } in meant {
                let Kind::Choice(choices) = kind else { panic!("{path} has no choices") };
                assert!(ours.contains(" = ") || choices.contains(&ours), "{ours} is no {path}");
                assert!(words.iter().all(|word| !choices.contains(word)), "{words:?} are of {path}");
            }
        }
    }

    #[test]
    fn a_word_is_read_in_any_spelling_and_of_its_key_alone() {
        assert_eq!(value_called("LReLU", "model.generator.activation"), Some("leaky-relu"));
        assert_eq!(value_called("Cosine_Annealing", "sweep.grid.\"optimizer.schedule\""), Some("cosine"));
        assert_eq!(value_called("wgan", "loss.kind"), Some("wasserstein"));
        assert_eq!(value_called("wgan", "sweep.variants.a.penalty.kind"), Some("wgan-gp"));
        assert_eq!(value_called("wgan", "recipe"), None);
    }
}
