//! The values of a TOML table, each with the full path of its key.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::schema;

/// A value that is not a table of keys, with its full path and the place of its key.
pub(crate) struct Leaf<'l> {
    pub(crate) path: String,
    pub(crate) at: Range<usize>,
    pub(crate) value: &'l Spanned<DeValue<'l>>,
}

/// The values in a table and in the tables of keys below it, in the order of the text.
pub(crate) fn leaves<'l>(prefix: &str, table: &'l DeTable<'l>) -> Vec<Leaf<'l>> {
    let mut leaves = Vec::new();
    for (name, value) in table {
        let path = if prefix.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{prefix}.{}", name.get_ref())
        };
        match value.get_ref().as_table() {
            Some(inner) if schema::is_table(&path) => leaves.extend(self::leaves(&path, inner)),
            _ => leaves.push(Leaf { path, at: name.span(), value }),
        }
    }
    // The TOML parser sorts tables by name; faults and axes keep the order of the file.
    leaves.sort_by_key(|leaf| leaf.at.start);
    leaves
}
