//! Configs and record settings that this or another version of the program stored in a database.
//!
//! They are read key by key and not as a fixed type: a key that this version does not know is ignored, and
//! one that the other version did not know has its identity default, the value in force at that time.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use toml::de::DeValue;

use crate::schema::{Effect, Key, keys};
use crate::{Config, Record, Value};

/// A stored value that this version of the program cannot take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// A value that its key does not accept.
    #[error("{key} is `{found}`, and not {expected}")]
    Value {
        /// The path of the key.
        key: &'static str,
        /// The stored value, as JSON.
        found: String,
        /// What the key accepts.
        expected: String,
    },
    /// Values that are valid each by itself and do not form a config.
    #[error("{0}")]
    Shape(String),
}

impl Config {
    /// Reads a config from the JSON object that it was serialised to.
    ///
    /// # Errors
    ///
    /// If a key does not accept its value. Unknown and missing keys are not errors.
    pub fn from_stored(json: &Json) -> Result<Self, StoredError> {
        Self::from_stored_keys(&nested(json))
    }

    /// Reads a config whose values are looked up by the full paths of their keys: `optimizer.generator.lr`.
    ///
    /// # Errors
    ///
    /// See [`Config::from_stored`].
    pub fn from_stored_keys(value_of: Lookup<'_>) -> Result<Self, StoredError> {
        let own = keys().filter(|key| key.effect == Effect::Config && key.parts.is_empty());
        shaped(tree(own, value_of)?)
    }
}

impl Record {
    /// Reads record settings from the JSON object that they were serialised to.
    ///
    /// # Errors
    ///
    /// If a key does not accept its value. Unknown and missing keys are not errors.
    pub fn from_stored(json: &Json) -> Result<Self, StoredError> {
        let value_of = |path: &str| json.get(path.strip_prefix("record.")?).cloned();
        let own = keys().filter(|key| key.effect == Effect::Recording);
        let mut tree = tree(own, &value_of)?;
        shaped(tree.remove("record").unwrap_or_default())
    }
}

/// Looks up the stored value of a key by its path.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Json>;

/// Looks values up in nested objects, by path.
pub(crate) fn nested(json: &Json) -> impl Fn(&str) -> Option<Json> + '_ {
    |path| json.pointer(&format!("/{}", path.replace('.', "/"))).cloned()
}

/// The stored values of the keys, or else their identity defaults, as nested objects.
pub(crate) fn tree<'k>(
    keys: impl Iterator<Item = &'k Key>,
    value_of: Lookup<'_>,
) -> Result<Map<String, Json>, StoredError> {
    let mut tree = Map::new();
    for key in keys {
        let value = match value_of(key.path) {
            Some(json) => Some(read(key, &json)?),
            None => key.identity_default(),
        };
        if let Some(value) = value {
            insert(&mut tree, key.path, value.to_json());
        }
    }
    Ok(tree)
}

/// Reads a stored value. What JSON writes for a scalar or a list of them is TOML as well, so that
/// the checks of experiment files hold here too: a damaged database asks for no layer of a billion
/// units.
fn read(key: &Key, json: &Json) -> Result<Value, StoredError> {
    let text = json.to_string();
    let value = DeValue::parse(&text).ok().and_then(|toml| key.kind.read(toml.get_ref()).ok());
    value.ok_or_else(|| StoredError::Value { key: key.path, found: text, expected: key.kind.to_string() })
}

/// Puts a value at a dotted path.
fn insert(tree: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => {
            tree.insert(path.to_owned(), value);
        }
        Some((table, rest)) => {
            let entry = tree.entry(table).or_insert_with(|| Map::new().into());
            if let Json::Object(inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

fn shaped<T: DeserializeOwned>(tree: impl Into<Json>) -> Result<T, StoredError> {
    serde_json::from_value(tree.into()).map_err(|error| StoredError::Shape(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{config, record, spec};

    #[test]
    fn what_was_stored_reads_back_to_the_bit() {
        let mut config = config();
        config.optimizer.generator.lr = 0.1 + 0.2;
        config.optimizer.discriminator.eps = 1e-30;
        config.model.discriminator.hidden = vec![8192; 16];
        let json = serde_json::to_value(&config).unwrap();
        assert_eq!(Config::from_stored(&json).unwrap(), config);
        let json = serde_json::to_value(record()).unwrap();
        assert_eq!(Record::from_stored(&json).unwrap(), record());
    }

    #[test]
    fn unknown_keys_are_passed_over_and_missing_ones_have_their_identity_defaults() {
        let mut json = serde_json::to_value(config()).unwrap();
        json["train"]["epochs"] = json!(5);
        json["train"]["warm_up"] = json!({ "steps": [1, 2] });
        json["later"] = json!(null);
        json["loss"].as_object_mut().unwrap().remove("combine");
        json["model"]["discriminator"].as_object_mut().unwrap().remove("dropout");
        assert_eq!(Config::from_stored(&json).unwrap(), config());
        let empty = Config::from_stored(&json!({})).unwrap();
        let compute = |config: Config| config.canonical(&spec());
        let message = "today's identity defaults compute what today's built-in defaults do";
        assert_eq!(compute(empty), compute(config()), "{message}");
        let sparse = Record::from_stored(&json!({ "every_steps": 7, "thumbnails": true })).unwrap();
        assert_eq!(sparse, Record { every_steps: 7, ..record() });
    }

    #[test]
    fn a_value_that_is_none_of_its_keys_is_named() {
        let refused = |pointer: &str, value: Json| {
            let mut json = serde_json::to_value(config()).unwrap();
            *json.pointer_mut(pointer).unwrap() = value;
            Config::from_stored(&json).unwrap_err().to_string()
        };
        assert_eq!(
            refused("/data/dataset", json!("imagenet")),
            "data.dataset is `\"imagenet\"`, and not one of \"mnist\", \"fashion-mnist\", \"kmnist\", \"emnist-digits\", \"emnist-letters\", \"emnist-balanced\", \"cifar10\", \"strokes\", \"idx\", \"folder\""
        );
        assert!(refused("/model/generator/hidden", json!([4_000_000_000_u32])).contains("from 1 to 8192"));
        assert!(refused("/train/batch_size", json!(0)).contains("train.batch_size is `0`"));
        for odd in [json!(null), json!({ "a": 1 }), json!("\u{7f}"), json!([[]])] {
            assert!(refused("/loss/label_smoothing", odd).starts_with("loss.label_smoothing is `"));
        }
        assert!(Config::from_stored(&json!({ "model": { "generator": { "hidden": 4 } } })).is_err());
    }
}
