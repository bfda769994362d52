//! The layout of the runs' sample grids.

use std::collections::BTreeMap;

use crate::context::{Axis, GridLayout, Heading, Run};

/// The most values of a single key that stand side by side.
const WIDEST: usize = 6;

/// The label of runs to which a key does not apply, such as the weight of a penalty where there is none.
const NO_VALUE: &str = "none";

/// Lays out the runs as a matrix over one or two swept keys, if that fills enough of the matrix.
/// Keys that vary together (a zip) count as one. Otherwise all runs share one cell, in this order.
pub(super) fn grid_layout(runs: &[Run], axes: &[Axis], order: Vec<usize>) -> GridLayout {
    let varied: Vec<usize> = (0..axes.len()).filter(|axis| axes[*axis].values.len() > 1).collect();
    let dimensions = dimensions(runs, axes, &varied);
    let layout = match dimensions.as_slice() {
        // A long key goes downwards, where a page has room.
        [one] if one.labels.len() > WIDEST => Some(matrix(runs, Some(one), &seeds(runs))),
        [one] => Some(matrix(runs, Some(&seeds(runs)), one)),
        [first, second] => {
            let (rows, columns) =
                if first.labels.len() >= second.labels.len() { (first, second) } else { (second, first) };
            Some(matrix(runs, Some(rows), columns))
        }
        _ => None,
    };
    layout.filter(is_filled).unwrap_or_else(|| in_order(order))
}

/// One dimension of the matrix: its heading, and each run's index along it.
struct Dimension {
    title: String,
    labels: Vec<String>,
    places: Vec<usize>,
}

fn dimensions(runs: &[Run], axes: &[Axis], varied: &[usize]) -> Vec<Dimension> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for axis in varied {
        match groups.iter_mut().find(|group| vary_together(runs, group[0], *axis)) {
            Some(group) => group.push(*axis),
            None => groups.push(vec![*axis]),
        }
    }
    groups.iter().map(|group| dimension(runs, axes, group)).collect()
}

/// Whether the values of two axes are in one-to-one correspondence.
fn vary_together(runs: &[Run], one: usize, other: usize) -> bool {
    let (mut forth, mut back) = (BTreeMap::new(), BTreeMap::new());
    runs.iter().all(|run| {
        let (here, there) = (run.values[one], run.values[other]);
        *forth.entry(here).or_insert(there) == there && *back.entry(there).or_insert(here) == here
    })
}

fn dimension(runs: &[Run], axes: &[Axis], group: &[usize]) -> Dimension {
    let lead = group[0];
    let label = |place: usize| {
        let example = runs.iter().find(|run| run.values[lead] == Some(place));
        let text = |axis: &usize| {
            let value = example.and_then(|run| run.values[*axis])?;
            Some(axes[*axis].values[value].text.clone())
        };
        group.iter().filter_map(text).collect::<Vec<_>>().join(" · ")
    };
    let mut labels: Vec<String> = (0..axes[lead].values.len()).map(label).collect();
    // Runs to which the key does not apply come last.
    let last = labels.len();
    if runs.iter().any(|run| run.values[lead].is_none()) {
        labels.push(NO_VALUE.to_owned());
    }
    Dimension {
        title: group.iter().map(|axis| axes[*axis].short.clone()).collect::<Vec<_>>().join(" · "),
        labels,
        places: runs.iter().map(|run| run.values[lead].unwrap_or(last)).collect(),
    }
}

fn seeds(runs: &[Run]) -> Dimension {
    let mut seeds: Vec<u64> = runs.iter().map(|run| run.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    Dimension {
        title: "seed".to_owned(),
        labels: seeds.iter().map(u64::to_string).collect(),
        places: runs.iter().map(|run| seeds.partition_point(|seed| *seed < run.seed)).collect(),
    }
}

fn matrix(runs: &[Run], rows: Option<&Dimension>, columns: &Dimension) -> GridLayout {
    let rows = rows.filter(|rows| rows.labels.len() > 1);
    let height = rows.map_or(1, |rows| rows.labels.len());
    let mut cells = vec![vec![Vec::new(); columns.labels.len()]; height];
    for run in 0..runs.len() {
        let row = rows.map_or(0, |rows| rows.places[run]);
        cells[row][columns.places[run]].push(run);
    }
    GridLayout { rows: rows.map(heading), columns: Some(heading(columns)), cells }
}

fn heading(dimension: &Dimension) -> Heading {
    Heading { title: dimension.title.clone(), labels: dimension.labels.clone() }
}

/// Whether most cells have a run. A key that only matters with one value of another fills half of a small matrix; so does a
/// random search over a key and a choice of two, but of a long one.
fn is_filled(layout: &GridLayout) -> bool {
    let cells = layout.cells.iter().flatten();
    let filled = 2 * cells.clone().filter(|cell| !cell.is_empty()).count();
    let all = cells.count();
    filled > all || (filled == all && layout.cells.len() <= WIDEST)
}

fn in_order(order: Vec<usize>) -> GridLayout {
    GridLayout { rows: None, columns: None, cells: vec![vec![order]] }
}

#[cfg(test)]
mod tests {
    use gansweep_config::RunState;
    use serde_json::json;

    use super::*;
    use crate::analyse::text;
    use crate::context::{AxisValue, FormattedNumber, Number, XAxes};

    /// The layout of runs with the given value on each axis, all with the same seed.
    fn layout_of(short_names: &[&str], values: &[&[i64]]) -> GridLayout {
        let axis = |(place, short): (usize, &&str)| {
            let mut distinct: Vec<i64> = values.iter().map(|run| run[place]).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let value =
                |value| AxisValue { text: text::of_value(&json!(value)), value: json!(value), runs: 1 };
            Axis {
                key: (*short).to_owned(),
                short: (*short).to_owned(),
                values: distinct.into_iter().map(value).collect(),
                numeric: true,
            }
        };
        let axes: Vec<Axis> = short_names.iter().enumerate().map(axis).collect();
        let place =
            |axis: &Axis, value: i64| axis.values.iter().position(|known| known.value == json!(value));
        let run = |values: &&[i64]| {
            run(axes.iter().zip(*values).map(|(axis, value)| place(axis, *value)).collect())
        };
        grid_layout(&values.iter().map(run).collect::<Vec<_>>(), &axes, (0..values.len()).collect())
    }

    fn run(values: Vec<Option<usize>>) -> Run {
        Run {
            real: None,
            geometry: None,
            colored: false,
            best: None,
            id: gansweep_config::RunId::parse("0123456789abcdef").unwrap(),
            label: String::new(),
            seed: 1,
            values,
            state: RunState::Queued,
            cause: None,
            warnings: Vec::new(),
            step: 0,
            total_steps: 0,
            epochs: 0,
            seconds: FormattedNumber { value: Number(0.0), text: String::new() },
            images_per_second: None,
            value: None,
            last_values: Vec::new(),
            attempts: Vec::new(),
            grids: Vec::new(),
            classes: Vec::new(),
            averaged_grids: Vec::new(),
            x_axes: XAxes::default(),
            series: Vec::new(),
        }
    }

    #[test]
    fn keys_that_vary_together_share_a_heading() {
        let layout = layout_of(&["lr", "hidden"], &[&[1, 64], &[2, 128], &[3, 256]]);
        let columns = layout.columns.unwrap();
        assert_eq!(columns.title, "lr · hidden");
        assert_eq!(columns.labels, ["1 · 64", "2 · 128", "3 · 256"]);
        assert_eq!(layout.cells, [[[0], [1], [2]]]);
    }

    #[test]
    fn the_longer_key_goes_downwards() {
        let layout = layout_of(&["a", "b"], &[&[1, 1], &[1, 2], &[1, 3], &[2, 1], &[2, 2], &[2, 3]]);
        assert_eq!((layout.rows.unwrap().title, layout.columns.unwrap().title), ("b".into(), "a".into()));
        let long: Vec<[i64; 1]> = (0..8).map(|value| [value]).collect();
        let layout = layout_of(&["a"], &long.iter().map(<[i64; 1]>::as_slice).collect::<Vec<_>>());
        assert_eq!((layout.cells.len(), layout.cells[0].len()), (8, 1));
    }

    #[test]
    fn three_keys_fall_back_to_plan_order() {
        let layout = layout_of(&["a", "b", "c"], &[&[1, 1, 1], &[1, 1, 2], &[1, 2, 1], &[2, 1, 1]]);
        assert_eq!((layout.rows, layout.columns), (None, None));
        assert_eq!(layout.cells, [[[0, 1, 2, 3]]]);
    }

    #[test]
    fn a_matrix_that_would_be_mostly_empty_falls_back_to_plan_order() {
        let layout = layout_of(&["a", "b"], &[&[1, 5], &[2, 6], &[3, 7], &[4, 8], &[4, 5]]);
        assert_eq!(layout.columns, None);
    }

    #[test]
    fn a_matrix_may_have_gaps() {
        let layout = layout_of(&["a", "b"], &[&[1, 1], &[1, 2], &[2, 1]]);
        assert_eq!(layout.cells, [[vec![0], vec![1]], [vec![2], vec![]]]);
    }

    #[test]
    fn a_key_with_one_value_is_no_dimension() {
        let layout = layout_of(&["a", "b"], &[&[1, 1], &[1, 2]]);
        assert_eq!(layout.columns.unwrap().title, "b");
    }
}
