//! What each level of a factor does to the values.

use serde::Serialize;

use crate::distribution::student_quantile;
use crate::sample::Interval;
use crate::variance::{Factor, VarianceShares};

/// A level of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// Number of finite values with this level.
    pub count: usize,
    /// Difference from the mean of all values, other factors held constant.
    pub effect: f64,
    /// Its t-interval; `None` if the noise is unknown.
    pub interval: Option<Interval>,
}

/// The effects of all levels of each factor, by least squares: a value is the mean of all, plus an effect for its level
/// of each factor. The effects of a factor have a sum of zero, weighted by their counts. `None` stands for a level
/// without a finite value, and for that of the values to which the factor does not apply.
///
/// `shares` are those of the same values and factors: they have the noise that intervals are made of. An interval is
/// exact in balanced data, in which the mean of a level's values minus that of all is its effect; in unbalanced data it
/// leaves out that the effects of other factors are estimates too. Effects of factors that always change together
/// cannot be told apart, which their [degrees of freedom](crate::Share::freedom) say.
pub fn level_effects(
    values: &[f64],
    factors: &[Factor<'_>],
    shares: &VarianceShares,
    confidence: f64,
) -> Vec<Vec<Option<Effect>>> {
    let mut rows: Vec<usize> = (0..values.len()).filter(|row| values[*row].is_finite()).collect();
    // Results do not depend on the order of the input.
    rows.sort_by(|a, b| {
        let levels = |row: &usize| factors.iter().map(|factor| factor.levels[*row]).collect::<Vec<_>>();
        levels(a).cmp(&levels(b)).then(values[*a].total_cmp(&values[*b]))
    });
    let count = rows.len() as f64;
    let mean = rows.iter().map(|row| values[*row] / count).sum::<f64>();
    let mut fit = Fit {
        rest: rows.iter().map(|row| values[*row] - mean).collect(),
        factors: factors.iter().map(|factor| Levels::new(factor, &rows)).collect(),
    };
    fit.converge();
    let half = |of_level: usize| {
        let deviation = shares.noise_deviation?;
        let error = deviation * (1.0 / of_level as f64 - 1.0 / count).max(0.0).sqrt();
        Some(student_quantile(f64::midpoint(1.0, confidence), shares.noise_freedom as f64) * error)
    };
    let effect = |levels: &Levels, level: usize| {
        let (count, effect) = (levels.counts[level], levels.effects[level]);
        let interval = half(count).map(|half| Interval { low: effect - half, high: effect + half });
        (count > 0 && Some(level) != levels.absent).then_some(Effect { count, effect, interval })
    };
    let effects = |levels: &Levels| (0..levels.counts.len()).map(|level| effect(levels, level)).collect();
    fit.factors.iter().map(effects).collect()
}

/// A fit of all effects.
struct Fit {
    /// What of each value the effects leave.
    rest: Vec<f64>,
    factors: Vec<Levels>,
}

/// The levels of a factor.
struct Levels {
    /// Of each row.
    of_rows: Vec<usize>,
    counts: Vec<usize>,
    effects: Vec<f64>,
    /// That of the rows to which the factor does not apply.
    absent: Option<usize>,
}

impl Levels {
    fn new(factor: &Factor<'_>, rows: &[usize]) -> Self {
        let of_rows: Vec<usize> = rows.iter().map(|row| factor.levels[*row]).collect();
        let levels = factor.levels.iter().max().map_or(0, |last| last + 1);
        let mut counts = vec![0; levels];
        for level in &of_rows {
            counts[*level] += 1;
        }
        Self { of_rows, counts, effects: vec![0.0; levels], absent: factor.absent }
    }

    /// Moves into the effects what the rest has on average at each level; returns the largest such move.
    fn absorb(&mut self, rest: &mut [f64]) -> f64 {
        let mut moves = vec![0.0; self.counts.len()];
        for (level, value) in self.of_rows.iter().zip(rest.iter()) {
            moves[*level] += value / self.counts[*level] as f64;
        }
        if let Some(absent) = self.absent {
            let applying = || (0..moves.len()).filter(|level| *level != absent);
            let rows: usize = applying().map(|level| self.counts[level]).sum();
            let share = |level: usize| self.counts[level] as f64 / rows.max(1) as f64;
            // What all of these rows have in common is another factor's.
            let common: f64 = applying().map(|level| moves[level] * share(level)).sum();
            for (level, by) in moves.iter_mut().enumerate() {
                *by = if level == absent { 0.0 } else { *by - common };
            }
        }
        for (level, value) in self.of_rows.iter().zip(rest) {
            *value -= moves[*level];
        }
        for (effect, by) in self.effects.iter_mut().zip(&moves) {
            *effect += by;
        }
        moves.into_iter().map(f64::abs).fold(0.0, f64::max)
    }
}

impl Fit {
    /// Gauss and Seidel's method on the normal equations, a factor at a time: after one round for balanced data, after
    /// more the more the factors change together.
    fn converge(&mut self) {
        const MOST_ROUNDS: usize = 1000;
        let scale = self.rest.iter().copied().map(f64::abs).fold(0.0, f64::max);
        for _ in 0..MOST_ROUNDS {
            let moves = self.factors.iter_mut().map(|levels| levels.absorb(&mut self.rest));
            if moves.fold(0.0, f64::max) <= 1e-12 * scale {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variance::{Design, variance_shares};

    fn effects(values: &[f64], cells: &[usize], factors: &[&[usize]]) -> Vec<Vec<Option<Effect>>> {
        let factors: Vec<Factor<'_>> = factors.iter().map(|levels| Factor { levels, absent: None }).collect();
        let shares = variance_shares(values, cells, &factors, Design::Grid, 0.95).unwrap();
        level_effects(values, &factors, &shares, 0.95)
    }

    #[test]
    fn in_balanced_data_an_effect_is_the_distance_from_the_mean_and_its_interval_that_of_the_noise() {
        // Two seeds of each cell, one apart: the noise has variance 1/2 and four degrees of freedom.
        let values = [1.0, 2.0, 3.0, 4.0, 11.0, 12.0, 13.0, 14.0];
        let (cells, a, b) = ([0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 1, 1]);
        let found = effects(&values, &cells, &[&a, &b]);
        let of = |factor: usize| found[factor].iter().map(|level| level.unwrap().effect).collect::<Vec<_>>();
        assert_eq!((of(0), of(1)), (vec![-5.0, 5.0], vec![-1.0, 1.0]));
        // scipy.stats.t.ppf(0.975, 4) * (0.5 * (1 / 4 - 1 / 8)) ** 0.5
        let half = 0.694_111_276_299_448_4;
        let interval = found[1][0].unwrap().interval.unwrap();
        assert!((interval.high - (half - 1.0)).abs() < 1e-9 && (interval.low + half + 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_factor_is_not_credited_with_the_values_to_which_it_does_not_apply() {
        // b applies to the second level of a, which is 100 higher, and is worth 2 there.
        let (a, b) = ([0, 0, 0, 0, 1, 1, 1, 1], [2, 2, 2, 2, 0, 0, 1, 1]);
        let values = [0.0, 1.0, 0.0, 1.0, 100.0, 101.0, 102.0, 103.0];
        let factors = [Factor { levels: &a, absent: None }, Factor { levels: &b, absent: Some(2) }];
        let shares =
            variance_shares(&values, &[0, 0, 0, 0, 1, 1, 2, 2], &factors, Design::Grid, 0.95).unwrap();
        let found = level_effects(&values, &factors, &shares, 0.95);
        let of = |factor: usize, level: usize| found[factor][level].map(|level| level.effect);
        assert!((of(0, 1).unwrap() - of(0, 0).unwrap() - 101.0).abs() < 1e-9, "{found:?}");
        assert!((of(1, 1).unwrap() - of(1, 0).unwrap() - 2.0).abs() < 1e-9, "{found:?}");
        assert_eq!((of(1, 2), shares.factors[1].freedom), (None, 1));
        assert!(shares.factors[0].share > 0.99 && shares.factors[1].share < 0.01, "{shares:?}");
    }

    #[test]
    fn in_unbalanced_data_no_effect_is_credited_with_that_of_another_factor() {
        // b does nothing, but its second level has mostly runs of the better level of a.
        let (a, b) = ([0, 0, 0, 1, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1, 1]);
        let values = a.map(|level| 10.0 * level as f64);
        let found = effects(&values, &[0, 0, 0, 1, 2, 3, 3, 3, 3], &[&a, &b]);
        let of = |factor: usize, level: usize| found[factor][level].unwrap().effect;
        assert!((of(0, 1) - of(0, 0) - 10.0).abs() < 1e-9, "{found:?}");
        assert!(of(1, 0).abs() < 1e-9 && of(1, 1).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_level_without_a_value_has_no_effect() {
        let found = effects(&[1.0, f64::NAN, 3.0, 4.0], &[0, 1, 2, 2], &[&[0, 1, 2, 2]]);
        assert!(found[0][1].is_none() && found[0][2].is_some_and(|level| level.count == 2));
    }
}
