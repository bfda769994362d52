//! Which factor explains how much of the variance.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::distribution::{bisect, noncentral_f};
use crate::projection::Projection;
use crate::sample::Interval;

/// A swept factor.
#[derive(Debug, Clone, Copy)]
pub struct Factor<'a> {
    /// The level of each value, from 0.
    pub levels: &'a [usize],
    /// The level of the values to which the factor does not apply, if there are some. How these differ from the others is not
    /// the factor's doing, but that of another one, which decides whether it applies.
    pub absent: Option<usize>,
}

/// What the main effects of several factors explain of a variance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VarianceShares {
    /// Number of finite values.
    pub count: usize,
    /// The main effect of each factor.
    pub factors: Vec<Share>,
    /// What differs between configs beyond the main effects: interactions, and in unbalanced data what several
    /// factors explain in common. 0 if it cannot be separated from noise.
    pub interactions: f64,
    /// What differs between the values of one config; together with the interactions where configs have one value each.
    pub noise: f64,
    /// What the noise was estimated from that effects are held against.
    pub noise_source: Noise,
    /// Standard deviation of that noise in a value; `None` if it is unknown.
    pub noise_deviation: Option<f64>,
    /// Its degrees of freedom.
    pub noise_freedom: usize,
}

/// The main effect of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// Its share of the variance, from 0 to 1, without what noise alone would explain (epsilon squared, Kelley
    /// 1935), unless the noise is unknown.
    pub share: f64,
    /// Confidence interval of the share; `None` if the noise is unknown, or the factor cannot be separated from
    /// the others.
    pub interval: Option<Interval>,
    /// Degrees of freedom; 0 if the other factors determine this one.
    pub freedom: usize,
}

/// How the configs were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// All combinations of some values. What a factor does is what it does at these values of the others.
    Grid,
    /// Random draws. Other draws would differ, so that all that differs between configs beyond the main effects is noise.
    Draws,
}

/// What the noise was estimated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// The differences between the seeds of one config.
    Seeds,
    /// What differs between drawn configs beyond the main effects.
    Configs,
    /// The interactions, because no config has two values: noise and interactions are then one.
    Interactions,
    /// Nothing: the factors leave no degree of freedom.
    Unknown,
}

/// Main effects by Type II sums of squares: a factor's sum is what it adds to a linear model with the main
/// effects of all others. In balanced data this is the classical analysis of variance, which does not depend on
/// any order of factors; in unbalanced data no factor is credited with what others explain as well.
///
/// `cells` is the config of each value: values of one cell differ by the seed alone. Values that are not finite
/// are left out. In a [grid](Design::Grid) with several seeds these are the noise that effects are held against; of
/// [draws](Design::Draws) it is what differs between configs, since few draws differ in one factor by the accident of the
/// others, however many seeds each has. An interval is that of the noncentrality of the factor's F statistic (Steiger 2004), as a share
/// of it and what all else contributes.
///
/// `None` if there is no factor, fewer than three values, or no difference between them.
pub fn variance_shares(
    values: &[f64],
    cells: &[usize],
    factors: &[Factor<'_>],
    design: Design,
    confidence: f64,
) -> Option<VarianceShares> {
    let rows = rows(values, cells, factors);
    let scale = rows.iter().map(|row| row.value.abs()).fold(0.0, f64::max);
    let y: Vec<f64> = rows.iter().map(|row| row.value / scale).collect();
    let total = Projection::constant(&y).residual_squares();
    // Relative to the values: rounding is no difference.
    if factors.is_empty() || y.len() < 3 || total.is_nan() || total <= 1e-24 * y.len() as f64 {
        return None;
    }
    let compacted = |(place, factor): (usize, &Factor<'_>)| {
        Levels::compacted(rows.iter().map(|row| row.levels[place]), factor.absent)
    };
    let levels: Vec<Levels> = factors.iter().enumerate().map(compacted).collect();
    let (effects, left) = main_effects(&y, &levels);
    let squares = Squares { scale, total, rows: y.len(), effects, left, cells: within_cells(&rows, &y) };
    Some(squares.shares(design, confidence))
}

struct Row {
    value: f64,
    cell: usize,
    levels: Vec<usize>,
}

/// The finite values, in an order that does not depend on that of the input.
fn rows(values: &[f64], cells: &[usize], factors: &[Factor<'_>]) -> Vec<Row> {
    let row = |(index, (value, cell)): (usize, (&f64, &usize))| Row {
        value: *value,
        cell: *cell,
        levels: factors.iter().map(|factor| factor.levels[index]).collect(),
    };
    let mut rows: Vec<Row> = values.iter().zip(cells).enumerate().map(row).collect();
    rows.retain(|row| row.value.is_finite());
    rows.sort_by(|a, b| (a.cell, &a.levels).cmp(&(b.cell, &b.levels)).then(a.value.total_cmp(&b.value)));
    rows
}

/// The levels of a factor, numbered without gaps: one may have lost all of its values.
struct Levels {
    of_rows: Vec<usize>,
    absent: Option<usize>,
}

impl Levels {
    fn compacted(levels: impl Iterator<Item = usize>, absent: Option<usize>) -> Self {
        let mut numbers = BTreeMap::new();
        let of_rows = levels.map(|level| {
            let next = numbers.len();
            *numbers.entry(level).or_insert(next)
        });
        let of_rows = of_rows.collect();
        Self { of_rows, absent: absent.and_then(|level| numbers.get(&level).copied()) }
    }
}

/// Sum of squares and degrees of freedom.
#[derive(Clone, Copy)]
struct Part {
    squares: f64,
    freedom: usize,
}

impl Part {
    /// 0 without a degree of freedom.
    fn mean(self) -> f64 {
        if self.freedom == 0 { 0.0 } else { self.squares / self.freedom as f64 }
    }
}

/// What each factor adds to all others, and what all of them leave.
fn main_effects(y: &[f64], levels: &[Levels]) -> (Vec<Part>, Part) {
    let mut effects = Vec::with_capacity(levels.len());
    let model = Fitted { model: Projection::constant(y), freedom: 0 };
    let left = add_last(&model, levels, &mut effects);
    (effects, Part { squares: left.squares, freedom: y.len() - 1 - left.freedom })
}

/// A model, and the degrees of freedom of its factors.
#[derive(Clone)]
struct Fitted {
    model: Projection,
    freedom: usize,
}

impl Fitted {
    fn with(&self, factors: &[Levels]) -> Self {
        let mut fitted = self.clone();
        fitted.freedom += factors
            .iter()
            .map(|Levels { of_rows, absent }| fitted.model.add_factor(of_rows, *absent))
            .sum::<usize>();
        fitted
    }
}

/// What each of the factors adds to a model that has the others already; returns what the model with all of them
/// leaves, and its degrees of freedom. Each half of the factors is added once for the whole other half, so that many
/// factors take `n log n` additions instead of `n` squared.
fn add_last(model: &Fitted, factors: &[Levels], effects: &mut Vec<Part>) -> Part {
    if let [factor] = factors {
        let whole = model.with(std::slice::from_ref(factor));
        let freedom = whole.freedom - model.freedom;
        let (before, after) = (model.model.residual_squares(), whole.model.residual_squares());
        effects.push(Part { squares: if freedom == 0 { 0.0 } else { (before - after).max(0.0) }, freedom });
        return Part { squares: after, freedom: whole.freedom };
    }
    let (first, second) = factors.split_at(factors.len() / 2);
    add_last(&model.with(second), first, effects);
    add_last(&model.with(first), second, effects)
}

/// What differs within cells. The rows of a cell are next to each other.
fn within_cells(rows: &[Row], y: &[f64]) -> Part {
    let mut part = Part { squares: 0.0, freedom: 0 };
    let mut first = 0;
    for cell in rows.chunk_by(|a, b| a.cell == b.cell) {
        let values = &y[first..first + cell.len()];
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        part.squares += values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        part.freedom += values.len() - 1;
        first += cell.len();
    }
    part
}

struct Squares {
    /// What the values were divided by.
    scale: f64,
    total: f64,
    rows: usize,
    effects: Vec<Part>,
    left: Part,
    cells: Part,
}

impl Squares {
    fn shares(&self, design: Design, confidence: f64) -> VarianceShares {
        const NONE: Part = Part { squares: 0.0, freedom: 0 };
        let between_configs = Part {
            squares: (self.left.squares - self.cells.squares).max(0.0),
            freedom: self.left.freedom.saturating_sub(self.cells.freedom),
        };
        let (noise_source, noise) = match (self.cells.freedom, self.left.freedom, design) {
            (0, 0, _) => (Noise::Unknown, NONE),
            (0, _, _) => (Noise::Interactions, self.left),
            (_, _, Design::Grid) => (Noise::Seeds, self.cells),
            (_, _, Design::Draws) if between_configs.freedom == 0 => (Noise::Unknown, NONE),
            (_, _, Design::Draws) => (Noise::Configs, between_configs),
        };
        let mean_noise = noise.mean();
        let share_of = |squares: f64| (squares / self.total).clamp(0.0, 1.0);
        let corrected = |part: Part| share_of(part.squares - part.freedom as f64 * mean_noise);
        let explained: f64 = self.effects.iter().map(|part| part.squares).sum();
        let used: usize = self.effects.iter().map(|part| part.freedom).sum();
        // Of all values, as the total is.
        let seed = match noise_source {
            Noise::Seeds | Noise::Configs => share_of(self.cells.mean() * (self.rows - 1) as f64),
            Noise::Interactions => share_of(mean_noise * (self.rows - 1) as f64),
            Noise::Unknown => 0.0,
        };
        let interactions = match noise_source {
            Noise::Seeds => {
                let freedom = (self.rows - 1).saturating_sub(noise.freedom + used);
                corrected(Part { squares: self.total - noise.squares - explained, freedom })
            }
            // All that is left of what differs between configs.
            Noise::Configs => {
                let effects: f64 = self.effects.iter().map(|part| corrected(*part)).sum();
                (1.0 - effects - seed).max(0.0)
            }
            Noise::Interactions | Noise::Unknown => 0.0,
        };
        let share = |part: &Part| Share {
            share: corrected(*part),
            interval: (noise.freedom > 0 && part.freedom > 0)
                .then(|| self.interval(*part, noise, confidence)),
            freedom: part.freedom,
        };
        VarianceShares {
            count: self.rows,
            factors: self.effects.iter().map(share).collect(),
            interactions,
            noise: seed,
            noise_source,
            noise_deviation: (noise.freedom > 0).then(|| self.scale * mean_noise.sqrt()),
            noise_freedom: noise.freedom,
        }
    }

    /// Interval of a factor's share.
    fn interval(&self, part: Part, noise: Part, confidence: f64) -> Interval {
        // Noise below a millionth of the effect moves no digit that is shown.
        const LARGEST_F: f64 = 1e6;
        let (df, df_noise) = (part.freedom as f64, noise.freedom as f64);
        let mean_noise = noise.squares / df_noise;
        let f = part.squares / df / mean_noise;
        // NaN for 0 / 0: neither effect nor noise.
        if f.is_nan() || f > LARGEST_F {
            let share = part.squares / self.total;
            return Interval { low: share, high: share };
        }
        let tail = (1.0 - confidence) / 2.0;
        let below = |noncentrality: f64| noncentral_f(f, df, df_noise, noncentrality);
        let at = |holds: &dyn Fn(f64) -> bool| if holds(0.0) { 0.0 } else { bisect(holds) };
        // All else in units of the noise, so that the two add up to the whole.
        let others = ((self.total - part.squares) / mean_noise + df).max(0.0);
        let share = |noncentrality: f64| noncentrality / (noncentrality + others);
        Interval {
            low: share(at(&|noncentrality| 1.0 - below(noncentrality) >= tail)),
            high: share(at(&|noncentrality| below(noncentrality) <= tail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    /// A balanced grid of two factors with three and four levels, and that many seeds.
    struct Grid {
        a: Vec<usize>,
        b: Vec<usize>,
        cells: Vec<usize>,
    }

    impl Grid {
        fn new(seeds: usize) -> Self {
            let rows = (0..12).flat_map(|cell| std::iter::repeat_n(cell, seeds));
            let cells: Vec<usize> = rows.collect();
            Self { a: cells.iter().map(|c| c / 4).collect(), b: cells.iter().map(|c| c % 4).collect(), cells }
        }

        fn shares(&self, values: &[f64]) -> Option<VarianceShares> {
            variance_shares(
                values,
                &self.cells,
                &[Factor { levels: &self.a, absent: None }, Factor { levels: &self.b, absent: None }],
                Design::Grid,
                0.95,
            )
        }
    }

    /// About normal: a sum of uniform numbers with variance 1.
    fn normal(random: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| f64::from(random.next_u32()) / 2_f64.powi(32)).sum::<f64>() - 6.0
    }

    #[test]
    fn without_noise_and_interaction_the_shares_are_those_of_the_effects() {
        let grid = Grid::new(2);
        let effects = |row: usize| [0.0, 10.0, 20.0][grid.a[row]] + [0.0, 1.0, 2.0, 3.0][grid.b[row]];
        let values: Vec<f64> = (0..24).map(effects).collect();
        let shares = grid.shares(&values).unwrap();
        // Variances of the levels: 200 / 3 and 5 / 4.
        let whole = 200.0 / 3.0 + 1.25;
        assert!((shares.factors[0].share - 200.0 / 3.0 / whole).abs() < 1e-12, "{shares:?}");
        assert!((shares.factors[1].share - 1.25 / whole).abs() < 1e-12, "{shares:?}");
        assert!(shares.noise < 1e-12 && shares.interactions < 1e-12, "{shares:?}");
        let interval = shares.factors[0].interval.unwrap();
        assert!(interval.high - interval.low < 1e-6, "{shares:?}");
    }

    #[test]
    fn of_one_effective_factor_the_intervals_of_the_others_cover_zero() {
        let grid = Grid::new(3);
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let mut covered = 0;
        for _ in 0..200 {
            let values: Vec<f64> =
                grid.a.iter().map(|level| *level as f64 * 3.0 + normal(&mut random)).collect();
            let shares = grid.shares(&values).unwrap();
            assert!(shares.factors[0].share > shares.factors[1].share);
            assert!(shares.factors[0].interval.unwrap().low > 0.3, "{shares:?}");
            covered += usize::from(shares.factors[1].interval.unwrap().low == 0.0);
        }
        // 97.5 % are expected, since only the lower end can exclude 0.
        assert!((190..=199).contains(&covered), "{covered}");
    }

    /// Twelve draws with a factor that does nothing, of which each has a level of its own: the accident of its other values.
    fn draws_without_effect(seeds: usize, random: &mut ChaCha8Rng) -> (Vec<f64>, Vec<usize>, Vec<usize>) {
        let (mut values, mut cells, mut levels) = (Vec::new(), Vec::new(), Vec::new());
        for draw in 0..12 {
            let accident = normal(random);
            for _ in 0..seeds {
                values.push(accident + 0.1 * normal(random));
                cells.push(draw);
                levels.push(draw % 2);
            }
        }
        (values, cells, levels)
    }

    #[test]
    fn more_seeds_of_the_same_draws_make_no_effect_of_an_accident() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let (mut of_draws, mut of_grid, mut effects) = (0, 0, 0);
        for _ in 0..200 {
            let (values, cells, levels) = draws_without_effect(6, &mut random);
            let factor = [Factor { levels: &levels, absent: None }];
            let shares = |design| variance_shares(&values, &cells, &factor, design, 0.95).unwrap();
            let draws = shares(Design::Draws);
            assert_eq!((draws.noise_source, draws.noise_freedom), (Noise::Configs, 10));
            assert!(
                (draws.factors[0].share + draws.interactions + draws.noise - 1.0).abs() < 1e-9,
                "{draws:?}"
            );
            of_draws += usize::from(draws.factors[0].interval.unwrap().low > 0.0);
            of_grid += usize::from(shares(Design::Grid).factors[0].interval.unwrap().low > 0.0);
            let effect = crate::level_effects(&values, &factor, &draws, 0.95)[0][0].unwrap();
            effects += usize::from(!effect.interval.unwrap().contains(0.0));
        }
        // 2.5 % and 5 % of 200 are expected. With the seeds for noise it would be nearly all.
        assert!(of_draws <= 12 && effects <= 20, "{of_draws} {effects}");
        assert!(of_grid > 120, "{of_grid}");
    }

    #[test]
    fn draws_that_leave_no_configs_to_compare_with_have_no_intervals() {
        let cells = [0, 0, 1, 1];
        let factor = [Factor { levels: &cells, absent: None }];
        let shares = variance_shares(&[1.0, 1.1, 3.0, 3.2], &cells, &factor, Design::Draws, 0.95).unwrap();
        assert_eq!((shares.noise_source, shares.factors[0].interval), (Noise::Unknown, None));
    }

    #[test]
    fn an_interaction_is_no_main_effect() {
        let grid = Grid::new(2);
        let values: Vec<f64> = (0..24)
            .map(|row| {
                [1.0, 0.0, -1.0][grid.a[row]] * [1.0, -1.0, 1.0, -1.0][grid.b[row]] + 1e-3 * (row % 2) as f64
            })
            .collect();
        let shares = grid.shares(&values).unwrap();
        assert!(shares.factors.iter().all(|factor| factor.share < 1e-6), "{shares:?}");
        assert!(shares.interactions > 0.999, "{shares:?}");
    }

    #[test]
    fn with_one_seed_the_interactions_are_the_noise() {
        let grid = Grid::new(1);
        let mut random = ChaCha8Rng::seed_from_u64(9);
        let values: Vec<f64> = grid.b.iter().map(|level| *level as f64 + 0.1 * normal(&mut random)).collect();
        let shares = grid.shares(&values).unwrap();
        assert_eq!((shares.noise_source, shares.interactions), (Noise::Interactions, 0.0));
        assert!(
            shares.factors[1].share > 0.9 && shares.factors[0].interval.unwrap().low == 0.0,
            "{shares:?}"
        );
        let levels = [0, 1, 2];
        let alone = variance_shares(
            &[1.0, 2.0, 4.0],
            &levels,
            &[Factor { levels: &levels, absent: None }],
            Design::Grid,
            0.95,
        )
        .unwrap();
        assert_eq!((alone.noise_source, alone.factors[0].interval), (Noise::Unknown, None));
    }

    #[test]
    fn factors_that_always_change_together_cannot_be_separated() {
        let cells = [0, 0, 1, 1, 2, 2];
        let factor = Factor { levels: &cells, absent: None };
        let shares =
            variance_shares(&[1.0, 1.1, 2.0, 2.1, 5.0, 5.2], &cells, &[factor, factor], Design::Grid, 0.95)
                .unwrap();
        assert!(
            shares.factors.iter().all(|share| share.freedom == 0 && share.interval.is_none()),
            "{shares:?}"
        );
        assert!(shares.interactions > 0.99, "{shares:?}");
    }

    #[test]
    fn without_differences_or_factors_there_is_nothing_to_explain() {
        let levels = [0, 1, 0, 1];
        let factor = [Factor { levels: &levels, absent: None }];
        for design in [Design::Grid, Design::Draws] {
            let shares = |values: &[f64], factors: &[Factor<'_>]| {
                variance_shares(values, &levels[..values.len()], factors, design, 0.95)
            };
            assert_eq!(shares(&[0.3; 4], &factor), None);
            assert_eq!(shares(&[1.0, 2.0, 3.0, 4.0], &[]), None);
            assert_eq!(shares(&[1.0, f64::NAN, 3.0, f64::INFINITY], &factor), None);
            assert_eq!(shares(&[], &[Factor { levels: &[], absent: None }]), None);
        }
    }

    proptest! {
        #[test]
        fn shares_depend_on_neither_order_nor_unit(
            values in proptest::collection::vec(-5.0..5.0, 36), scale in 0.001..1000.0, turn in 0..36_usize,
        ) {
            let grid = Grid::new(3);
            let Some(shares) = grid.shares(&values) else { return Ok(()) };
            let turned = |levels: &[usize]| { let mut it = levels.to_vec(); it.rotate_left(turn); it };
            let mut moved: Vec<f64> = values.iter().map(|value| value * scale).collect();
            moved.rotate_left(turn);
            let moved_grid = Grid { a: turned(&grid.a), b: turned(&grid.b), cells: turned(&grid.cells) };
            let moved = moved_grid.shares(&moved).unwrap();
            for (one, other) in shares.factors.iter().zip(&moved.factors) {
                prop_assert!((one.share - other.share).abs() < 1e-9);
                let (one, other) = (one.interval.unwrap(), other.interval.unwrap());
                prop_assert!((one.low - other.low).abs() < 1e-6 && (one.high - other.high).abs() < 1e-6);
            }
            let whole = shares.factors.iter().map(|it| it.share).sum::<f64>() + shares.interactions + shares.noise;
            prop_assert!(whole > 0.999, "{shares:?}");
        }
    }
}
