//! The variants of a sweep, from its record.

use gansweep_config::Assignment;
use serde_json::Value;

use super::text;
use crate::context::{Setting, Variant};

/// What each variant sets.
pub(super) fn variants(axes: &Value) -> Vec<Variant> {
    let axes = axes.as_array().into_iter().flatten();
    // Axes of other keys have no such list.
    let variants = axes.filter_map(|axis| axis["variants"].as_array()).flatten();
    let variant = |variant: &Value| {
        let sets: Vec<Assignment> = serde_json::from_value(variant["sets"].clone()).unwrap_or_default();
        let setting = |Assignment { key, value }| Setting { text: text::of_value(&value), key };
        Variant { name: text::of_value(&variant["name"]), settings: sets.into_iter().map(setting).collect() }
    };
    variants.map(variant).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variant_has_its_settings_and_other_axes_have_none() {
        let axes = json!([
            {"key": "variant", "values": ["clip"], "variants": [
                {"name": "clip", "sets": [
                    {"key": "loss.weight_clip", "value": 0.01}, {"key": "model.batch_norm", "value": true},
                ]},
                {"name": "plain", "sets": []},
            ]},
            {"key": "optimizer.lr", "values": [1e-4, 1e-3]},
        ]);
        let setting = |key: &str, text: &str| Setting { key: key.to_owned(), text: text.to_owned() };
        let settings = vec![setting("loss.weight_clip", "0.01"), setting("model.batch_norm", "true")];
        let variant = |name: &str, settings| Variant { name: name.to_owned(), settings };
        assert_eq!(variants(&axes), [variant("clip", settings), variant("plain", Vec::new())]);
        assert_eq!(variants(&json!([])), []);
    }
}
