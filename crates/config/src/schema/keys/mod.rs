//! The table of keys: a file for each table of the config, and one for the settings around it.

mod augment;
mod data;
mod loss;
mod model;
mod optimizer;
mod penalty;
mod settings;
mod train;

use super::key::Key;

static TABLES: [&[Key]; 13] = [
    settings::ORIGIN,
    data::KEYS,
    model::KEYS,
    loss::KEYS,
    penalty::KEYS,
    augment::KEYS,
    optimizer::KEYS,
    train::KEYS,
    settings::RECORD,
    settings::EXECUTION,
    settings::SWEEP,
    settings::SEARCH,
    settings::PRUNE,
];

/// Every key, in the order of the documentation.
pub fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    TABLES.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use toml::de::DeValue;

    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_key() {
        for key in keys() {
            let Some(default) = key.default else { continue };
            let toml = DeValue::parse(default).unwrap();
            assert!(key.kind.read(toml.get_ref()).is_ok(), "{}", key.path);
        }
    }
}
