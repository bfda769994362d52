//! The reference of the experiment file is written from the table of keys.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use gansweep_config::schema::{Key, keys};
use gansweep_config::{LoadOptions, recipes};

use crate::common::{load, load_with};

const TEMPLATE: &str = include_str!("experiment-file.md");
const TABLES: [&str; 13] = [
    "",
    "data",
    "model",
    "model.generator",
    "model.discriminator",
    "loss",
    "penalty",
    "augment",
    "optimizer",
    "train",
    "record",
    "execution",
    "execution.slurm",
];

/// The table in which a key is documented; `optimizer` has its parts with it.
fn table_of(key: &Key) -> &'static str {
    let table = key.path.rsplit_once('.').map_or("", |(table, _)| table);
    if table.starts_with("optimizer") { "optimizer" } else { table }
}

fn keys_of(table: &str) -> String {
    let mut rows = String::from("| key | values | default | meaning |\n|---|---|---|---|\n");
    for key in keys().filter(|key| table_of(key) == table) {
        let default = key.default.map_or_else(|| "-".to_owned(), |default| format!("`{default}`"));
        let values = key.kind.to_string();
        // Words are code; the quotes within an example of code stay.
        let values = if values.contains('`') { values } else { values.replace('"', "`") };
        let _ = writeln!(rows, "| `{}` | {values} | {default} | {} |", key.path, key.doc);
    }
    rows
}

/// One column per recipe, one row per key in which recipes differ from each other.
fn recipe_values() -> String {
    let all = recipes::NAMES.map(|name| load(&format!("recipe = \"{name}\"")));
    let mut rows =
        format!("| key | `{}` |\n|---|{}\n", recipes::NAMES.join("` | `"), "---|".repeat(all.len()));
    for (index, resolved) in
        all[0].resolved.iter().enumerate().filter(|(_, resolved)| resolved.key != "recipe")
    {
        let values = all.each_ref().map(|experiment| experiment.resolved[index].value.to_string());
        if values.iter().any(|value| *value != values[0]) {
            let _ = writeln!(rows, "| `{}` | {} |", resolved.key, values.join(" | ").replace('"', ""));
        }
    }
    rows
}

fn generated() -> String {
    let mut text = TEMPLATE.replace("<!-- recipes -->\n", &recipe_values());
    for table in TABLES.iter().chain(&["sweep", "sweep.random", "search", "prune"]) {
        text = text.replace(&format!("<!-- keys {table} -->\n"), &keys_of(table));
    }
    text
}

#[test]
fn the_reference_says_what_the_table_of_keys_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/experiment-file.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, generated()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == generated(),
        "docs/experiment-file.md has fallen behind: run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn the_reference_has_every_key() {
    let text = generated();
    assert!(!text.contains("<!-- keys") && !text.contains("<!-- recipes"));
    for key in keys() {
        assert!(text.contains(&format!("| `{}` |", key.path)), "{}", key.path);
    }
}

#[test]
fn every_example_of_the_reference_is_right() {
    let examples: Vec<&str> =
        TEMPLATE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() > 5);
    for example in examples {
        load_with(example, &LoadOptions::default()).unwrap_or_else(|faults| panic!("{example}\n{faults}"));
    }
}
