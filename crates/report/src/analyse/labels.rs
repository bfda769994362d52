//! Labels of runs and configs. They are often cut to the room that there is, so what tells most apart comes first, and what
//! all runs share is left out.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::context::{Axis, Run};

/// What labels name, and in which order.
pub(super) struct Labels<'a> {
    axes: &'a [Axis],
    /// Indices of the named axes.
    named: Vec<usize>,
    names_seed: bool,
}

impl<'a> Labels<'a> {
    /// The labels of these runs. Where all runs share everything, they name everything.
    pub(super) fn of(runs: &[Run], axes: &'a [Axis]) -> Self {
        let kinds = |axis: usize| runs.iter().map(|run| run.values[axis]).collect::<BTreeSet<_>>().len();
        let all: Vec<(usize, usize)> = (0..axes.len()).map(|axis| (axis, kinds(axis))).collect();
        let mut differing: Vec<(usize, usize)> =
            all.iter().copied().filter(|(_, kinds)| *kinds > 1).collect();
        // A stable sort by the size of the number: keys with about as many values stay in the order of the experiment file.
        differing.sort_by_key(|(_, kinds)| Reverse(kinds.ilog2()));
        let named = if differing.is_empty() { all } else { differing };
        let seeds: BTreeSet<u64> = runs.iter().map(|run| run.seed).collect();
        Self { axes, named: named.into_iter().map(|(axis, _)| axis).collect(), names_seed: seeds.len() > 1 }
    }

    /// The keys that differ and their values: `lr=1e-4 hidden=128`; empty where nothing is swept.
    pub(super) fn config(&self, run: &Run) -> String {
        self.parts(run).join(" ")
    }

    /// As of a config, with the seed where it differs or is all there is: `lr=1e-4 seed=0`.
    pub(super) fn run(&self, run: &Run) -> String {
        let mut parts = self.parts(run);
        if self.names_seed || parts.is_empty() {
            parts.push(format!("seed={}", run.seed));
        }
        parts.join(" ")
    }

    /// The place of a key in labels; those that they leave out come last.
    pub(super) fn place(&self, key: &str) -> usize {
        self.named.iter().position(|axis| self.axes[*axis].key == key).unwrap_or(self.named.len())
    }

    fn parts(&self, run: &Run) -> Vec<String> {
        let part = |axis: &usize| {
            let place = run.values[*axis]?;
            let axis = &self.axes[*axis];
            Some(format!("{}={}", axis.short, axis.values[place].text))
        };
        self.named.iter().filter_map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::analyse::configs::tests::run as input;
    use crate::analyse::groups::Groups;
    use crate::analyse::runs;
    use crate::context::AxisValue;

    fn axis(short: &str, values: &[&str]) -> Axis {
        let value = |text: &&str| AxisValue { value: json!(text), text: (*text).to_owned(), runs: 1 };
        Axis {
            key: short.to_owned(),
            short: short.to_owned(),
            values: values.iter().map(value).collect(),
            numeric: false,
        }
    }

    fn labels(axes: &[Axis], values: &[&[Option<usize>]], seeds: &[u64]) -> Vec<String> {
        let run = |(values, seed): (&&[Option<usize>], &u64)| {
            let shown = runs::run(&input(json!({})), &[], &[], &[], &[], &Groups::default());
            Run { values: values.to_vec(), seed: *seed, ..shown }
        };
        let runs: Vec<Run> = values.iter().zip(seeds).map(run).collect();
        let labels = Labels::of(&runs, axes);
        runs.iter().map(|run| labels.run(run)).collect()
    }

    #[test]
    fn what_tells_most_runs_apart_comes_first_and_what_all_share_is_left_out() {
        let axes = [axis("kind", &["a", "b"]), axis("clip", &["1"]), axis("lr", &["x", "y", "z", "w"])];
        let values: [&[Option<usize>]; 4] = [
            &[Some(0), Some(0), Some(0)],
            &[Some(1), Some(0), Some(1)],
            &[Some(0), Some(0), Some(2)],
            &[Some(0), Some(0), Some(3)],
        ];
        assert_eq!(
            labels(&axes, &values, &[7; 4]),
            ["lr=x kind=a", "lr=y kind=b", "lr=z kind=a", "lr=w kind=a"]
        );
        assert_eq!(labels(&axes, &values, &[1, 2, 1, 1])[0], "lr=x kind=a seed=1");
        // Of two keys with three and two values, the first in the file comes first.
        assert_eq!(labels(&axes, &values[..3], &[7; 3])[0], "kind=a lr=x");
    }

    #[test]
    fn a_key_that_some_runs_lack_tells_them_apart() {
        let axes = [axis("weight", &["10"])];
        assert_eq!(labels(&axes, &[&[Some(0)], &[None]], &[1, 1]), ["weight=10", "seed=1"]);
    }

    #[test]
    fn runs_that_share_everything_are_named_by_everything() {
        assert_eq!(labels(&[axis("lr", &["x"])], &[&[Some(0)]], &[3]), ["lr=x"]);
        assert_eq!(labels(&[], &[&[]], &[3]), ["seed=3"]);
    }
}
