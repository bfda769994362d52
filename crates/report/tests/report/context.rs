//! The context of a small sweep as a snapshot, and what it says at the edges.

use crate::support::{NEW_YEAR_MS, Outcome, Spec, Synthetic};
use gansweep_compare::{SweepComparison, Untested};
use gansweep_config::{Dataset, Experiment, ImageShape, LoadOptions, RunState};
use gansweep_protocol::{Metric, SampleSource};
use gansweep_report::context::{Context, Series, Sweep, VerdictKind};
use gansweep_report::{ReportError, ReportOptions, build};
use gansweep_store::{Reader, Store};
use std::path::Path;

fn options() -> ReportOptions {
    ReportOptions { now_unix_ms: NEW_YEAR_MS, ..ReportOptions::default() }
}

fn context_of(folder: &Path) -> Context {
    build(&Reader::open(folder).unwrap(), &options()).unwrap()
}

fn sweep_of(synthetic: &Synthetic) -> Sweep {
    let folder = tempfile::tempdir().unwrap();
    synthetic.record(folder.path());
    context_of(folder.path()).sweeps.remove(0)
}

#[test]
fn the_context_of_four_configs_with_two_seeds_is_as_recorded() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic { points: 3, ..Synthetic::default() }.record(folder.path());
    let mut context = context_of(folder.path());
    context.program_version = "[the program's]".to_owned();
    context.database = "[the database's path]".to_owned();
    insta::assert_json_snapshot!(context);
}

#[test]
fn a_database_without_a_sweep_gives_an_empty_context() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path()).unwrap();
    assert_eq!(context_of(folder.path()).sweeps, []);
}

#[test]
fn a_single_run_has_no_axes_and_one_cell() {
    let lone = Synthetic { rates: vec![2e-4], widths: vec![128], seeds: vec![7], ..Synthetic::default() };
    let sweep = sweep_of(&lone);
    assert!(sweep.axes.is_empty());
    assert!(sweep.configuration.differing.is_empty());
    assert_eq!(sweep.samples.layout.columns, None);
    assert_eq!(sweep.samples.layout.cells, [[[0]]]);
}

#[test]
fn one_axis_spreads_its_values_over_columns_and_the_seeds_over_rows() {
    let sweep = sweep_of(&Synthetic { widths: vec![128], ..Synthetic::default() });
    let layout = &sweep.samples.layout;
    assert_eq!(layout.columns.as_ref().unwrap().labels, ["2e-4", "1e-3"]);
    assert_eq!(layout.rows.as_ref().unwrap().title, "seed");
    assert_eq!(layout.cells, [[[0], [2]], [[1], [3]]]);
}

#[test]
fn the_axis_with_more_values_goes_downwards() {
    let sweep = sweep_of(&Synthetic { rates: vec![1e-4, 2e-4, 4e-4], ..Synthetic::default() });
    let layout = &sweep.samples.layout;
    assert_eq!(layout.rows.as_ref().unwrap().title, "lr");
    assert_eq!(layout.columns.as_ref().unwrap().title, "hidden");
    assert_eq!(layout.cells[2][1], [10, 11]);
}

#[test]
fn a_sweep_whose_runs_all_diverge_still_shows_what_there_was() {
    let sweep = sweep_of(&Synthetic { outcome: |_| Outcome::Diverges(0.5), ..Synthetic::default() });
    assert_eq!(sweep.states.len(), 1);
    assert_eq!((sweep.states[0].state, sweep.states[0].runs), (RunState::Diverged, 8));
    let run = &sweep.runs[0];
    assert!(run.cause.as_ref().unwrap().contains("NaN"));
    assert!(run.series[0].values.last().unwrap().0.is_nan(), "the point that ended the run is there");
    assert_eq!(run.last_values[0].as_ref().unwrap().text, "1.056", "the last whole epoch's mean");
}

#[test]
fn a_run_that_diverges_in_its_first_epoch_shows_its_last_points() {
    let sweep = sweep_of(&Synthetic { outcome: |_| Outcome::Diverges(0.2), ..Synthetic::default() });
    let texts: Vec<_> =
        sweep.runs[0].last_values.iter().map(|last| last.as_ref().unwrap().text.as_str()).collect();
    assert_eq!(texts, ["NaN", "inf", "0.6736", "0.3264"]);
}

#[test]
fn runs_that_have_not_begun_have_no_curves_and_no_grids() {
    let sweep = sweep_of(&Synthetic { outcome: |_| Outcome::Waits, ..Synthetic::default() });
    assert!(sweep.charts.is_empty());
    assert!(sweep.samples.epochs.is_empty());
    assert_eq!(sweep.samples.geometry, None);
    assert_eq!(sweep.ended, None);
}

#[test]
fn a_sweep_with_a_run_in_progress_has_no_end() {
    let outcome = |place| if place == 0 { Outcome::Runs(0.5) } else { Outcome::Completes };
    assert_eq!(sweep_of(&Synthetic { outcome, ..Synthetic::default() }).ended, None);
}

#[test]
fn a_fallback_dataset_is_said() {
    let sweep = sweep_of(&Synthetic { dataset: Dataset::Strokes, ..Synthetic::default() });
    assert!(sweep.dataset.fell_back);
    assert_eq!((sweep.dataset.requested.as_str(), sweep.dataset.effective.as_str()), ("mnist", "strokes"));
    assert_eq!(sweep.samples.real[0].dataset, "strokes");
}

#[test]
fn curves_have_no_more_points_than_asked_for_and_keep_the_one_that_ended_a_run() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic { points: 900, ..Synthetic::default() }.record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let few = ReportOptions { max_points: 50, ..options() };
    let sweep = build(&reader, &few).unwrap().sweeps.remove(0);
    let lengths = sweep.runs.iter().flat_map(|run| &run.series).map(|series: &Series| series.steps.len());
    assert!(lengths.clone().all(|length| length <= 50));
    assert!(lengths.max().unwrap() > 25);
    assert!(sweep.runs[6].series[0].values.last().unwrap().0.is_nan());
}

#[test]
fn too_many_bytes_of_images_leave_out_epochs_but_no_first_and_no_last() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic { epochs: 12, ..Synthetic::default() }.record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let with = |max_image_bytes| {
        build(&reader, &ReportOptions { max_image_bytes, ..options() }).unwrap().sweeps.remove(0)
    };
    let all = with(u64::MAX);
    assert_eq!((all.samples.epochs.len(), all.samples.epochs_left_out), (13, 0));
    let png_bytes = |run: &gansweep_report::context::Run| {
        let of = |grid: &gansweep_report::context::Grid| {
            reader.sample(&run.id, grid.step, SampleSource::Raw).unwrap().unwrap().png.len()
        };
        run.grids.iter().map(of).sum::<usize>()
    };
    let total = all.runs.iter().map(png_bytes).sum::<usize>() as u64;
    let some = with(total / 10);
    assert_eq!((some.samples.epochs.first(), some.samples.epochs.last()), (Some(&0), Some(&12)));
    assert!((2..9).contains(&some.samples.epochs.len()), "{:?}", some.samples.epochs);
    assert_eq!(some.samples.epochs_left_out, 13 - some.samples.epochs.len());
    let interrupted = some.runs[3].grids.last().map(|grid| grid.epoch);
    assert_eq!(interrupted, Some(6), "the last grid of a run that ended early stays");
    let none = with(0);
    assert_eq!((none.samples.epochs_left_out, none.samples.geometry), (13, None));
    assert!(none.samples.real.is_empty() && none.runs.iter().all(|run| run.grids.is_empty()));
}

#[test]
fn a_sweep_that_is_not_there_is_an_error_that_names_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let wrong = ReportOptions { sweeps: vec!["rl".to_owned()], ..options() };
    let error = build(&reader, &wrong).unwrap_err();
    assert!(matches!(error, ReportError::UnknownSweep { .. }));
    let message = error.to_string();
    assert!(message.contains("`rl`") && message.ends_with("it has lr"), "{message}");
}

#[test]
fn several_sweeps_come_in_the_order_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    Synthetic { name: "other", rates: vec![3e-4], ..Synthetic::default() }.record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let both = ReportOptions { sweeps: vec!["lr".to_owned(), "other".to_owned()], ..options() };
    let context = build(&reader, &both).unwrap();
    let names: Vec<&str> = context.sweeps.iter().map(|sweep| sweep.name.as_str()).collect();
    assert_eq!(names, ["lr", "other"]);
    assert_eq!(context.title, "lr, other · gansweep");
}

#[test]
fn charts_of_losses_and_scores_have_the_line_of_a_discriminator_that_cannot_tell() {
    let sweep = sweep_of(&Synthetic::default());
    let charts = sweep.charts.iter().flat_map(|group| &group.charts);
    let lines: Vec<(&str, String)> = charts
        .filter_map(|chart| Some((chart.metric.as_str(), chart.reference.as_ref()?.value.0.to_string())))
        .take(3)
        .collect();
    let expected = [("d_loss", "1.38629"), ("g_loss", "0.693147"), ("d_real", "0.5")];
    assert_eq!(lines, expected.map(|(metric, value)| (metric, value.to_owned())));
}

#[test]
fn a_sweep_shows_its_runs_up_to_its_own_budget_whoever_trains_them_on() {
    let folder = tempfile::tempdir().unwrap();
    let short = Synthetic { outcome: |_| Outcome::Completes, ..Synthetic::default() };
    short.record(folder.path());
    let before = context_of(folder.path()).sweeps.remove(0);
    Synthetic { name: "longer", epochs: 5, ..short }.record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let of = |name: &str| {
        let named = ReportOptions { sweeps: vec![name.to_owned()], ..options() };
        build(&reader, &named).unwrap().sweeps.remove(0)
    };
    assert_eq!(of("lr"), before);
    let (short, longer) = (&before.runs[0], &of("longer").runs[0]);
    assert_eq!((&short.id, short.state, longer.state), (&longer.id, longer.state, RunState::Completed));
    assert_eq!((short.epochs, longer.epochs, short.attempts.len(), longer.attempts.len()), (3, 5, 1, 2));
    let last = |run: &gansweep_report::context::Run| {
        (run.grids.last().unwrap().epoch, *run.series[0].steps.last().unwrap())
    };
    assert_eq!((last(short), last(longer)), ((3, 1_800), (5, 3_000)));
    let settings = |sweep: &Sweep| {
        let shared = sweep.configuration.shared.iter().flat_map(|section| &section.settings);
        shared
            .filter(|setting| setting.key == "epochs")
            .map(|setting| setting.text.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((settings(&before), settings(&of("longer"))), (vec!["3".to_owned()], vec!["5".to_owned()]));
}

/// A sweep of six seeds in which the metric that ranks is that function of the config.
fn measured(speed: fn(&Spec) -> f64) -> Synthetic {
    let outcome = |_| Outcome::Completes;
    Synthetic { seeds: (1..=6).collect(), outcome, speed, ..Synthetic::default() }
}

fn findings_of(synthetic: &Synthetic) -> (Sweep, SweepComparison) {
    findings_by(synthetic, Metric::ImagesPerSecond)
}

fn findings_by(synthetic: &Synthetic, objective: Metric) -> (Sweep, SweepComparison) {
    let folder = tempfile::tempdir().unwrap();
    synthetic.record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let objective = Some(objective);
    let sweep = build(&reader, &ReportOptions { objective, ..options() }).unwrap().sweeps.remove(0);
    (sweep, gansweep_compare::sweep(&reader, synthetic.name, &[], objective).unwrap())
}

/// Numbers that look random and are the same everywhere.
fn noise(spec: &Spec) -> f64 {
    let mixed =
        (spec.seed * 7919 + u64::from(spec.width) * 104_729 + (spec.lr * 1e6) as u64 * 1_299_709) % 1009;
    mixed as f64 / 1009.0
}

#[test]
fn the_numbers_of_the_findings_are_those_of_the_command() {
    let (sweep, comparison) =
        findings_of(&measured(|spec| 1e3 * spec.lr + f64::from(spec.width) / 512.0 + noise(spec)));
    let places: Vec<usize> = comparison.comparison.groups.iter().map(|group| group.group).collect();
    assert_eq!(sweep.findings.order, places);
    assert_eq!(
        sweep.findings.verdict.text,
        gansweep_compare::sentences::verdict(&comparison, "gansweep report --objective")
    );
    let decimals = sweep.findings.objective.decimals;
    assert_eq!(decimals, 3);
    for (rank, group) in comparison.comparison.groups.iter().enumerate() {
        let standing = sweep.configuration.configs[group.group].standing.as_ref().unwrap();
        assert_eq!(standing.rank, Some(rank + 1));
        assert_eq!(standing.mean.text, format!("{:.decimals$}", group.mean.unwrap()));
        let interval = group.interval.unwrap();
        assert_eq!(
            standing.half.as_ref().unwrap().text,
            format!("{:.decimals$}", (interval.high - interval.low) / 2.0)
        );
        assert_eq!(standing.runs, group.count);
        let p =
            group.difference.map(|difference| gansweep_compare::sentences::p_value(difference.adjusted_p));
        assert_eq!(standing.p.as_ref().map(|p| p.text.clone()), p);
    }
    let variance = comparison.variance.unwrap();
    for axis in &variance.axes {
        let shown = sweep.findings.shares.iter().find(|share| share.keys == axis.keys).unwrap();
        assert!((shown.percent.unwrap().0 - 100.0 * axis.share.share).abs() <= 0.05, "{shown:?}");
    }
    let seed = sweep.findings.shares.iter().find(|share| share.title == "seed").unwrap();
    assert!((seed.percent.unwrap().0 - 100.0 * variance.seed).abs() <= 0.05, "{seed:?}");
}

#[test]
fn the_one_key_that_matters_comes_first_and_the_intervals_of_the_other_cover_zero() {
    let (sweep, _) = findings_of(&measured(|spec| 5e3 * spec.lr + noise(spec)));
    let findings = &sweep.findings;
    let [first, second, ..] = findings.shares.as_slice() else { panic!("{findings:?}") };
    assert_eq!((first.title.as_str(), first.significant), ("lr", Some(true)));
    assert_eq!((second.title.as_str(), second.significant), ("hidden", Some(false)));
    assert_eq!(second.interval.unwrap()[0], gansweep_report::context::Number(0.0));
    let [lr, hidden] = findings.effects.as_slice() else { panic!("{:?}", findings.effects) };
    assert_eq!((lr.title.as_str(), hidden.title.as_str()), ("lr", "hidden"));
    assert!(lr.levels.iter().all(|level| level.significant), "{lr:?}");
    assert!(hidden.levels.iter().all(|level| !level.significant), "{hidden:?}");
    assert_eq!(lr.levels.iter().map(|level| level.text.as_str()).collect::<Vec<_>>(), ["2e-4", "1e-3"]);
}

#[test]
fn two_seeds_cannot_tell_and_one_has_no_interval() {
    let (sweep, _) = findings_of(&Synthetic { seeds: vec![1, 2], ..measured(noise) });
    assert_eq!(sweep.findings.verdict.kind, VerdictKind::TooFew);
    // The chart says of no config that it can be told from the best.
    let tied: Vec<bool> = sweep.findings.leaders.iter().map(|leader| leader.tied).collect();
    assert_eq!(tied, [false, true, true, true]);
    assert!(
        sweep.findings.verdict.text.starts_with("2 seeds cannot tell"),
        "{}",
        sweep.findings.verdict.text
    );
    let (sweep, _) = findings_of(&Synthetic { seeds: vec![1], ..measured(noise) });
    assert!(sweep.findings.leaders.iter().all(|leader| leader.mark.span.is_none()));
    assert!(
        sweep.configuration.configs.iter().all(|config| config.standing.as_ref().unwrap().half.is_none())
    );
}

#[test]
fn equal_means_name_no_best_config_and_leave_nothing_to_explain() {
    let (sweep, comparison) = findings_of(&measured(|_| 1000.0));
    let findings = &sweep.findings;
    assert_eq!(findings.verdict.kind, VerdictKind::NoClearWinner);
    assert_eq!(findings.verdict.text, "No clear winner: all means are equal.");
    assert_eq!((comparison.variance, findings.shares.len(), findings.effects.len()), (None, 0, 0));
    let json = serde_json::to_string(findings).unwrap();
    assert!(!json.contains("NaN") && !json.contains("Infinity"), "{json}");
}

/// A figure that both the learning rate and the width change.
fn figure(spec: &Spec, _: Metric) -> f64 {
    1e3 * spec.lr + f64::from(spec.width) / 128.0 + noise(spec)
}

#[test]
fn figures_of_different_data_rank_no_config_and_are_not_explained() {
    // Each width trains on images of its own shape.
    let shape = |spec: &Spec| {
        let side = if spec.width > 128 { 32 } else { 28 };
        ImageShape { channels: 1, height: side, width: side }
    };
    let synthetic = Synthetic { shape, figure: Some(figure), ..Synthetic::ranked() };
    let (sweep, comparison) = findings_by(&synthetic, Metric::Fd);
    assert_eq!((comparison.untested, comparison.variance), (Some(Untested::OtherData), None));
    assert!(comparison.comparison.groups.iter().all(|group| group.difference.is_none()));
    let findings = &sweep.findings;
    assert_eq!(findings.verdict.kind, VerdictKind::OtherData);
    assert!(findings.verdict.text.starts_with("Not compared between data: "), "{}", findings.verdict.text);
    assert!(findings.leaders.is_empty() && findings.examples.is_empty(), "{findings:?}");
    assert!(findings.shares.is_empty() && findings.effects.is_empty(), "{findings:?}");
    assert_eq!((&findings.order[..], &sweep.next), (&[0, 1, 2, 3][..], &None));
    assert!(findings.run_order.is_sorted(), "{:?}", findings.run_order);
    let mut standings = sweep.configuration.configs.iter().map(|config| config.standing.as_ref().unwrap());
    assert!(standings.all(|standing| standing.rank.is_none()));

    // What needs no evaluator is compared.
    let (sweep, comparison) = findings_of(&synthetic);
    assert_eq!(comparison.untested, None);
    let notes = &sweep.findings.notes;
    assert!(notes.iter().any(|note| note.starts_with("The runs train on 2 datasets")), "{notes:?}");
}

/// The values of a curve where the discriminator is never wrong, and where it cannot tell.
const SATURATED: [f64; 7] = [0.01, 4.0, 0.999, 0.001, 0.001, 0.1, 0.1];
const HEALTHY: [f64; 7] = [1.4, 0.7, 0.5, 0.5, 0.5, 0.1, 0.1];

#[test]
fn the_best_config_is_told_with_those_of_its_runs_that_collapsed() {
    let speed = |spec: &Spec| 5e3 * spec.lr + noise(spec);
    let told = |curve: fn(&Spec, f64) -> [f64; 7]| {
        let notes = findings_of(&Synthetic { curve, ..measured(speed) }).0.findings.notes;
        notes.into_iter().find(|note| note.contains("signs of collapse"))
    };
    let note = told(|spec, _| if spec.lr > 5e-4 && spec.seed > 2 { SATURATED } else { HEALTHY }).unwrap();
    assert!(note.starts_with("Note that 4 of the 6 runs of lr=1e-3 "), "{note}");
    assert!(note.ends_with(" show signs of collapse."), "{note}");
    // Those of another config change nothing.
    assert_eq!(told(|spec, _| if spec.lr > 5e-4 { HEALTHY } else { SATURATED }), None);
}

#[test]
fn a_run_that_was_stopped_before_its_first_epoch_is_no_example_of_the_best_config() {
    let outcome = |place: usize| {
        if place.is_multiple_of(3) { Outcome::IsInterrupted(0.01) } else { Outcome::Completes }
    };
    let (sweep, _) = findings_of(&Synthetic { outcome, seeds: vec![1, 2, 3], ..Synthetic::ranked() });
    let findings = &sweep.findings;
    let best = &sweep.configuration.configs[findings.leaders[0].config];
    assert_eq!(findings.examples, best.runs[1..]);
    let untrained = &sweep.runs[best.runs[0]].grids;
    assert_eq!(untrained.iter().map(|grid| grid.step).collect::<Vec<_>>(), [0]);
}

#[test]
fn losses_name_no_best_config() {
    let findings = sweep_of(&Synthetic::default()).findings;
    assert_eq!((findings.verdict.kind, findings.objective.better), (VerdictKind::NotRanked, None));
    assert!(findings.examples.is_empty());
    assert_eq!(findings.order, [0, 1, 2, 3]);
}

#[test]
fn what_failed_is_grouped_by_cause_with_what_the_runs_have_in_common() {
    let outcome = |place| match place {
        4..=7 => Outcome::Diverges(0.3 + place as f64 / 50.0),
        0 => Outcome::Fails(0.5),
        _ => Outcome::Completes,
    };
    let failures = sweep_of(&Synthetic { outcome, ..Synthetic::default() }).findings.failures;
    let [diverged, failed] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((diverged.state.as_str(), diverged.runs.as_slice()), ("diverged", &[4, 5, 6, 7][..]));
    assert_eq!(diverged.common, ["lr=1e-3 (4 of its 4 runs)"]);
    assert_eq!((failed.state.as_str(), failed.runs.as_slice(), failed.common.len()), ("failed", &[0][..], 0));
}

#[test]
fn an_objective_that_a_sweep_has_not_recorded_is_replaced_and_not_invented() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let objective = Some(Metric::DAccuracyReal);
    let sweep = build(&reader, &ReportOptions { objective, ..options() }).unwrap().sweeps.remove(0);
    assert_eq!(sweep.findings.objective.metric, "epoch_d_loss");
}

#[test]
fn the_next_sweep_is_an_experiment_around_the_best_config() {
    let (sweep, _) = findings_of(&Synthetic::ranked());
    let next = sweep.next.unwrap();
    assert_eq!(next.file, "experiments/lr-narrow.toml");
    assert_eq!(next.command, "gansweep sweep experiments/lr-narrow.toml --set 'sweep.seeds=2'");
    let experiment =
        Experiment::parse(Path::new(&next.file), next.text.clone(), &LoadOptions::default()).unwrap();
    assert_eq!(experiment.name, "lr-narrow");
    for line in ["description = \"Around lr=1e-3 hidden=128.\"", "recipe = \"fast\""] {
        assert!(next.text.contains(line), "{}", next.text);
    }
    let table: toml::Table = next.text.parse().unwrap();
    let grid = table["sweep"]["grid"].as_table().unwrap();
    let numbers =
        |key: &str| grid[key].as_array().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(numbers("optimizer.lr"), ["0.000447", "0.001", "0.00224"]);
    assert_eq!(numbers("model.hidden"), ["128", "192"]);
    assert_eq!(sweep_of(&Synthetic::default()).next, None, "no config is best");
}
