//! Values formatted for display.

use gansweep_base::host;
use gansweep_base::text::exact;
pub(super) use gansweep_base::text::{measured, seconds};
use serde_json::Value;

use crate::context::Timestamp;

/// A configured value. Numbers in their shortest exact form, lists as in run labels: `256x512`.
pub(super) fn of_value(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
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

/// A deviation: more than two significant digits of it mean nothing for a few runs.
pub(super) fn two_digits(value: f64) -> String {
    measured(format!("{value:.1e}").parse().unwrap_or(value))
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
        assert_eq!(shown(json!(true)), "yes");
        assert_eq!(shown(json!("tanh")), "tanh");
    }
}
