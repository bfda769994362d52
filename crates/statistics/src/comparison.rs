//! Comparison of groups of runs: which is best, and whether the others are worse.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::holm::holm;
use crate::permutation::{PermutationTest, sign_flip, smallest_sign_flip, smallest_two_sample, two_sample};
use crate::sample::{Interval, Sample, welch};

/// Probability that intervals cover the value that they estimate.
pub const CONFIDENCE: f64 = 0.95;
/// Adjusted p-values up to this reject their hypothesis.
pub const ALPHA: f64 = 0.05;

/// Which values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Smaller ones.
    Lower,
    /// Larger ones.
    Higher,
}

/// A value: that of a run, or the mean of several runs that are not independent of each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// What is compared: the number of its config, from 0.
    pub group: usize,
    /// Values of different groups with the same block are a pair: the number of the seed. Where a group has several values in
    /// a block, their mean is one of the pair.
    pub block: usize,
    /// A block of blocks. Two groups that share no block are paired by these: of groups with and without a penalty, only one has
    /// a weight, so that the runs with equal values of the other keys are the pairs.
    pub outer_block: usize,
    /// The value; NaN if no run has one.
    pub value: f64,
    /// Runs without a value among those that it is of.
    pub without_value: usize,
}

/// The comparison of all groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The groups: the best mean first, those without a value last; in the order of their numbers if no value is
    /// better than another.
    pub groups: Vec<GroupResult>,
    /// What follows from the tests.
    pub verdict: Verdict,
}

/// A group in a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupResult {
    /// Its number.
    pub group: usize,
    /// Number of finite values.
    pub count: usize,
    /// Runs without a value.
    pub excluded: usize,
    /// Mean of the finite values.
    pub mean: Option<f64>,
    /// Their standard deviation.
    pub deviation: Option<f64>,
    /// The t-interval of the mean.
    pub interval: Option<Interval>,
    /// The difference from the best group; `None` for that group itself, without a value, and without a ranking.
    pub difference: Option<Difference>,
}

/// The difference of a group from the best one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// Mean of this group minus that of the best; over the pairs if there are at least two, which may have another sign
    /// where blocks are missing.
    pub mean: f64,
    /// Its t-interval: of the paired differences, else Welch's.
    pub interval: Option<Interval>,
    /// Number of blocks that both groups have a value for, or of outer blocks if they share no block.
    pub pairs: usize,
    /// Whether the test flips the signs of paired differences; else it permutes all values of both groups.
    pub is_paired_test: bool,
    /// The test.
    pub test: PermutationTest,
    /// Its p-value by Holm's method over all comparisons with the best.
    pub adjusted_p: f64,
}

/// What follows from the tests.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Verdict {
    /// Neither direction is better.
    NotRanked,
    /// The groups are ranked and not tested: see [`Comparison::leave_untested`].
    Untested,
    /// No group has a value.
    NoValue,
    /// Only one group has a value.
    OneGroup,
    /// No values of these numbers could reject any hypothesis.
    TooFew {
        /// The smallest p-value that any of the tests can have.
        smallest: f64,
        /// Number of comparisons with the best.
        comparisons: usize,
        /// Runs of each group from which on the tests can tell; `None` if no number is enough for these groups.
        enough: Option<usize>,
    },
    /// All other groups are worse than the best.
    Winner {
        /// The largest adjusted p-value.
        largest_p: f64,
    },
    /// They are worse than those runs of the best that have a value, and some have none. Its mean is that of the runs that did
    /// not fail.
    BestHasFailures {
        /// The largest adjusted p-value.
        largest_p: f64,
    },
    /// Some groups cannot be told from the best.
    NoClearWinner {
        /// These, in the order of their means.
        tied: Vec<usize>,
    },
}

/// Compares groups by the means of their finite values, and each with the best.
///
/// The hypotheses that a group is as good as the best are tested by exact permutation and adjusted by Holm's
/// method. Where the groups share blocks, the test flips the signs of the paired differences if these are
/// enough for it to reject; the choice depends on the numbers of runs only. Else it permutes all values, which has
/// more arrangements, and with shared blocks errs on the safe side if values of one block tend to be alike.
///
/// That the best group is selected by the same data does not spoil the result: a group whose values have the same
/// distribution as those of the best is rejected with probability [`ALPHA`] at most, because each group is compared with at
/// most all others (Gupta 1965). Of distributions that differ, the means may rank otherwise than a few values do: a group
/// that collapses in one of ten runs may have the better values, and the worse mean.
pub fn compare(measurements: &[Measurement], better: Option<Better>) -> Comparison {
    let mut all: BTreeMap<usize, Vec<&Measurement>> = BTreeMap::new();
    for measurement in measurements {
        all.entry(measurement.group).or_default().push(measurement);
    }
    let mut groups: Vec<Group> = all.into_iter().map(|(number, runs)| Group::new(number, &runs)).collect();
    let Some(better) = better else {
        let verdict = if groups.iter().any(|group| group.sample.count() > 0) {
            Verdict::NotRanked
        } else {
            Verdict::NoValue
        };
        return Comparison { groups: groups.iter().map(|group| group.result(None)).collect(), verdict };
    };
    groups.sort_by(|a, b| a.place(better).total_cmp(&b.place(better)));
    let rest = groups.split_first().map_or(&[][..], |(_, rest)| rest);
    let compared = rest.iter().take_while(|group| group.sample.count() > 0).count();
    let mut differences: Vec<Option<Difference>> =
        rest.iter().map(|group| group.difference(&groups[0], compared)).collect();
    adjust(&mut differences);
    let verdict = verdict(&groups, &differences, better);
    let differences = std::iter::once(None).chain(differences);
    let groups = groups.iter().zip(differences).map(|(group, difference)| group.result(difference)).collect();
    Comparison { groups, verdict }
}

impl Comparison {
    /// Leaves out the differences and their tests, for groups whose members were chosen by earlier values.
    pub fn leave_untested(&mut self) {
        if !matches!(self.verdict, Verdict::NotRanked | Verdict::NoValue | Verdict::OneGroup) {
            self.verdict = Verdict::Untested;
        }
        for group in &mut self.groups {
            group.difference = None;
        }
    }
}

fn adjust(differences: &mut [Option<Difference>]) {
    let p: Vec<f64> = differences.iter().flatten().map(|difference| difference.test.p).collect();
    for (difference, adjusted) in differences.iter_mut().flatten().zip(holm(&p)) {
        difference.adjusted_p = adjusted;
    }
}

/// `differences` are those of all groups but the first.
fn verdict(groups: &[Group], differences: &[Option<Difference>], better: Better) -> Verdict {
    let tests: Vec<&Difference> = differences.iter().flatten().collect();
    if groups.first().is_none_or(|best| best.sample.count() == 0) {
        return Verdict::NoValue;
    }
    let comparisons = tests.len();
    if comparisons == 0 {
        return Verdict::OneGroup;
    }
    let smallest = tests.iter().map(|difference| difference.test.smallest).fold(1.0, f64::min);
    if !can_reject(smallest, comparisons) {
        return Verdict::TooFew { smallest, comparisons, enough: enough(comparisons) };
    }
    let tied = groups[1..].iter().zip(differences);
    let tied = tied.filter(|(_, it)| it.is_some_and(|difference| !difference.rejects(better)));
    let tied: Vec<usize> = tied.map(|(group, _)| group.number).collect();
    if tied.is_empty() {
        let largest_p = tests.iter().map(|difference| difference.adjusted_p).fold(0.0, f64::max);
        return match groups[0].without_value {
            0 => Verdict::Winner { largest_p },
            _ => Verdict::BestHasFailures { largest_p },
        };
    }
    Verdict::NoClearWinner { tied }
}

impl Difference {
    /// Whether the test says that the group is worse than the best: all values rank the groups, and the pairs of some of them
    /// may say the opposite.
    fn rejects(&self, better: Better) -> bool {
        let is_worse = match better {
            Better::Lower => self.mean > 0.0,
            Better::Higher => self.mean < 0.0,
        };
        is_worse && self.adjusted_p <= ALPHA
    }
}

/// Whether the smallest p-value of a test could survive the adjustment.
fn can_reject(smallest: f64, comparisons: usize) -> bool {
    // Rounding must not decide: 1/20 in the first place is 0.05.
    smallest * comparisons as f64 <= ALPHA * (1.0 + 1e-12)
}

/// Runs of each group from which on a permutation of all values could reject.
fn enough(comparisons: usize) -> Option<usize> {
    // More runs do not help: beyond the enumeration, the number of draws bounds the p-value. It is larger there than that of the
    // last enumeration.
    let rejects = |runs: &usize| can_reject(smallest_two_sample(*runs, *runs), comparisons);
    (2..=20).rev().take_while(rejects).last()
}

/// The runs of a group.
struct Group {
    number: usize,
    /// The mean of the finite values of each block.
    by_block: BTreeMap<usize, f64>,
    /// The same of each outer block.
    by_outer_block: BTreeMap<usize, f64>,
    sample: Sample,
    /// Runs without a value.
    without_value: usize,
}

impl Group {
    fn new(number: usize, runs: &[&Measurement]) -> Self {
        Self {
            number,
            by_block: means(runs, |run| run.block),
            by_outer_block: means(runs, |run| run.outer_block),
            sample: runs.iter().map(|run| run.value).collect(),
            without_value: runs.iter().map(|run| run.without_value).sum(),
        }
    }

    /// Smaller for a better group.
    fn place(&self, better: Better) -> f64 {
        match (self.sample.mean(), better) {
            (None, _) => f64::INFINITY,
            (Some(mean), Better::Lower) => mean,
            (Some(mean), Better::Higher) => -mean,
        }
    }

    fn difference(&self, best: &Self, comparisons: usize) -> Option<Difference> {
        let mut pairs = paired_differences(&self.by_block, &best.by_block);
        if pairs.is_empty() {
            pairs = paired_differences(&self.by_outer_block, &best.by_outer_block);
        }
        let is_paired_test = can_reject(smallest_sign_flip(pairs.len()), comparisons);
        let test = match is_paired_test {
            true => sign_flip(&pairs)?,
            false => two_sample(self.sample.values(), best.sample.values())?,
        };
        let paired: Sample = pairs.iter().copied().collect();
        let (mean, interval) = match pairs.len() {
            0 | 1 => {
                (self.sample.mean()? - best.sample.mean()?, welch(&self.sample, &best.sample, CONFIDENCE))
            }
            _ => (paired.mean()?, paired.interval(CONFIDENCE)),
        };
        Some(Difference { mean, interval, pairs: pairs.len(), is_paired_test, test, adjusted_p: test.p })
    }

    fn result(&self, difference: Option<Difference>) -> GroupResult {
        GroupResult {
            group: self.number,
            count: self.sample.count(),
            excluded: self.without_value,
            mean: self.sample.mean(),
            deviation: self.sample.deviation(),
            interval: self.sample.interval(CONFIDENCE),
            difference,
        }
    }
}

/// The mean of the finite values of each block.
fn means(runs: &[&Measurement], block: impl Fn(&Measurement) -> usize) -> BTreeMap<usize, f64> {
    let mut blocks: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.value.is_finite()) {
        blocks.entry(block(run)).or_default().push(run.value);
    }
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    blocks.into_iter().map(|(block, values)| (block, mean(values))).collect()
}

/// The differences in the blocks that both have.
fn paired_differences(of_group: &BTreeMap<usize, f64>, of_best: &BTreeMap<usize, f64>) -> Vec<f64> {
    let pairs = of_group.iter().filter_map(|(block, value)| Some((value, of_best.get(block)?)));
    pairs.map(|(value, of_best)| value - of_best).collect()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One row of values per group; the place in the row is the seed.
    fn measured(groups: &[&[f64]]) -> Vec<Measurement> {
        let of_group = |(group, values): (usize, &&[f64])| {
            let run = move |(block, value): (usize, &f64)| Measurement {
                group,
                block,
                outer_block: block,
                value: *value,
                without_value: usize::from(!value.is_finite()),
            };
            values.iter().enumerate().map(run).collect::<Vec<_>>()
        };
        groups.iter().enumerate().flat_map(of_group).collect()
    }

    #[test]
    fn a_group_that_all_tests_put_first_wins() {
        let runs =
            measured(&[&[9.0, 9.1, 9.2, 9.3, 9.4], &[1.0, 1.1, 1.2, 1.3, 1.4], &[5.0, 5.3, 5.1, 5.2, 5.5]]);
        let lower = compare(&runs, Some(Better::Lower));
        assert_eq!(lower.groups.iter().map(|group| group.group).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(lower.groups[0].difference, None);
        let Verdict::Winner { largest_p } = lower.verdict else { panic!("{lower:?}") };
        assert_eq!(largest_p, 2.0 / 126.0);
        let higher = compare(&runs, Some(Better::Higher));
        assert_eq!(higher.groups[0].group, 0);
        assert!((higher.groups[1].difference.unwrap().mean + 3.98).abs() < 1e-12);
    }

    #[test]
    fn groups_that_share_no_block_are_paired_by_outer_blocks() {
        // Eight draws; the runs of group 0 have two weights each, those of group 1 have none.
        let mut runs = Vec::new();
        for draw in 0..8 {
            let level = 100.0 * draw as f64;
            for (weight, value) in [4.0, 6.0].into_iter().enumerate() {
                let block = 2 * draw + weight;
                runs.push(Measurement {
                    group: 0,
                    block,
                    outer_block: draw,
                    value: level + value,
                    without_value: 0,
                });
            }
            runs.push(Measurement {
                group: 1,
                block: 100 + draw,
                outer_block: draw,
                value: level,
                without_value: 0,
            });
        }
        let comparison = compare(&runs, Some(Better::Lower));
        let difference = comparison.groups[1].difference.unwrap();
        assert_eq!((difference.mean, difference.pairs, difference.is_paired_test), (5.0, 8, true));
        assert!(matches!(comparison.verdict, Verdict::Winner { .. }), "{comparison:?}");
        // The draws differ by so much that the values by themselves tell nothing.
        for (number, run) in runs.iter_mut().enumerate() {
            run.outer_block = number;
        }
        let apart = compare(&runs, Some(Better::Lower));
        assert!(matches!(apart.verdict, Verdict::NoClearWinner { .. }), "{apart:?}");
    }

    #[test]
    fn several_runs_of_a_block_are_one_of_its_pair() {
        let run =
            |group, block, value| Measurement { group, block, outer_block: block, value, without_value: 0 };
        let mut runs = Vec::new();
        for block in 0..4 {
            runs.extend([run(0, block, 10.0 + block as f64), run(0, block, 20.0), run(1, block, 8.0)]);
        }
        let comparison = compare(&runs, Some(Better::Lower));
        let difference = comparison.groups[1].difference.unwrap();
        assert_eq!((difference.mean, difference.pairs), (7.75, 4));
        runs.reverse();
        assert_eq!(compare(&runs, Some(Better::Lower)).groups[1].difference, Some(difference));
    }

    #[test]
    fn a_group_that_is_better_in_every_pair_is_not_told_worse() {
        // Its mean is worse, because the other has more blocks, and better values there.
        let first = [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 0.0, 0.0, 0.0, 0.0];
        let comparison = compare(&measured(&[&first, &[9.0; 6]]), Some(Better::Lower));
        assert_eq!(comparison.groups[0].group, 0);
        let difference = comparison.groups[1].difference.unwrap();
        assert_eq!((difference.mean, difference.adjusted_p), (-1.0, 2.0 / 64.0));
        assert_eq!(comparison.verdict, Verdict::NoClearWinner { tied: vec![1] });
    }

    #[test]
    fn a_best_group_whose_runs_failed_is_no_winner() {
        let best = [1.0, 1.1, 1.2, 1.3, f64::NAN];
        let comparison = compare(&measured(&[&best, &[9.0, 9.1, 9.2, 9.3, 9.4]]), Some(Better::Lower));
        let Verdict::BestHasFailures { largest_p } = comparison.verdict else { panic!("{comparison:?}") };
        assert!(largest_p <= ALPHA);
        // Failures of the others change nothing.
        let other = [9.0, 9.1, 9.2, 9.3, f64::NAN];
        let comparison = compare(&measured(&[&best[..4], &other]), Some(Better::Lower));
        assert!(matches!(comparison.verdict, Verdict::Winner { .. }), "{comparison:?}");
    }

    #[test]
    fn two_seeds_cannot_tell() {
        let comparison = compare(&measured(&[&[1.0, 1.1], &[100.0, 101.0]]), Some(Better::Lower));
        assert_eq!(
            comparison.verdict,
            Verdict::TooFew { smallest: 1.0 / 3.0, comparisons: 1, enough: Some(4) }
        );
        let many: Vec<&[f64]> = vec![&[1.0, 1.1, 1.2, 1.3]; 12];
        let Verdict::TooFew { smallest, comparisons, enough } =
            compare(&measured(&many), Some(Better::Lower)).verdict
        else {
            panic!()
        };
        assert_eq!((smallest, comparisons, enough), (2.0 / 70.0, 11, Some(6)));
    }

    #[test]
    fn groups_that_overlap_with_the_best_are_named() {
        let runs =
            measured(&[&[1.0, 2.0, 3.0, 4.0], &[1.1, 2.2, 2.9, 4.1], &[8.0, 9.0, 7.0, 9.5], &[f64::NAN; 4]]);
        let comparison = compare(&runs[4..], Some(Better::Lower));
        assert!(matches!(comparison.verdict, Verdict::Winner { .. }), "{comparison:?}");
        let five =
            measured(&[&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.1, 2.2, 2.9, 4.1, 5.2], &[8.0, 9.0, 7.0, 9.5, 8.8]]);
        let comparison = compare(&five, Some(Better::Lower));
        assert_eq!(comparison.verdict, Verdict::NoClearWinner { tied: vec![1] });
    }

    #[test]
    fn enough_shared_seeds_are_tested_in_pairs_and_see_what_differs_less_than_the_seeds_do() {
        let seeds = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
        let other = seeds.map(|value| value + 1.0);
        let paired = compare(&measured(&[&seeds, &other]), Some(Better::Lower));
        let difference = paired.groups[1].difference.unwrap();
        assert!(difference.is_paired_test && difference.pairs == 6);
        assert_eq!(
            (difference.test.p, paired.verdict),
            (2.0 / 64.0, Verdict::Winner { largest_p: 2.0 / 64.0 })
        );
        let mut runs = measured(&[&seeds, &other]);
        for run in &mut runs[6..] {
            run.block += 100;
            run.outer_block += 100;
        }
        let unpaired = compare(&runs, Some(Better::Lower));
        let difference = unpaired.groups[1].difference.unwrap();
        assert!(!difference.is_paired_test && difference.pairs == 0 && difference.test.p > 0.5);
        assert_eq!(unpaired.verdict, Verdict::NoClearWinner { tied: vec![1] });
    }

    #[test]
    fn runs_without_a_value_are_counted_and_their_pairs_left_out() {
        let nan = f64::NAN;
        let runs = measured(&[&[1.0, 2.0, 3.0, 4.0], &[5.0, nan, f64::INFINITY, 8.0], &[nan; 4]]);
        let comparison = compare(&runs, Some(Better::Lower));
        let counts: Vec<_> =
            comparison.groups.iter().map(|group| (group.group, group.count, group.excluded)).collect();
        assert_eq!(counts, [(0, 4, 0), (1, 2, 2), (2, 0, 4)]);
        assert_eq!(comparison.groups[1].difference.unwrap().pairs, 2);
        assert_eq!((comparison.groups[2].mean, comparison.groups[2].difference), (None, None));
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let one = measured(&[&[1.0, 2.0], &[f64::NAN, f64::NAN]]);
        assert_eq!(compare(&one, Some(Better::Lower)).verdict, Verdict::OneGroup);
        assert_eq!(compare(&one, None).verdict, Verdict::NotRanked);
        let none = measured(&[&[f64::NAN], &[f64::INFINITY]]);
        assert_eq!(compare(&none, Some(Better::Lower)).verdict, Verdict::NoValue);
        assert_eq!(compare(&none, None).verdict, Verdict::NoValue);
        assert_eq!(compare(&[], Some(Better::Lower)).verdict, Verdict::NoValue);
        let unranked = compare(&measured(&[&[3.0], &[1.0]]), None);
        assert_eq!(unranked.groups.iter().map(|group| group.group).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn no_number_of_runs_is_promised_that_could_not_tell() {
        for comparisons in [1, 2, 10, 100, 2400] {
            let runs = enough(comparisons).unwrap();
            // Nor could those who have more than it takes.
            assert!((runs..40).all(|runs| can_reject(smallest_two_sample(runs, runs), comparisons)));
            assert!(!can_reject(smallest_two_sample(runs - 1, runs - 1), comparisons));
        }
        // Ten runs could tell, and twelve could not: their permutations are drawn.
        assert_eq!((enough(2600), enough(100_000)), (None, None));
    }

    proptest! {
        #[test]
        fn the_ranking_depends_on_neither_order_nor_unit(
            values in proptest::collection::vec(proptest::collection::vec(-9.0..9.0, 4), 2..5),
            scale in 0.01..100.0, turn in 0..20_usize,
        ) {
            let rows: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
            let runs = measured(&rows);
            let comparison = compare(&runs, Some(Better::Lower));
            let mut moved: Vec<Measurement> =
                runs.iter().map(|run| Measurement { value: run.value * scale, ..*run }).collect();
            moved.rotate_left(turn % runs.len());
            let moved = compare(&moved, Some(Better::Lower));
            let order = |of: &Comparison| of.groups.iter().map(|group| group.group).collect::<Vec<_>>();
            prop_assert_eq!(order(&comparison), order(&moved));
            for (one, other) in comparison.groups.iter().zip(&moved.groups) {
                let p = |group: &GroupResult| group.difference.map(|it| it.adjusted_p);
                prop_assert_eq!(p(one), p(other));
            }
        }
    }
}
