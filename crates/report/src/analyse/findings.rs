//! Which config is best, and what matters: the comparison that `gansweep compare` prints, for the page.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use gansweep_base::text::count;
use gansweep_compare::{Analysis, SweepComparison, Untested, sentences};
use gansweep_config::RunId;
use gansweep_protocol::Direction;
use gansweep_statistics::{CONFIDENCE, GroupResult, Verdict as Tested, student_quantile};

use super::{causes, effects, scale::Scale, text};
use crate::context::{
    Axis, ConfigRuns, Findings, FormattedNumber, Grid, Leader, Number, Objective, Run, Standing, Verdict,
    VerdictKind,
};

/// Configs in the chart of means: as many as one compares by eye.
const MOST_LEADERS: usize = 12;
/// Sample grids of the best config.
const MOST_EXAMPLES: usize = 4;
/// Degrees of freedom with a quantile of their own; beyond, Student's t is within 1 % of the normal distribution.
const MOST_FREEDOM: usize = 200;

/// Adds to runs and configs how they did by the objective, and returns what follows.
pub(super) fn findings(
    analysis: &Analysis,
    runs: &mut [Run],
    configs: &mut [ConfigRuns],
    axes: &[Axis],
    unchecked: usize,
) -> Findings {
    let comparison = &analysis.comparison;
    let places = note_values(analysis, runs, configs);
    // Those of the best: others may be a hundred times as large, and need no decimals.
    let best = comparison.comparison.groups.iter().filter_map(|group| group.mean).take(MOST_LEADERS);
    let decimals = text::decimals(best);
    let ranked = comparison.direction != Direction::Neither && !is_of_other_data(comparison);
    for (rank, group) in comparison.comparison.groups.iter().enumerate() {
        for config in places.get(&group.group).into_iter().flatten() {
            configs[*config].standing = standing(group, ranked.then_some(rank + 1), decimals);
        }
    }
    let groups = with_values(comparison);
    let configs_of = |group: &GroupResult| places.get(&group.group).map_or(&[][..], Vec::as_slice);
    let examples = match comparison.comparison.verdict {
        Tested::NotRanked | Tested::NoValue => Vec::new(),
        Tested::Untested if is_of_other_data(comparison) => Vec::new(),
        _ => groups
            .first()
            .and_then(|best| configs_of(best).first())
            .map_or_else(Vec::new, |best| examples(&configs[*best], runs)),
    };
    let (shares, share_notes) = effects::shares(comparison);
    let most_runs = configs.iter().map(|config| config.runs.len()).max().unwrap_or_default();
    Findings {
        objective: objective(comparison, decimals),
        verdict: verdict(comparison),
        notes: notes(comparison, collapse_of_the_best(comparison, &groups, &configs_of, configs, runs)),
        run_order: run_order(runs, if ranked { comparison.direction } else { Direction::Neither }),
        order: order(configs),
        leaders: leaders(comparison, &groups, &configs_of, configs, decimals),
        more_leaders: groups.len().saturating_sub(MOST_LEADERS),
        examples,
        effects: effects::effects(&analysis.effects, &shares),
        shares,
        share_notes,
        failures: causes::failures(runs, axes),
        collapses: causes::collapses(runs, axes),
        unchecked,
        student_quantiles: (1..most_runs.min(MOST_FREEDOM + 1))
            .map(|freedom| Number::rounded(student_quantile(f64::midpoint(1.0, CONFIDENCE), freedom as f64)))
            .collect(),
    }
}

/// Notes the value of each run; returns the configs of each compared group. With several budgets, these may be many.
fn note_values(analysis: &Analysis, runs: &mut [Run], configs: &[ConfigRuns]) -> HashMap<usize, Vec<usize>> {
    let compared: HashMap<&RunId, _> = analysis.runs.iter().map(|run| (&run.id, run)).collect();
    for run in runs.iter_mut() {
        // Not rounded: the page tests configs by it, and rounding makes ties.
        run.value = compared.get(&run.id).and_then(|compared| compared.value).map(Number);
    }
    let mut places: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, config) in configs.iter().enumerate() {
        let group = config.runs.first().and_then(|run| compared.get(&runs[*run].id));
        if let Some(group) = group {
            places.entry(group.config).or_default().push(place);
        }
    }
    places
}

/// The groups that are compared, the best first.
fn with_values(comparison: &SweepComparison) -> Vec<&GroupResult> {
    if is_of_other_data(comparison) {
        return Vec::new();
    }
    comparison.comparison.groups.iter().filter(|group| group.count > 0).collect()
}

fn objective(comparison: &SweepComparison, decimals: usize) -> Objective {
    Objective {
        metric: comparison.metric.name.to_owned(),
        title: comparison.metric.title.to_owned(),
        unit: comparison.metric.unit.to_owned(),
        better: Some(comparison.direction).filter(|direction| *direction != Direction::Neither),
        after: sentences::epochs(comparison),
        decimals,
    }
}

/// Whether no config is better than another, since values differ with the data.
fn is_of_other_data(comparison: &SweepComparison) -> bool {
    comparison.untested == Some(Untested::OtherData)
}

fn verdict(comparison: &SweepComparison) -> Verdict {
    let kind = match comparison.comparison.verdict {
        Tested::NotRanked => VerdictKind::NotRanked,
        Tested::NoValue => VerdictKind::NoValue,
        Tested::OneGroup => VerdictKind::OneConfig,
        Tested::TooFew { .. } => VerdictKind::TooFew,
        Tested::Winner { .. } => VerdictKind::Winner,
        Tested::Untested if is_of_other_data(comparison) => VerdictKind::OtherData,
        Tested::NoClearWinner { .. } | Tested::BestHasFailures { .. } | Tested::Untested => {
            VerdictKind::NoClearWinner
        }
    };
    Verdict { kind, text: sentences::verdict(comparison, "gansweep report --objective") }
}

fn notes(comparison: &SweepComparison, collapse: Option<String>) -> Vec<String> {
    let mut notes: Vec<String> = sentences::failures_of_the_best(comparison).into_iter().collect();
    notes.extend(collapse);
    notes.extend(sentences::limits(comparison));
    notes
}

/// What is to be known of the best config before it is trusted: its value may be that of a few images that repeat.
fn collapse_of_the_best<'a>(
    comparison: &SweepComparison,
    groups: &[&GroupResult],
    configs_of: &dyn Fn(&GroupResult) -> &'a [usize],
    configs: &[ConfigRuns],
    runs: &[Run],
) -> Option<String> {
    if matches!(comparison.comparison.verdict, Tested::NotRanked | Tested::NoValue)
        || is_of_other_data(comparison)
    {
        return None;
    }
    let best = groups.first()?;
    let members = configs_of(best);
    // With several budgets, the configs of a group have the same runs.
    let mut of_best: BTreeMap<&RunId, bool> = BTreeMap::new();
    for run in members.iter().flat_map(|config| &configs[*config].runs).map(|run| &runs[*run]) {
        *of_best.entry(&run.id).or_default() |= !run.warnings.is_empty();
    }
    let collapsed = of_best.values().filter(|collapsed| **collapsed).count();
    let (which, shows) = match (collapsed, of_best.len()) {
        (0, _) => return None,
        (1, 1) => ("the only run".to_owned(), "shows"),
        (1, runs) => (format!("1 of the {runs} runs"), "shows"),
        (_, runs) => (format!("{collapsed} of the {runs} runs"), "show"),
    };
    let label = label(members, configs, comparison, best.group);
    Some(format!("Note that {which} of {label} {shows} signs of collapse."))
}

/// How a group did; `None` if no run of it has a value.
fn standing(group: &GroupResult, rank: Option<usize>, decimals: usize) -> Option<Standing> {
    let half = group.interval.map(|interval| interval.half_width());
    Some(Standing {
        rank,
        mean: text::number(group.mean?, decimals),
        half: half.map(|half| text::number(half, decimals)),
        runs: group.count,
        difference: group.difference.map(|difference| text::number(difference.mean, decimals)),
        p: group.difference.map(|difference| FormattedNumber {
            value: Number::rounded(difference.adjusted_p),
            text: sentences::p_value(difference.adjusted_p),
        }),
    })
}

fn order(configs: &[ConfigRuns]) -> Vec<usize> {
    let rank = |config: &usize| configs[*config].standing.as_ref().and_then(|standing| standing.rank);
    let mut order: Vec<usize> = (0..configs.len()).collect();
    if order.iter().any(|config| rank(config).is_some()) {
        order.sort_by_key(|config| rank(config).unwrap_or(usize::MAX));
    }
    order
}

/// The places of the runs, the best first, by the first column of their table, which is the objective's. As in the table's
/// own sorting, neither a run that has collapsed nor one that has no value after as many epochs as the others is a candidate.
fn run_order(runs: &[Run], better: Direction) -> Vec<usize> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    let value = |run: usize| runs[run].last_values.first()?.as_ref().map(|last| last.value.0);
    let lacks = |run: usize| runs[run].value.is_none_or(|value| !value.0.is_finite());
    let class = |run: usize| if lacks(run) { 2 } else { usize::from(!runs[run].warnings.is_empty()) };
    if better != Direction::Neither {
        let rank = |run: usize| Rank { class: class(run), value: value(run) };
        order.sort_by(|a, b| rank(*a).cmp(rank(*b), better));
    }
    order
}

/// What a run is sorted by.
#[derive(Debug, Clone, Copy)]
struct Rank {
    /// The first class comes first.
    class: usize,
    /// In each class, runs without a value come last.
    value: Option<f64>,
}

impl Rank {
    fn cmp(self, other: Self, better: Direction) -> Ordering {
        let by_value = match (self.value, other.value) {
            (Some(own), Some(other)) if better == Direction::Lower => own.total_cmp(&other),
            (Some(own), Some(other)) => other.total_cmp(&own),
            (own, other) => own.is_none().cmp(&other.is_none()),
        };
        self.class.cmp(&other.class).then(by_value)
    }
}

/// The first groups, with marks on a common scale.
fn leaders<'a>(
    comparison: &SweepComparison,
    groups: &[&GroupResult],
    configs_of: &dyn Fn(&GroupResult) -> &'a [usize],
    configs: &[ConfigRuns],
    decimals: usize,
) -> Vec<Leader> {
    let shown = &groups[..groups.len().min(MOST_LEADERS)];
    let span = |group: &&GroupResult| {
        Some((group.mean?, group.interval.map(|interval| (interval.low, interval.high))))
    };
    let Some(scale) = Scale::of_most(&shown.iter().filter_map(span).collect::<Vec<_>>()) else {
        return Vec::new();
    };
    let best = groups.first().map(|best| best.group);
    let is_tied = |group: usize| match &comparison.comparison.verdict {
        Tested::NoClearWinner { tied } => tied.contains(&group),
        Tested::TooFew { .. } => best != Some(group),
        _ => false,
    };
    let leader = |group: &&GroupResult| {
        let mean = group.mean?;
        let half = group.interval.map(|interval| interval.half_width());
        let spread = half.map_or_else(String::new, |half| format!(" ± {}", text::fixed(half, decimals)));
        let text = format!("{}{spread}, {}", text::fixed(mean, decimals), count(group.count, "run"));
        let members = configs_of(group);
        Some(Leader {
            config: *members.first()?,
            label: label(members, configs, comparison, group.group),
            tied: is_tied(group.group),
            mark: scale.mark(mean, group.interval.map(|interval| (interval.low, interval.high)), text),
        })
    };
    shown.iter().filter_map(leader).collect()
}

/// The config's label on the page. Where nothing is swept, or where configs are compared as one since they differ in their
/// budgets alone, the words of `gansweep compare`.
fn label(members: &[usize], configs: &[ConfigRuns], comparison: &SweepComparison, group: usize) -> String {
    match members {
        [config] if !configs[*config].label.is_empty() => configs[*config].label.clone(),
        _ => sentences::label(comparison, group).to_owned(),
    }
}

/// Runs of a config with samples: those with a value first. Runs that stopped before their first epoch have samples of untrained
/// generators, which are examples of nothing; they are shown where there are no others.
fn examples(config: &ConfigRuns, runs: &[Run]) -> Vec<usize> {
    let with_grids = |is_shown: fn(&Grid) -> bool| -> Vec<usize> {
        config.runs.iter().copied().filter(|run| runs[*run].grids.iter().any(is_shown)).collect()
    };
    let mut examples = with_grids(|grid| grid.step > 0);
    if examples.is_empty() {
        examples = with_grids(|_| true);
    }
    examples.sort_by_key(|run| runs[*run].value.is_none());
    examples.truncate(MOST_EXAMPLES);
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_runs_is_one_whatever_they_lack() {
        let ranks: Vec<Rank> = [0, 1, 2]
            .into_iter()
            .flat_map(|class| [None, Some(1.0), Some(2.0), Some(f64::NAN)].map(|value| Rank { class, value }))
            .collect();
        for better in [Direction::Lower, Direction::Higher] {
            for [a, b, c] in triples(&ranks) {
                assert_eq!(a.cmp(b, better), b.cmp(a, better).reverse(), "{a:?} {b:?}");
                if a.cmp(b, better).is_le() && b.cmp(c, better).is_le() {
                    assert!(a.cmp(c, better).is_le(), "{a:?} {b:?} {c:?}");
                }
            }
            let unknown = Rank { class: 1, value: None };
            assert!(Rank { value: Some(1.0), ..unknown }.cmp(unknown, better).is_lt());
        }
    }

    fn triples(ranks: &[Rank]) -> impl Iterator<Item = [Rank; 3]> {
        let all = ranks.len();
        (0..all * all * all)
            .map(move |index| [ranks[index % all], ranks[index / all % all], ranks[index / all / all]])
    }
}
