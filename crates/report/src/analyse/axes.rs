//! The swept axes and their values, collected from the runs' assignments.

use std::cmp::Ordering;
use std::collections::HashMap;

use gansweep_compare::{assigned, swept_keys};
use serde_json::Value;

use super::text;
use crate::context::{Axis, AxisValue};
use crate::input::RunInput;

/// The swept axes, in the order of the experiment file.
pub(super) fn axes(runs: &[RunInput]) -> Vec<Axis> {
    let keys = swept_keys(runs.iter().map(|run| run.assignments.as_slice()));
    keys.into_iter().map(|(key, short)| axis(key, short, runs)).collect()
}

/// For each axis, the index of the run's value; `None` if the axis does not apply to the run.
pub(super) fn positions(run: &RunInput, axes: &[Axis]) -> Vec<Option<usize>> {
    let position = |axis: &Axis| {
        let value = assigned(&run.assignments, &axis.key)?;
        let is_it = |place: &usize| axis.values[*place].value == *value;
        let sorted = || {
            axis.values.binary_search_by(|candidate| by_number(&candidate.value, value)).ok().filter(is_it)
        };
        // Equal numbers of different types are next to each other, in any order.
        let found = if axis.numeric { sorted() } else { None };
        found.or_else(|| (0..axis.values.len()).find(is_it))
    };
    axes.iter().map(position).collect()
}

fn axis(key: &str, short: String, runs: &[RunInput]) -> Axis {
    let mut values: Vec<AxisValue> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for value in runs.iter().filter_map(|run| assigned(&run.assignments, key)) {
        let place = *places.entry(value.to_string()).or_insert(values.len());
        match values.get_mut(place) {
            Some(known) => known.runs += 1,
            None => values.push(AxisValue { value: value.clone(), text: text::of_value(value), runs: 1 }),
        }
    }
    let numeric = values.iter().all(|value| value.value.is_number());
    if numeric {
        values.sort_by(|a, b| by_number(&a.value, &b.value));
    }
    Axis { key: key.to_owned(), short, values, numeric }
}

fn by_number(a: &Value, b: &Value) -> Ordering {
    let [a, b] = [a, b].map(|value| value.as_f64().unwrap_or(f64::INFINITY));
    a.total_cmp(&b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_ordered_by_size_whatever_their_json_type() {
        assert_eq!(by_number(&json!(2), &json!(10.0)), Ordering::Less);
        assert_eq!(by_number(&json!(1e-4), &json!(5e-5)), Ordering::Greater);
    }
}
