//! Variants whose dataset was replaced by the fallback.

use gansweep_config::Assignment;
use serde_json::Value;

use crate::result::ReplacedData;
use crate::values::MeasuredRun;

/// The variants whose runs train on another dataset than the variant sets. Labels have the names of variants alone, which would hide
/// it. `axes` are those of the sweep's record.
pub(super) fn replaced(axes: &Value, runs: &[MeasuredRun]) -> Vec<ReplacedData> {
    let axes = axes.as_array().into_iter().flatten();
    let variants = axes.filter_map(|axis| axis["variants"].as_array()).flatten();
    let replaced = |variant: &Value| {
        let name = variant["name"].as_str()?;
        let sets: Vec<Assignment> = serde_json::from_value(variant["sets"].clone()).ok()?;
        let asked = sets.iter().find(|set| set.key == "data.dataset")?.value.as_str()?.to_owned();
        let is_own =
            |run: &&MeasuredRun| run.row.assignments.iter().any(|it| it.key == "variant" && it.value == name);
        let used = runs.iter().find(is_own)?.row.config["data"]["dataset"].as_str()?.to_owned();
        (used != asked).then(|| ReplacedData { variant: name.to_owned(), asked, used })
    };
    variants.filter_map(replaced).collect()
}
