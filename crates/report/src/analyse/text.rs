//! Values formatted for display.

use gansweep_base::host;
use gansweep_base::text::exact;
pub(super) use gansweep_base::text::{measured, seconds};
use serde_json::Value;

use crate::context::{FormattedNumber, Number, Timestamp};

/// A configured value. Numbers in their shortest exact form, lists as in run labels: `256x512`.
pub(super) fn of_value(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, exact),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            // Layers have several words each.
            let separator = if items.iter().any(Value::is_string) { ", " } else { "x" };
            let items: Vec<String> = items.iter().map(of_value).collect();
            items.join(separator)
        }
        Value::Object(_) => value.to_string(),
    }
}

/// The number of decimals for a column of measured numbers: four significant digits of its median, and no more than any of
/// its values needs.
pub(super) fn decimals(values: impl Iterator<Item = f64>) -> usize {
    /// Smaller numbers are written with an exponent.
    const MOST: i32 = 6;
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let decimals_of = |value: &f64| {
        let text = measured(*value);
        if text.contains('e') { 0 } else { text.split_once('.').map_or(0, |(_, after)| after.len()) }
    };
    let needed = values.iter().map(decimals_of).max().unwrap_or_default();
    let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).filter(|size| *size > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or(1.0);
    let fitting = (3 - median.log10().floor() as i32).clamp(0, MOST) as usize;
    needed.min(fitting)
}

/// Writes a measured number with `decimals` decimals, but no more than six digits where it has them before the point. One that would read as zero, or needs more than six digits, has an exponent, as in [`measured`]. The page's scripts
/// write numbers in the same way (`numbers.js`).
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    // Values of the page are rounded to six digits.
    let whole = value.abs().max(1.0).log10() as usize;
    let decimals = decimals.min(5_usize.saturating_sub(whole));
    let text = format!("{value:.decimals$}");
    let vanishes = value != 0.0 && !text.contains(|digit| ('1'..='9').contains(&digit));
    if !value.is_finite() || value.abs() >= 1e6 || vanishes { measured(value) } else { text }
}

/// The same with its value, for the page's scripts.
pub(super) fn number(value: f64, decimals: usize) -> FormattedNumber {
    FormattedNumber { value: Number::rounded(value), text: fixed(value, decimals) }
}

/// A time in milliseconds since 1970-01-01T00:00:00Z, and as text.
pub(crate) fn timestamp(unix_ms: i64) -> Timestamp {
    Timestamp { unix_ms, utc: host::utc(unix_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_of_a_column_have_as_many_decimals_as_its_median_needs() {
        let column = |values: &[f64]| {
            let decimals = decimals(values.iter().copied());
            values.iter().map(|value| fixed(*value, decimals)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(column(&[9.123_4, 12.345, 100.2]), "9.12 12.35 100.20");
        assert_eq!(column(&[0.5, 0.25, 0.75]), "0.50 0.25 0.75");
        assert_eq!(column(&[7.0, 10.0, 8.0]), "7 10 8");
        assert_eq!(column(&[0.9712, 5.399, 2.5, 1_071.843]), "0.971 5.399 2.500 1071.84");
        assert_eq!(column(&[0.5, 0.612_34, 1e9, 0.7]), "0.5000 0.6123 1e9 0.7000");
        assert_eq!(column(&[0.5, 1.5e-7, 0.0, f64::NAN, -0.25]), "0.50 1.5e-7 0.00 NaN -0.25");
        assert_eq!(column(&[]), "");
    }

    #[test]
    fn configured_values_are_short_and_exact() {
        let shown = |value| of_value(&value);
        assert_eq!(shown(json!(0.0001)), "1e-4");
        assert_eq!(shown(json!(0.00035)), "3.5e-4");
        assert_eq!(shown(json!(0.9)), "0.9");
        assert_eq!(shown(json!(60_000)), "60000");
        assert_eq!(shown(json!(0.001)), "1e-3");
        assert_eq!(shown(json!([256, 512])), "256x512");
        assert_eq!(shown(json!(["linear 784", "relu"])), "linear 784, relu");
        assert_eq!(shown(json!([])), "none");
        assert_eq!(shown(json!(true)), "true", "as in experiment files, labels and tables");
        assert_eq!(shown(json!("tanh")), "tanh");
    }
}
