//! The trials of a search, and their chart.

use std::collections::HashMap;
use std::fmt::Write as _;

use gansweep_base::text::{count, measured};
use gansweep_compare::assigned;
use gansweep_config::{Assignment, RunState};
use gansweep_protocol::{Direction, Metric};
use gansweep_store::{TrialRow, TrialSource};

use super::{labels::Labels, text};
use crate::context::{Axis, Number, Search, Trial};
use crate::input::RunInput;

/// The search of a sweep; `None` if it has none, or if a metric that this version does not know guides it.
pub(super) fn search(
    rows: &[TrialRow],
    runs: &[RunInput],
    axes: &[Axis],
    labels: &Labels<'_>,
) -> Option<Search> {
    let metric = Metric::from_name(&rows.first()?.metric)?;
    let better = metric.declaration().direction;
    let mut runs_of: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, run) in runs.iter().enumerate() {
        runs_of.entry(&run.config_hash).or_default().push(place);
    }
    let members: Vec<Vec<usize>> =
        rows.iter().map(|row| runs_of.get(row.config_hash.as_str()).cloned().unwrap_or_default()).collect();
    let measured_trials: Vec<Option<Measured>> =
        members.iter().map(|members| Measured::of(members.iter().map(|run| &runs[*run]), metric)).collect();
    let values: Vec<Option<f64>> = measured_trials.iter().map(|trial| trial.map(|it| it.value)).collect();
    let furthest = measured_trials.iter().flatten().map(|trial| trial.epochs).max();
    let is_furthest = |trial: &Measured| Some(trial.epochs) == furthest;
    let has_paused = !measured_trials.iter().flatten().all(is_furthest);
    let of_furthest: Vec<Option<f64>> =
        measured_trials.iter().map(|trial| trial.filter(is_furthest).map(|it| it.value)).collect();
    let best = best_so_far(&of_furthest, better);
    let chart = Edges::of(&values, better);
    let decimals = text::decimals(values.iter().copied().flatten());
    let trials: Vec<Trial> = (0..rows.len())
        .map(|place| Trial {
            number: rows[place].trial,
            source: rows[place].source,
            label: label(&rows[place], members[place].first().map(|run| &runs[*run]), axes, labels),
            runs: members[place].clone(),
            value: values[place].map(|value| text::number(value, decimals)),
            epochs: measured_trials[place].filter(|_| has_paused).map(|trial| trial.epochs),
            is_best_so_far: best[place] == Some(place),
            at: chart.zip(values[place]).map(|(edges, value)| edges.point(place, rows.len(), value)),
        })
        .collect();
    Some(Search {
        title: metric.declaration().title.to_owned(),
        unit: metric.declaration().unit.to_owned(),
        better,
        has_paused,
        summary: summary(&trials, best.last().copied().flatten()),
        best_line: chart.map(|edges| edges.line(&best, &values)).unwrap_or_default(),
        edges: chart.map(|edges| [measured(edges.bottom), measured(edges.top)]),
        trials,
    })
}

/// The value of a trial.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// The mean over its runs.
    value: f64,
    /// How far they were trained.
    epochs: u32,
}

impl Measured {
    /// Once all runs have a value of the same epoch: where pruning has paused some of them, that of its last rung.
    fn of<'a>(runs: impl ExactSizeIterator<Item = &'a RunInput>, metric: Metric) -> Option<Self> {
        let count = runs.len();
        let of_run = |run: &RunInput| {
            let counts = matches!(run.state, RunState::Completed | RunState::Paused);
            let value = run.last.get(&metric).copied().filter(|value| counts && value.is_finite())?;
            Some((value, run.step * u64::from(run.epochs) / run.total_steps.max(1)))
        };
        let values = runs.map(of_run).collect::<Option<Vec<(f64, u64)>>>()?;
        let (_, epochs) = *values.first()?;
        let value = values.iter().map(|(value, _)| value).sum::<f64>() / count as f64;
        values.iter().all(|(_, other)| *other == epochs).then_some(Self { value, epochs: epochs as u32 })
    }
}

/// For each trial the place of the best one up to it, among those that were trained the furthest: values of earlier epochs
/// do not compare with theirs.
fn best_so_far(values: &[Option<f64>], better: Direction) -> Vec<Option<usize>> {
    let mut best: Option<(usize, f64)> = None;
    let up_to = |(place, value): (usize, &Option<f64>)| {
        if let Some(value) =
            value.filter(|value| best.is_none_or(|(_, known)| better.is_better(*value, known)))
        {
            best = Some((place, value));
        }
        best.map(|(place, _)| place)
    };
    values.iter().enumerate().map(up_to).collect()
}

/// The proposed values, in the order of all labels of the page. A run has the name of a list that has one.
fn label(row: &TrialRow, run: Option<&RunInput>, axes: &[Axis], labels: &Labels<'_>) -> String {
    let word = |proposed: &Assignment| {
        let axis = axes.iter().find(|axis| axis.key == proposed.key);
        let key = axis.map_or(&proposed.key, |axis| &axis.short);
        let recorded = run.and_then(|run| assigned(&run.assignments, &proposed.key));
        format!("{key}={}", text::of_value(recorded.unwrap_or(&proposed.value)))
    };
    let mut assignments: Vec<&Assignment> = row.assignments.iter().collect();
    assignments.sort_by_key(|proposed| labels.place(&proposed.key));
    assignments.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

fn summary(trials: &[Trial], best: Option<usize>) -> String {
    let drawn = trials.iter().filter(|trial| trial.source == TrialSource::Drawn).count();
    let mut text = format!(
        "{}: {drawn} drawn at random, {} proposed by the model.",
        count(trials.len(), "trial"),
        trials.len() - drawn
    );
    let value = |trial: &Trial| trial.value.as_ref().map(|value| value.text.clone()).unwrap_or_default();
    match best.map(|place| &trials[place]) {
        Some(best) => {
            let furthest = best.epochs.map_or_else(String::new, |epochs| {
                format!(" of those trained the furthest ({})", count(epochs as usize, "epoch"))
            });
            let _ = write!(
                text,
                " The best{furthest} is trial {} with {}: {}.",
                best.number,
                value(best),
                best.label
            );
        }
        None => text.push_str(" None has a value yet."),
    }
    text
}

/// The values at the lower and upper edge of the chart.
#[derive(Debug, Clone, Copy)]
struct Edges {
    bottom: f64,
    top: f64,
    /// Values a factor of 30 apart are drawn by their logarithms.
    log: bool,
}

impl Edges {
    /// The best value is at one edge. A few trials of a search are far worse than most: the other edge is at most three times
    /// as far away as nine in ten of the values, and what is beyond is drawn on it.
    fn of(values: &[Option<f64>], better: Direction) -> Option<Self> {
        let mut known: Vec<f64> = values.iter().flatten().copied().collect();
        known.sort_by(f64::total_cmp);
        if better == Direction::Higher {
            known.reverse();
        }
        let (best, worst) = (*known.first()?, *known.last()?);
        let most = best + 3.0 * (known[(known.len() - 1) * 9 / 10] - best);
        let beyond = if better == Direction::Higher { worst < most } else { worst > most };
        let end = if beyond && (most - best).abs() > 0.0 { most } else { worst };
        let (low, high) = if best < end { (best, end) } else { (end, best) };
        let room = if high > low { 0.0 } else { low.abs().max(1.0) };
        Some(Self { bottom: low - room, top: high + room, log: low > 0.0 && high > 30.0 * low })
    }

    /// Percent from the left and from the top. The edges are five percent away from the chart's own.
    fn point(self, place: usize, trials: usize, value: f64) -> [Number; 2] {
        let scaled = |value: f64| if self.log { value.max(self.bottom).ln() } else { value };
        let (bottom, top) = (scaled(self.bottom), scaled(self.top));
        let share = ((scaled(value) - bottom) / (top - bottom)).clamp(0.0, 1.0);
        let tenths = |percent: f64| Number((10.0 * percent).round() / 10.0);
        [tenths(100.0 * (place as f64 + 0.5) / trials as f64), tenths(95.0 - 90.0 * share)]
    }

    /// The best value so far, as steps.
    fn line(self, best: &[Option<usize>], values: &[Option<f64>]) -> String {
        let mut points: Vec<String> = Vec::new();
        let mut before: Option<(usize, f64)> = None;
        for (place, known) in best.iter().enumerate() {
            let Some((best_place, value)) = known.and_then(|best| Some((best, values[best]?))) else {
                continue;
            };
            let [x, y] = self.point(place, best.len(), value).map(|percent| percent.0);
            let is_new = before.is_none_or(|(before, _)| before != best_place);
            if let Some((_, level)) = before.filter(|_| is_new) {
                points.push(format!("{x},{level}"));
            }
            if is_new || place + 1 == best.len() {
                points.push(format!("{x},{y}"));
            }
            before = Some((best_place, y));
        }
        points.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::groups::Groups;
    use super::super::{configs, runs};
    use super::*;
    use crate::context::Run;

    fn row(trial: u32) -> TrialRow {
        TrialRow {
            trial,
            source: if trial < 2 { TrialSource::Drawn } else { TrialSource::Model },
            metric: Metric::ImagesPerSecond.name().to_owned(),
            assignments: vec![Assignment {
                key: "optimizer.lr".to_owned(),
                value: json!(1e-4 * f64::from(trial + 1)),
            }],
            config_hash: format!("config {trial}"),
            open: Vec::new(),
        }
    }

    fn run(trial: u32, state: RunState, value: f64) -> RunInput {
        RunInput {
            config_hash: format!("config {trial}"),
            state,
            last: [(Metric::ImagesPerSecond, value)].into(),
            step: 2,
            total_steps: 2,
            epochs: 2,
            ..configs::tests::run(json!({}))
        }
    }

    #[test]
    fn a_trial_has_the_mean_of_its_runs_and_the_best_so_far_is_marked() {
        use RunState::{Completed, Interrupted, Paused};
        let runs = [
            run(0, Completed, 10.0),
            run(1, Completed, 30.0),
            run(1, Completed, 10.0),
            run(2, Completed, 90.0),
            run(2, Interrupted, 90.0),
            RunInput { step: 1, ..run(3, Paused, 35.0) },
            run(4, Completed, 40.0),
        ];
        let search = search(&(0..6).map(row).collect::<Vec<_>>(), &runs, &[], &Labels::of(&[], &[])).unwrap();
        let values: Vec<_> =
            search.trials.iter().map(|trial| trial.value.as_ref().map(|value| value.value.0)).collect();
        assert_eq!(values, [Some(10.0), Some(20.0), None, Some(35.0), Some(40.0), None]);
        let best: Vec<_> = search.trials.iter().map(|trial| trial.is_best_so_far).collect();
        assert_eq!(best, [true, true, false, false, true, false]);
        assert_eq!(search.trials[2].runs, [3, 4]);
        assert_eq!(
            search.summary,
            "6 trials: 2 drawn at random, 4 proposed by the model. The best of those trained the furthest (2 epochs) is trial 4 with 40: optimizer.lr=5e-4."
        );
        assert_eq!(search.edges, Some(["10".to_owned(), "40".to_owned()]));
        let heights: Vec<_> = search.trials.iter().map(|trial| trial.at.map(|at| at[1].0)).collect();
        assert_eq!(heights, [Some(95.0), Some(65.0), None, Some(20.0), Some(5.0), None]);
        assert_eq!(search.best_line, "8.3,95 25,95 25,65 75,65 75,5 91.7,5");
    }

    #[test]
    fn a_trial_shows_the_name_that_its_runs_record_for_a_list() {
        let assignment = |value| vec![Assignment { key: "model.hidden".to_owned(), value }];
        let trial = TrialRow { assignments: assignment(json!([64, 64])), ..row(0) };
        let named = RunInput { assignments: assignment(json!("deep")), ..run(0, RunState::Completed, 1.0) };
        let label = |runs: &[RunInput]| {
            search(std::slice::from_ref(&trial), runs, &[], &Labels::of(&[], &[]))
                .unwrap()
                .trials
                .remove(0)
                .label
        };
        assert_eq!(label(&[named]), "model.hidden=deep");
        assert_eq!(label(&[]), "model.hidden=64x64");
    }

    #[test]
    fn a_trial_names_its_values_in_the_order_of_all_labels_of_the_page() {
        let axis = |key: &str, short: &str| Axis {
            key: key.to_owned(),
            short: short.to_owned(),
            values: Vec::new(),
            numeric: false,
        };
        let axes = [axis("model.hidden", "hidden"), axis("optimizer.lr", "lr")];
        let shown = |lr| Run {
            values: vec![Some(0), Some(lr)],
            ..runs::run(&configs::tests::run(json!({})), &[], &[], &[], &[], &Groups::default())
        };
        // All have the same width, which labels leave out.
        let labels = Labels::of(&[shown(0), shown(1)], &axes);
        let assignment = |key: &str, value| Assignment { key: key.to_owned(), value };
        let assignments =
            vec![assignment("model.hidden", json!(64)), assignment("optimizer.lr", json!(0.001))];
        let trial = TrialRow { assignments, ..row(0) };
        assert_eq!(label(&trial, None, &axes, &labels), "lr=1e-3 hidden=64");
    }

    #[test]
    fn a_search_without_a_value_has_no_chart_and_a_sweep_without_trials_no_search() {
        let search = search(&[row(0)], &[], &[], &Labels::of(&[], &[]));
        let search = search.unwrap();
        assert_eq!((search.edges, search.best_line.as_str()), (None, ""));
        assert_eq!(
            search.summary,
            "1 trial: 1 drawn at random, 0 proposed by the model. None has a value yet."
        );
        assert_eq!(super::search(&[], &[], &[], &Labels::of(&[], &[])), None);
    }

    #[test]
    fn one_trial_far_from_the_others_does_not_flatten_them() {
        let mut values: Vec<Option<f64>> = (0..20).map(|value| Some(f64::from(value))).collect();
        values.push(Some(1e6));
        let edges = Edges::of(&values, Direction::Lower).unwrap();
        assert_eq!((edges.bottom, edges.top, edges.log), (0.0, 54.0, false));
        assert_eq!(edges.point(20, 21, 1e6)[1], Number(5.0));
        let equal = Edges::of(&[Some(3.0); 4], Direction::Lower).unwrap();
        assert_eq!(equal.point(0, 4, 3.0)[1], Number(50.0));
        let wide: Vec<_> = (0..8).map(|power| Some(10.0_f64.powi(power))).collect();
        assert!(Edges::of(&wide, Direction::Lower).unwrap().log);
    }
}
