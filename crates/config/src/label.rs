//! Short forms of keys and values, for the labels of runs.

use gansweep_base::text;

use crate::Value;

/// A value in a label: a list is joined with `x`, a number has its shortest form.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Number(number) => text::exact(*number),
        Value::Text(text) => text.clone(),
        Value::Width(width) => width.to_string(),
        Value::Widths(widths) => joined(widths),
        Value::Layers(layers) => listed(layers),
        Value::Texts(texts) => joined(texts),
        Value::Integers(integers) => joined(integers),
    }
}

/// A recorded value as labels write it.
pub fn value_text(value: &serde_json::Value) -> String {
    use serde_json::Value as Json;
    match value {
        Json::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, text::exact),
        Json::String(text) => text.clone(),
        Json::Array(items) if items.iter().any(Json::is_string) => {
            listed(&items.iter().map(value_text).collect::<Vec<_>>())
        }
        Json::Array(items) => joined(&items.iter().map(value_text).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}

/// Layers have several words each.
fn listed(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn joined(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}

/// The shortest suffix of each path that no other path ends with: `lr` and `beta1` of both networks. A key of one network
/// keeps the network's name, as in `generator.lr`, so that it isn't taken for that of both.
pub fn short_keys(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| shortest_suffix(path, paths).to_owned()).collect()
}

fn shortest_suffix<'p>(path: &'p str, all: &[&str]) -> &'p str {
    let network = [".generator.", ".discriminator."].iter().find_map(|name| path.rfind(name));
    let starts = path.rmatch_indices('.').map(|(dot, _)| dot + 1);
    let starts = starts.filter(|start| network.is_none_or(|dot| *start <= dot + 1));
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
    use crate::NetworkLayer;

    #[test]
    fn a_recorded_value_has_the_text_of_the_value_itself() {
        let values = [
            Value::Bool(true),
            Value::Integer(3),
            Value::Number(1e-4),
            Value::Number(2.0),
            Value::Text("tanh".to_owned()),
            Value::Widths(vec![64, 32]),
            Value::Integers(vec![5]),
            Value::Layers(vec![
                NetworkLayer::Linear { outputs: 3, bias: true },
                NetworkLayer::LeakyRelu(0.0),
            ]),
        ];
        for one in values {
            assert_eq!(value_text(&one.to_json()), value(&one));
        }
    }

    #[test]
    fn keys_are_as_short_as_they_can_be_told_apart() {
        assert_eq!(short_keys(&["optimizer.lr", "model.hidden"]), ["lr", "hidden"]);
        assert_eq!(
            short_keys(&["optimizer.generator.lr", "optimizer.discriminator.lr", "recipe"]),
            ["generator.lr", "discriminator.lr", "recipe"]
        );
        assert_eq!(short_keys(&["optimizer.generator.lr"]), ["generator.lr"]);
        assert_eq!(short_keys(&["optimizer.lr", "lr"]), ["optimizer.lr", "lr"]);
    }
}
