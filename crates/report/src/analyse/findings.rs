//! Which config is best, and what matters: the comparison that `gansweep compare` prints, for the page.

use std::collections::HashMap;

use gansweep_base::text::{count, measured};
use gansweep_compare::{Analysis, SweepComparison, sentences};
use gansweep_config::RunId;
use gansweep_protocol::Direction;
use gansweep_statistics::{CONFIDENCE, GroupResult, Verdict as Tested, student_quantile};

use super::{causes, effects, scale::Scale};
use crate::context::{
    Axis, ConfigRuns, Findings, FormattedNumber, Leader, Number, Objective, Run, Standing, Verdict,
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
) -> Findings {
    let comparison = &analysis.comparison;
    let places = note_values(analysis, runs, configs);
    let ranked = comparison.direction != Direction::Neither;
    for (rank, group) in comparison.comparison.groups.iter().enumerate() {
        for config in places.get(&group.group).into_iter().flatten() {
            configs[*config].standing = standing(group, ranked.then_some(rank + 1));
        }
    }
    let groups = with_values(comparison);
    let first_config = |group: &GroupResult| places.get(&group.group)?.first().copied();
    let examples = match comparison.comparison.verdict {
        Tested::NotRanked | Tested::NoValue => Vec::new(),
        _ => groups
            .first()
            .and_then(|best| first_config(best))
            .map_or_else(Vec::new, |best| examples(&configs[best], runs)),
    };
    let (shares, share_notes) = effects::shares(comparison.variance.as_ref());
    let most_runs = configs.iter().map(|config| config.runs.len()).max().unwrap_or_default();
    Findings {
        objective: objective(comparison),
        verdict: verdict(comparison),
        notes: notes(comparison),
        order: order(configs),
        leaders: leaders(comparison, &groups, &first_config),
        more_leaders: groups.len().saturating_sub(MOST_LEADERS),
        examples,
        effects: effects::effects(&analysis.effects, &shares),
        shares,
        share_notes,
        failures: causes::failures(runs, axes),
        collapses: causes::collapses(runs, axes),
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

fn with_values(comparison: &SweepComparison) -> Vec<&GroupResult> {
    comparison.comparison.groups.iter().filter(|group| group.count > 0).collect()
}

fn objective(comparison: &SweepComparison) -> Objective {
    Objective {
        metric: comparison.metric.name.to_owned(),
        title: comparison.metric.title.to_owned(),
        unit: comparison.metric.unit.to_owned(),
        better: Some(comparison.direction).filter(|direction| *direction != Direction::Neither),
        after: sentences::epochs(comparison),
    }
}

fn verdict(comparison: &SweepComparison) -> Verdict {
    let kind = match comparison.comparison.verdict {
        Tested::NotRanked => VerdictKind::NotRanked,
        Tested::NoValue => VerdictKind::NoValue,
        Tested::OneGroup => VerdictKind::OneConfig,
        Tested::TooFew { .. } => VerdictKind::TooFew,
        Tested::Winner { .. } => VerdictKind::Winner,
        Tested::NoClearWinner { .. } => VerdictKind::NoClearWinner,
    };
    Verdict { kind, text: sentences::verdict(comparison, "gansweep report --objective") }
}

fn notes(comparison: &SweepComparison) -> Vec<String> {
    let mut notes: Vec<String> = sentences::failures_of_the_best(comparison).into_iter().collect();
    notes.extend(sentences::limits(comparison));
    notes
}

/// How a group did; `None` if no run of it has a value.
fn standing(group: &GroupResult, rank: Option<usize>) -> Option<Standing> {
    let half = group.interval.map(|interval| (interval.high - interval.low) / 2.0);
    Some(Standing {
        rank,
        mean: number(group.mean?),
        half: half.map(number),
        runs: group.count,
        difference: group.difference.map(|difference| number(difference.mean)),
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

fn number(value: f64) -> FormattedNumber {
    FormattedNumber { value: Number::rounded(value), text: measured(value) }
}

/// The first groups, with marks on a common scale.
fn leaders(
    comparison: &SweepComparison,
    groups: &[&GroupResult],
    first_config: &dyn Fn(&GroupResult) -> Option<usize>,
) -> Vec<Leader> {
    let shown = &groups[..groups.len().min(MOST_LEADERS)];
    let span = |group: &&GroupResult| {
        Some((group.mean?, group.interval.map(|interval| (interval.low, interval.high))))
    };
    let Some(scale) = Scale::of_most(&shown.iter().filter_map(span).collect::<Vec<_>>()) else {
        return Vec::new();
    };
    let tied: &[usize] = match &comparison.comparison.verdict {
        Tested::NoClearWinner { tied } => tied,
        _ => &[],
    };
    let leader = |group: &&GroupResult| {
        let mean = group.mean?;
        let half = group.interval.map(|interval| (interval.high - interval.low) / 2.0);
        let spread = half.map_or_else(String::new, |half| format!(" ± {}", measured(half)));
        let text = format!("{}{spread}, {}", measured(mean), count(group.count, "run"));
        Some(Leader {
            config: first_config(group)?,
            label: sentences::label(comparison, group.group).to_owned(),
            tied: tied.contains(&group.group),
            mark: scale.mark(mean, group.interval.map(|interval| (interval.low, interval.high)), text),
        })
    };
    shown.iter().filter_map(leader).collect()
}

/// Runs of a config with samples: those with a value first.
fn examples(config: &ConfigRuns, runs: &[Run]) -> Vec<usize> {
    let mut examples: Vec<usize> =
        config.runs.iter().copied().filter(|run| !runs[*run].grids.is_empty()).collect();
    examples.sort_by_key(|run| runs[*run].value.is_none());
    examples.truncate(MOST_EXAMPLES);
    examples
}
