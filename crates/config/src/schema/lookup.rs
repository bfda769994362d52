//! Keys and tables by their paths, and which keys set which others.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::key::{Key, VARIANT};
use super::keys::keys;
use super::kind::Kind;
use crate::{BudgetedConfig, Value};

/// The tables that hold axes, each under the key that it sweeps.
pub(crate) const AXIS_TABLES: [&str; 3] = ["sweep.grid", "sweep.zip", "sweep.random.keys"];
/// The table that holds the variants, each under its name.
pub(crate) const VARIANTS: &str = "sweep.variants";
/// The array of tables that holds the exclusion rules.
pub(crate) const EXCLUDE: &str = "sweep.exclude";
/// The table that holds the profiles.
pub(crate) const PROFILE: &str = "profile";

/// The key with that full path.
pub fn find(path: &str) -> Option<&'static Key> {
    // A map, because keys are looked up for every value of every run of a plan.
    static BY_PATH: LazyLock<HashMap<&str, &Key>> =
        LazyLock::new(|| keys().chain([&VARIANT]).map(|key| (key.path, key)).collect());
    BY_PATH.get(path).copied()
}

/// Whether the values of the key with that path are lists of layers, which are shown one under the other.
pub fn is_list_of_layers(path: &str) -> bool {
    find(path).is_some_and(|key| key.kind == Kind::Layers)
}

/// Whether the path names a table of keys or of axes.
pub(crate) fn is_table(path: &str) -> bool {
    let below = |longer: &str| longer.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    keys().any(|key| below(key.path))
        || AXIS_TABLES.iter().any(|table| *table == path || below(table))
        || split_axis(path).is_some_and(|(_, rest)| is_table(rest))
}

/// Splits the path of an axis into its table, as an index into [`AXIS_TABLES`], and the swept key's path.
pub(crate) fn split_axis(path: &str) -> Option<(usize, &str)> {
    let within = |table: &&str| path.strip_prefix(*table)?.strip_prefix('.');
    AXIS_TABLES.iter().enumerate().find_map(|(index, table)| Some((index, within(table)?)))
}

/// The key's path in the path of a value in a variant.
pub(crate) fn within_variant(path: &str) -> Option<&str> {
    // A variant's name may have dots.
    let dots =
        path.strip_prefix(VARIANTS)?.match_indices('.').skip(1).map(|(dot, _)| VARIANTS.len() + dot + 1);
    dots.map(|start| &path[start..]).find(|rest| find(rest).is_some())
}

impl Key {
    /// The keys that a value of this key sets: the key itself, or the parts of a shorthand.
    pub fn targets(&self) -> impl Iterator<Item = &'static Key> + '_ {
        let itself = self.parts.is_empty().then_some(self.path);
        itself.into_iter().chain(self.parts.iter().copied()).filter_map(find)
    }

    /// Whether the two keys set a common key.
    pub(crate) fn overlaps(&self, other: &Key) -> bool {
        self.targets().any(|target| other.covers(target))
    }

    /// Whether this key sets every key that `other` sets.
    pub(crate) fn covers(&self, other: &Key) -> bool {
        other.targets().all(|theirs| self.targets().any(|ours| ours.path == theirs.path))
    }

    /// Assigns a value of this key. Keys outside of config and budget change nothing.
    pub(crate) fn apply(&self, value: &Value, run: &mut BudgetedConfig) {
        for target in self.targets() {
            if let Some(field) = &target.field {
                field.set(run, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Effect, RECIPE};

    #[test]
    fn every_path_stands_once_in_the_table() {
        for key in keys() {
            assert_eq!(keys().filter(|other| other.path == key.path).count(), 1, "{}", key.path);
        }
    }

    #[test]
    fn every_part_of_a_shorthand_is_a_key_with_a_field() {
        for key in keys().filter(|key| !key.parts.is_empty()) {
            assert_eq!(key.targets().count(), key.parts.len(), "{}", key.path);
            assert!(key.targets().all(|part| part.field.is_some()), "{}", key.path);
            assert!(key.field.is_none() && key.default.is_none(), "{}", key.path);
        }
    }

    #[test]
    fn every_key_that_may_be_swept_reaches_the_config_or_the_budget() {
        for key in keys().filter(|key| key.is_sweepable() && key.path != RECIPE) {
            assert!(key.targets().all(|target| target.field.is_some()), "{}", key.path);
        }
    }

    #[test]
    fn every_identity_default_is_a_value_of_its_key() {
        for key in keys() {
            assert_eq!(key.identity.is_some(), key.identity_default().is_some(), "{}", key.path);
            let wants_one = matches!(key.effect, Effect::Config | Effect::Recording);
            assert_eq!(key.identity.is_some(), wants_one && key.parts.is_empty(), "{}", key.path);
        }
    }

    #[test]
    fn a_shorthand_covers_its_parts_and_not_the_other_way_round() {
        let both = find("optimizer.lr").unwrap();
        let generator = find("optimizer.generator.lr").unwrap();
        let discriminator = find("optimizer.discriminator.lr").unwrap();
        assert!(both.covers(generator) && !generator.covers(both));
        assert!(both.overlaps(generator) && generator.overlaps(both));
        assert!(!generator.overlaps(discriminator));
    }

    #[test]
    fn tables_are_known_down_to_the_axes() {
        for path in [
            "data",
            "model.generator",
            "sweep",
            "sweep.random",
            "sweep.random.keys",
            "sweep.grid",
            "sweep.zip.model",
        ] {
            assert!(is_table(path), "{path}");
        }
        for path in ["", "dat", "train.epochs", "sweep.grids"] {
            assert!(!is_table(path), "{path}");
        }
    }
}
