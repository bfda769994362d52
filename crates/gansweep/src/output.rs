//! Text for people: tables, short numbers, durations.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use serde_json::Value;

/// Says on stderr what went wrong.
pub(crate) fn error(message: &impl Display) {
    let tag = if stderr().is_terminal() { "\x1b[1;31merror\x1b[0m" } else { "error" };
    eprintln!("{tag}: {message}");
}

/// Says on stderr what the user should know.
pub(crate) fn warning(message: &impl Display) {
    let tag = if stderr().is_terminal() { "\x1b[1;33mwarning\x1b[0m" } else { "warning" };
    eprintln!("{tag}: {message}");
}

/// Aligned columns without lines; columns of numbers are set to the right.
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

/// A number as people write it: `0.0002` as `2e-4`, others with at most four digits.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs();
    if (1e-2..1e5).contains(&magnitude) {
        let decimals = (3 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{value:.decimals$}");
        return if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        };
    }
    shorten_exponential(&format!("{value:e}"))
}

/// Keeps four digits of the mantissa of `1.23456789e-5`.
fn shorten_exponential(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else { return text.to_owned() };
    let rounded = mantissa.parse::<f64>().map_or_else(|_| mantissa.to_owned(), |value| format!("{value:.3}"));
    format!("{}e{exponent}", rounded.trim_end_matches('0').trim_end_matches('.'))
}

/// A configured value as people write it.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Number(n) if n.is_f64() => n.as_f64().map_or_else(|| n.to_string(), number),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// `1 h 02 min`, `3 min 20 s`, `4.2 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// An amount of memory: `38 MiB`, `1.9 GiB`.
pub(crate) fn memory(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    let mib = bytes as f64 / MIB;
    if mib < 1024.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

/// `1 run`, `2 runs`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_four_digits() {
        let cases =
            [(2e-4, "2e-4"), (0.693_123, "0.6931"), (1875.0, "1875"), (1.0, "1"), (60_000.0, "60000")];
        for (input, expected) in cases {
            assert_eq!(number(input), expected);
        }
        assert_eq!(number(1.234_567_8e-7), "1.235e-7");
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(number(-0.5), "-0.5");
    }

    #[test]
    fn memory_is_in_the_unit_that_suits_it() {
        assert_eq!(memory(40_000_000), "38 MiB");
        assert_eq!(memory(2 << 30), "2.0 GiB");
    }

    #[test]
    fn durations_name_their_two_largest_units() {
        assert_eq!(duration(Duration::from_millis(4200)), "4.2 s");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(duration(Duration::from_secs(3725)), "1 h 02 min");
    }
}
