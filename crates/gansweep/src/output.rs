//! Text output: messages, tables, values.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::path::Path;

use comfy_table::{CellAlignment, Table};
use gansweep_base::text;
use serde_json::Value;

/// Prints an error to stderr.
pub(crate) fn error(message: &impl Display) {
    let tag = if stderr().is_terminal() { "\x1b[1;31merror\x1b[0m" } else { "error" };
    eprintln!("{tag}: {message}");
}

/// Prints a warning to stderr.
pub(crate) fn warning(message: &impl Display) {
    let tag = if stderr().is_terminal() { "\x1b[1;33mwarning\x1b[0m" } else { "warning" };
    eprintln!("{tag}: {message}");
}

/// The notice that no run uses the folder of images that an experiment names.
pub(crate) fn unused_data_path(path: &Path) -> String {
    format!(
        "no run trains on the images in {}; `data.path` is the folder of `data.dataset = \"idx\"`",
        path.display()
    )
}

/// The notice that a sweep becomes that of another experiment file.
pub(crate) fn other_file(name: &str, before: &str, now: &Path) -> String {
    format!(
        "sweep {name} was last recorded from {before}, and {} has other content: the sweep and its page become those of \
         this file, and runs that it does not have stay in the database alone; give one of the files another `name` \
         to keep both sweeps",
        now.display()
    )
}

/// A table without borders. Columns of numbers are right-aligned.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let numeric = |column: usize| {
        let mut cells =
            rows.iter().map(|row| row[column].as_str()).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.parse::<f64>().is_ok())
    };
    let right: Vec<usize> = (0..header.len()).filter(|&column| numeric(column)).collect();
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A configured value, as in experiment files.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Number(n) if n.is_f64() => n.as_f64().map_or_else(|| n.to_string(), text::exact),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A memory size: `38 MiB`, `1.9 GiB`.
pub(crate) fn memory(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    let mib = bytes as f64 / MIB;
    if mib < 1024.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_sizes_are_in_mib_or_gib() {
        assert_eq!(memory(40_000_000), "38 MiB");
        assert_eq!(memory(2 << 30), "2.0 GiB");
    }
}
