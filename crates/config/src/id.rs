//! Ids of configs and runs, derived from their content.

use std::fmt;

use gansweep_base::digest::Sha256;
use serde::{Deserialize, Serialize};

use crate::{Config, identity};

/// The first 16 hexadecimal digits of the SHA-256 over the keys of a config that differ from their
/// identity defaults.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigHash(String);

/// The first 16 hexadecimal digits of the SHA-256 over config hash, seed and data fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl ConfigHash {
    /// The hash of a config in its canonical form. It does not depend on how the experiment file is
    /// written, and does not change when a later version of the program adds keys.
    pub fn of(config: &Config) -> Self {
        Self(short_sha256(&[identity::text(config).as_bytes()]))
    }

    /// The 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RunId {
    /// The id of a config with a seed, trained on the data with that fingerprint.
    pub fn of(config: &ConfigHash, seed: u64, data_fingerprint: &str) -> Self {
        let seed = seed.to_string();
        Self(short_sha256(&[config.0.as_bytes(), b"/", seed.as_bytes(), b"/", data_fingerprint.as_bytes()]))
    }

    /// Reads an id that this program wrote; `None` if `text` is not 16 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        hex.then(|| Self(text.to_owned()))
    }

    /// The 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn short_sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::default();
    for part in parts {
        hasher.add(part);
    }
    let mut digits = hasher.hex();
    digits.truncate(16);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::config;

    #[test]
    fn equal_configs_have_equal_hashes_and_others_have_others() {
        let hash = ConfigHash::of(&config());
        assert_eq!(hash, ConfigHash::of(&config()));
        let mut other = config();
        other.optimizer.generator.lr *= 2.0;
        assert_ne!(hash, ConfigHash::of(&other));
        assert_eq!(hash.as_str().len(), 16);
    }

    #[test]
    fn an_id_depends_on_config_seed_and_data_and_on_where_one_ends() {
        let hash = ConfigHash::of(&config());
        let id = RunId::of(&hash, 1, "data");
        assert_eq!(id, RunId::of(&hash, 1, "data"));
        assert_ne!(id, RunId::of(&hash, 2, "data"));
        assert_ne!(id, RunId::of(&hash, 1, "other data"));
        assert_ne!(RunId::of(&hash, 1, "1/x"), RunId::of(&hash, 11, "x"));
    }

    #[test]
    fn ids_are_read_back_and_nothing_else_is() {
        let id = RunId::of(&ConfigHash::of(&config()), 1, "data");
        assert_eq!(RunId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(id.to_string(), id.as_str());
        for text in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789ABCDEF",
            "0123456789abcdeg",
            "../456789abcdef/",
        ] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
