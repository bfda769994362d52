//! Short forms of values and keys, for labels and messages.

use crate::Value;

/// A number in the shorter of its plain and its scientific form: `0.5`, `1e-4`; one of up to five
/// digits before the point in its plain form: `1000`.
pub(crate) fn number(number: f64) -> String {
    let plain = number.to_string();
    let scientific = format!("{number:e}");
    let familiar = (1.0..1e5).contains(&number.abs());
    if scientific.len() < plain.len() && !familiar { scientific } else { plain }
}

/// A value in a label: lists are joined by `x`, numbers are short.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Number(value) => number(*value),
        Value::Text(text) => text.clone(),
        Value::Width(width) => width.to_string(),
        Value::Widths(widths) => joined(widths),
        Value::Texts(texts) => joined(texts),
        Value::Integers(integers) => joined(integers),
    }
}

fn joined(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}

/// For each key the fewest of its last components that no other of the keys ends with:
/// `lr` and `beta1`, but `generator.lr` and `discriminator.lr`.
pub(crate) fn keys(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| shortest_suffix(path, paths).to_owned()).collect()
}

fn shortest_suffix<'p>(path: &'p str, all: &[&str]) -> &'p str {
    let starts = path.rmatch_indices('.').map(|(dot, _)| dot + 1);
    let unique = |start: &usize| {
        let suffix = &path[*start..];
        let ends_so = |other: &str| other == suffix || other.ends_with(&format!(".{suffix}"));
        all.iter().filter(|other| ends_so(other)).count() == 1
    };
    &path[starts.into_iter().find(unique).unwrap_or(0)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_shorter_form() {
        let shown =
            [0.0, 1e-4, 2e-4, 0.001, 0.01, 0.5, 1.0, 0.9, 0.999, 1.5e-5, 123.25, 1e3, 1e6].map(number);
        assert_eq!(
            shown,
            [
                "0", "1e-4", "2e-4", "1e-3", "0.01", "0.5", "1", "0.9", "0.999", "1.5e-5", "123.25", "1000",
                "1e6"
            ]
        );
    }

    #[test]
    fn keys_are_as_short_as_they_can_be_told_apart() {
        assert_eq!(keys(&["optimizer.lr", "model.hidden"]), ["lr", "hidden"]);
        assert_eq!(
            keys(&["optimizer.generator.lr", "optimizer.discriminator.lr", "recipe"]),
            ["generator.lr", "discriminator.lr", "recipe"]
        );
        assert_eq!(keys(&["optimizer.generator.lr"]), ["lr"]);
    }
}
