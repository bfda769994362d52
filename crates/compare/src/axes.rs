//! The swept keys.

use gansweep_base::spelling::did_you_mean;
use gansweep_config::{Assignment, AxisKind, short_keys};
use gansweep_store::RunRow;
use serde_json::Value;

use crate::CompareError;

/// The budget: a run is compared at one of its budgets, so this key divides no configs unless the request names it.
pub(super) const EPOCHS: &str = "train.epochs";

/// A swept key.
pub(super) struct SweptAxis {
    /// The full key.
    pub(super) key: String,
    /// The short name in labels.
    pub(super) short: String,
    /// How it combines with the others.
    pub(super) kind: AxisKind,
    /// Whether it is no axis of the sweep: a budget that recipes or variants bring.
    pub(super) is_implied: bool,
}

impl SweptAxis {
    /// Whether the values of both keys change together, so that their effects cannot be separated by pairs.
    pub(super) fn is_tied_to(&self, other: &Self) -> bool {
        let brings =
            |own: &Self, other: &Self| own.is_implied && ["recipe", "variant"].contains(&&*other.key);
        self.key == other.key
            || (self.kind == other.kind && self.kind != AxisKind::Grid)
            || brings(self, other)
            || brings(other, self)
    }
}

/// The runs, with their budgets among their values where budgets differ and are no axis: recipes and variants may bring their own.
pub(super) fn with_budgets(mut rows: Vec<RunRow>) -> Vec<RunRow> {
    let differ = rows.windows(2).any(|pair| pair[0].epochs != pair[1].epochs);
    if differ && rows.iter().all(|row| assigned(&row.assignments, EPOCHS).is_none()) {
        for row in &mut rows {
            row.assignments.push(Assignment { key: EPOCHS.to_owned(), value: row.epochs.into() });
        }
    }
    rows
}

/// The keys that the runs have, in the order of the plan. `recorded` are the axes of the sweep's record, which also
/// says how they combine.
pub(super) fn read(recorded: &Value, rows: &[RunRow]) -> Vec<SweptAxis> {
    let is_recorded = |key: &str| recorded.as_array().into_iter().flatten().any(|axis| axis["key"] == key);
    let axis = |(key, short): (&str, String)| SweptAxis {
        key: key.to_owned(),
        short,
        kind: kind(recorded, key),
        is_implied: key == EPOCHS && !is_recorded(key),
    };
    swept_keys(rows.iter().map(|row| row.assignments.as_slice())).into_iter().map(axis).collect()
}

/// The keys that are assigned in any of the runs, each with its short name, in the order of their first assignment.
pub fn swept_keys<'a>(runs: impl IntoIterator<Item = &'a [Assignment]>) -> Vec<(&'a str, String)> {
    let mut keys: Vec<&str> = Vec::new();
    for assignment in runs.into_iter().flatten() {
        if !keys.contains(&assignment.key.as_str()) {
            keys.push(&assignment.key);
        }
    }
    let shorts = short_keys(&keys);
    keys.into_iter().zip(shorts).collect()
}

fn kind(recorded: &Value, key: &str) -> AxisKind {
    let mut axes = recorded.as_array().into_iter().flatten();
    let axis = axes.find(|axis| axis["key"] == key);
    let named = |kind: &AxisKind| axis.is_some_and(|axis| axis["kind"] == kind.name());
    AxisKind::ALL.into_iter().find(named).unwrap_or(AxisKind::Grid)
}

/// The full keys of those that a request names: in full, in short, or by an end that no other key has.
pub(super) fn named(by: &[String], axes: &[SweptAxis], sweep: &str) -> Result<Vec<String>, CompareError> {
    let find = |name: &String| {
        let named = axes.iter().find(|axis| axis.key == *name || axis.short == *name);
        let end = format!(".{name}");
        let mut ending = axes.iter().filter(|axis| axis.key.ends_with(&end));
        let only = ending.next().filter(|_| ending.next().is_none());
        named.or(only).map(|axis| axis.key.clone()).ok_or_else(|| CompareError::NotSwept {
            sweep: sweep.to_owned(),
            key: name.clone(),
            swept: axes.iter().map(|axis| axis.key.clone()).collect(),
            suggestion: did_you_mean(name, axes.iter().flat_map(|axis| [axis.short.as_str(), &axis.key])),
        })
    };
    by.iter().map(find).collect()
}

/// The value of a swept key in a run; `None` if the key is not among its assignments.
pub fn assigned<'a>(assignments: &'a [Assignment], key: &str) -> Option<&'a Value> {
    assignments.iter().find(|assignment| assignment.key == key).map(|assignment| &assignment.value)
}
