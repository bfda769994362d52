//! Values as people read them.

use serde_json::Value;

/// A configured value: numbers as short as they are exact, lists as in a run's label: `256x512`.
pub(super) fn of_value(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, of_exact),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(of_value).collect();
            items.join("x")
        }
        Value::Object(_) => value.to_string(),
    }
}

/// A number in full, in the shorter of its two forms: `0.5`, `1e-4`.
fn of_exact(value: f64) -> String {
    let (plain, scientific) = (format!("{value}"), format!("{value:e}"));
    if scientific.len() < plain.len() { scientific } else { plain }
}

/// A measured number in about four significant digits: `0.693`, `1.23e-5`, `NaN`.
pub(super) fn of_measured(value: f64) -> String {
    let size = value.abs();
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "∞".to_owned(),
        f64::NEG_INFINITY => "−∞".to_owned(),
        _ if size == 0.0 => "0".to_owned(),
        _ if !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        _ if size < 10.0 => format!("{value:.3}"),
        _ if size < 100.0 => format!("{value:.2}"),
        _ if size < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A span of time: `8.2 s`, `3 min 20 s`, `2 h 05 min`.
pub(super) fn of_seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
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
        assert_eq!(shown(json!(true)), "yes");
        assert_eq!(shown(json!("tanh")), "tanh");
    }

    #[test]
    fn measured_values_have_about_four_digits_and_say_when_they_are_not_finite() {
        assert_eq!(of_measured(0.123_456), "0.123");
        assert_eq!(of_measured(12.3456), "12.35");
        assert_eq!(of_measured(48_211.4), "48211");
        assert_eq!(of_measured(1.234e-7), "1.23e-7");
        assert_eq!(of_measured(f64::NAN), "NaN");
        assert_eq!(of_measured(f64::NEG_INFINITY), "−∞");
    }

    #[test]
    fn spans_of_time_use_two_units_at_most() {
        assert_eq!(of_seconds(8.25), "8.2 s");
        assert_eq!(of_seconds(200.0), "3 min 20 s");
        assert_eq!(of_seconds(7500.0), "2 h 05 min");
    }
}
