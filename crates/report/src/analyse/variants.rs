//! The variants of a sweep, from its record.

use gansweep_config::Assignment;
use serde_json::Value;

use super::text;
use crate::context::{Setting, Variant};

/// What each variant sets. Of a search, a variant that several trials have stands once.
pub(super) fn variants(axes: &Value) -> Vec<Variant> {
    let mut variants: Vec<Variant> = Vec::new();
    for axis in axes.as_array().into_iter().flatten() {
        // Axes of other keys have no such list.
        let (Some(names), Some(sets)) = (axis["values"].as_array(), axis["sets"].as_array()) else {
            continue;
        };
        for (name, set) in names.iter().zip(sets) {
            let name = text::of_value(name);
            if !variants.iter().any(|known| known.name == name) {
                variants.push(Variant { name, settings: settings(set) });
            }
        }
    }
    variants
}

fn settings(set: &Value) -> Vec<Setting> {
    let set: Vec<Assignment> = serde_json::from_value(set.clone()).unwrap_or_default();
    set.into_iter().map(|Assignment { key, value }| Setting { text: text::of_value(&value), key }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variant_stands_once_and_other_axes_have_none() {
        let clip =
            json!([{"key": "loss.weight_clip", "value": 0.01}, {"key": "model.batch_norm", "value": true}]);
        let axes = json!([
            {"key": "variant", "values": ["clip", "plain", "clip"], "sets": [clip, [], clip]},
            {"key": "optimizer.lr", "values": [1e-4, 1e-3]},
        ]);
        let setting = |key: &str, text: &str| Setting { key: key.to_owned(), text: text.to_owned() };
        let settings = vec![setting("loss.weight_clip", "0.01"), setting("model.batch_norm", "yes")];
        let variant = |name: &str, settings| Variant { name: name.to_owned(), settings };
        assert_eq!(variants(&axes), [variant("clip", settings), variant("plain", Vec::new())]);
        assert_eq!(variants(&json!([])), []);
    }
}
