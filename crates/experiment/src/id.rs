//! Identities derived from what they identify.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Config;

/// The first 16 hexadecimal digits of the SHA-256 of a config's canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigHash(String);

/// The first 16 hexadecimal digits of the SHA-256 over config hash, seed and data fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl ConfigHash {
    /// Of a config. Equal configs have equal hashes however their files were written: numbers are
    /// hashed by value, keys in the order of the type.
    pub fn of(config: &Config) -> Self {
        let json = serde_json::to_vec(config).expect("a config is plain data");
        Self(short_sha256(&[&json]))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RunId {
    /// Of one config with one seed on the data of that fingerprint.
    pub fn of(config: &ConfigHash, seed: u64, data_fingerprint: &str) -> Self {
        let seed = seed.to_string();
        Self(short_sha256(&[config.0.as_bytes(), b"/", seed.as_bytes(), b"/", data_fingerprint.as_bytes()]))
    }

    /// An id read back from where this program wrote it: 16 hexadecimal digits, or `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        hex.then(|| Self(text.to_owned()))
    }

    /// As text.
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
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
