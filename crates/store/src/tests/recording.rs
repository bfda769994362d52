//! Events in, rows out: idempotent, in any order, and never half.

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{Diverged, Event, Failed, Halted, Metric, SampleSource};

use super::support::{Fixture, LAST_STEP, Script};
use crate::{StoreError, SummaryRow};

const D: Metric = Metric::DLoss;
const G: Metric = Metric::GLoss;

fn summary(fixture: &Fixture, metric: Metric) -> SummaryRow {
    let summaries = fixture.reader().summaries(&fixture.runs[0], u64::MAX).unwrap();
    summaries.into_iter().find(|summary| summary.metric == metric).unwrap()
}

fn series(fixture: &Fixture, metric: Metric) -> Vec<(u64, f64)> {
    let points = fixture.reader().points(&fixture.runs[0], metric, u64::MAX, usize::MAX).unwrap();
    points.into_iter().map(|point| (point.step, point.value)).collect()
}

fn state(fixture: &Fixture) -> RunState {
    fixture.reader().run(fixture.runs[0].as_str()).unwrap().state
}

#[test]
fn a_whole_run_is_recorded() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).samples(0, 0).points(LAST_STEP, &[(D, 1.4), (G, 0.7)]);
    script.checkpoint(LAST_STEP).completed(LAST_STEP, 2.5);
    fixture.store.record(&script.take()).unwrap();
    let run = fixture.reader().run(fixture.runs[0].as_str()).unwrap();
    assert_eq!((run.state, run.step, run.seconds, run.attempts), (RunState::Completed, LAST_STEP, 2.5, 1));
    assert_eq!((run.device.as_deref(), run.backend.as_deref()), (Some("cpu"), Some("native (AVX-512)")));
    assert_eq!((run.lane, run.lanes, run.cause), (Some(0), Some(4), None));
    assert_eq!(series(&fixture, D), [(LAST_STEP, 1.4)]);
    let sample = fixture.reader().sample(&fixture.runs[0], 0, SampleSource::Raw).unwrap().unwrap();
    assert_eq!(sample.png, format!("PNG of {} at 0", fixture.runs[0]).into_bytes());
    let checkpoint = fixture.reader().checkpoint(&fixture.runs[0]).unwrap().unwrap();
    assert_eq!((checkpoint.step, checkpoint.bytes, checkpoint.attempt), (LAST_STEP, 1_000 + LAST_STEP, 1));
    let status = &fixture.store.statuses(&fixture.runs).unwrap()[&fixture.runs[0]];
    assert_eq!((status.state, status.step, status.attempts), (RunState::Completed, LAST_STEP, 1));
    assert_eq!(status.resume.as_ref().unwrap().checkpoint.path, checkpoint.path);
}

#[test]
fn recording_the_same_events_again_changes_nothing() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).samples(0, 0).points(50, &[(D, 1.4)]).points(100, &[(D, f64::NAN)]).checkpoint(100);
    let events = script.take();
    fixture.store.record(&events).unwrap();
    let before = fixture.content();
    fixture.store.record(&events).unwrap();
    fixture.store.record(&events[2..3]).unwrap();
    assert_eq!(fixture.content(), before);
    assert_eq!(fixture.store.record(&events).unwrap(), 0);
    script.points(150, &[(D, 1.2)]);
    let more = [events, script.take()].concat();
    assert_eq!(fixture.store.record(&more).unwrap(), 1, "only the last is new");
}

#[test]
fn an_event_behind_a_gap_is_refused_until_the_gap_is_filled() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).points(10, &[(D, 1.0)]).points(20, &[(D, 2.0)]).points(30, &[(D, 3.0)]);
    let events = script.take();
    fixture.store.record(&events[..1]).unwrap();
    let before = fixture.content();
    let error = fixture.store.record(&events[2..]).unwrap_err();
    let run = &fixture.runs[0];
    assert_eq!(
        error.to_string(),
        format!(
            "event 2 of attempt 1 at run {run} cannot be recorded, because event 1 is missing; \
             record the events from there on first"
        )
    );
    assert_eq!(fixture.content(), before);
    fixture.store.record(&events).unwrap();
    assert_eq!(series(&fixture, D), [(10, 1.0), (20, 2.0), (30, 3.0)]);
}

#[test]
fn nan_and_infinities_come_back_as_they_were() {
    let (mut fixture, mut script) = Fixture::begun();
    for (step, value) in (1..).zip([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 3.0]) {
        script.points(step, &[(D, value)]);
    }
    fixture.store.record(&script.take()).unwrap();
    let values: Vec<f64> = series(&fixture, D).into_iter().map(|(_, value)| value).collect();
    assert!(values[0].is_nan());
    assert_eq!(values[1..], [f64::INFINITY, f64::NEG_INFINITY, 3.0]);
    let kinds = fixture.reader().query("SELECT group_concat(kind, ' ') AS kinds FROM points_named").unwrap();
    assert_eq!(kinds.rows[0][0].to_string(), "nan +inf -inf finite");
    let summary = summary(&fixture, D);
    assert_eq!((summary.count, summary.finite, summary.last), (4, 1, 3.0));
    assert_eq!((summary.min, summary.max), (Some(3.0), Some(3.0)));
}

#[test]
fn summaries_follow_the_points_over_several_batches() {
    let (mut fixture, mut script) = Fixture::begun();
    for (step, value) in (1..).zip([2.0, 5.0, 1.0, 5.0, 3.0]) {
        script.points(step * 10, &[(D, value), (Metric::ImagesPerSecond, value)]);
        fixture.store.record(&script.take()).unwrap();
    }
    let losses = summary(&fixture, D);
    assert_eq!((losses.min, losses.max, losses.last, losses.last_step), (Some(1.0), Some(5.0), 3.0, 50));
    assert_eq!((losses.best, losses.best_step), (None, None), "no direction of a GAN's loss is good");
    let speed = summary(&fixture, Metric::ImagesPerSecond);
    assert_eq!((speed.best, speed.best_step), (Some(5.0), Some(20)), "the first step that reached it");
}

#[test]
fn points_replayed_after_a_resume_do_not_distort_the_summary() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).points(10, &[(D, 1.0)]).checkpoint(10).points(20, &[(D, 9.0)]).points(30, &[(D, 2.0)]);
    fixture.store.record(&script.take()).unwrap();
    fixture.store.reclaim_stale().unwrap();
    assert_eq!(fixture.store.begin_attempt(&fixture.runs[0], "cpu").unwrap(), 2);
    let mut again = Script::new(fixture.runs[0].clone(), 2);
    again.started(10);
    fixture.store.record(&again.take()).unwrap();
    let summary_at_10 = summary(&fixture, D);
    assert_eq!((summary_at_10.count, summary_at_10.max, summary_at_10.last_step), (1, Some(1.0), 10));
    assert_eq!(fixture.reader().run(fixture.runs[0].as_str()).unwrap().step, 10);
    again.points(20, &[(D, 4.0)]).points(30, &[(D, 2.0)]).points(40, &[(D, 3.0)]);
    fixture.store.record(&again.take()).unwrap();
    assert_eq!(series(&fixture, D), [(10, 1.0), (20, 4.0), (30, 2.0), (40, 3.0)]);
    let whole = summary(&fixture, D);
    assert_eq!((whole.count, whole.min, whole.max, whole.last), (4, Some(1.0), Some(4.0), 3.0));
}

#[test]
fn a_fresh_start_before_the_first_checkpoint_takes_everything_back_but_what_is_from_step_0() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).samples(0, 0).points(10, &[(D, 1.0)]).samples(10, 1);
    fixture.store.record(&script.take()).unwrap();
    fixture.store.begin_attempt(&fixture.runs[0], "cpu").unwrap();
    fixture.store.record(&Script::new(fixture.runs[0].clone(), 2).started(0).take()).unwrap();
    let reader = fixture.reader();
    let run = &fixture.runs[0];
    assert_eq!(series(&fixture, D), []);
    assert_eq!(reader.summaries(run, u64::MAX).unwrap(), []);
    let steps: Vec<u64> = reader.samples_index(run, u64::MAX).unwrap().iter().map(|info| info.step).collect();
    assert_eq!(steps, [0]);
}

#[test]
fn a_run_whose_checkpoint_is_lost_keeps_what_the_checkpoint_confirmed() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).samples(0, 0).points(10, &[(D, 1.0)]).samples(20, 1).points(20, &[(D, 2.0)]);
    script.checkpoint(20).points(30, &[(D, 3.0)]).samples(30, 2);
    fixture.store.record(&script.take()).unwrap();
    let run = fixture.runs[0].clone();
    fixture.store.begin_attempt(&run, "cpu").unwrap();
    let mut afresh = Script::new(run.clone(), 2);
    afresh.started(0).samples(0, 0);
    fixture.store.record(&afresh.take()).unwrap();
    assert_eq!(series(&fixture, D), [(10, 1.0), (20, 2.0)], "what lay behind the checkpoint goes");
    assert_eq!(fixture.reader().checkpoint(&run).unwrap(), None, "its file is gone");
    assert_eq!(fixture.reader().run(run.as_str()).unwrap().step, 20);
    // Another device rounds another way, and another cadence has other steps.
    afresh
        .points(5, &[(D, 8.0)])
        .points(10, &[(D, 8.0)])
        .checkpoint(10)
        .points(20, &[(D, 8.0)])
        .samples(20, 1);
    fixture.store.record(&afresh.take()).unwrap();
    assert_eq!(series(&fixture, D), [(10, 1.0), (20, 2.0)], "what is confirmed is not recorded again");
    let status = &fixture.store.statuses(std::slice::from_ref(&run)).unwrap()[&run];
    assert_eq!((status.confirmed_step, status.resume.as_ref().unwrap().checkpoint.step), (20, 10));
    // Killed on its way, it goes on from its own checkpoint.
    fixture.store.begin_attempt(&run, "cpu").unwrap();
    let mut third = Script::new(run.clone(), 3);
    third.started(10).points(15, &[(D, 9.0)]).points(20, &[(D, 9.0)]).points(25, &[(D, 9.0)]).checkpoint(25);
    fixture.store.record(&third.take()).unwrap();
    assert_eq!(series(&fixture, D), [(10, 1.0), (20, 2.0), (25, 9.0)]);
    let attempts: Vec<String> = fixture
        .reader()
        .query("SELECT attempt FROM points_named ORDER BY step")
        .unwrap()
        .rows
        .iter()
        .map(|row| row[0].to_string())
        .collect();
    assert_eq!(attempts, ["1", "1", "3"]);
    let summary = summary(&fixture, D);
    assert_eq!((summary.count, summary.max, summary.last_step), (3, Some(9.0), 25));
}

#[test]
fn the_best_checkpoint_is_the_one_that_the_last_one_names() {
    let (mut fixture, mut script) = Fixture::begun();
    let run = fixture.runs[0].clone();
    let best = |fixture: &Fixture| fixture.reader().best_checkpoint(&run).unwrap().map(|best| best.step);
    fixture
        .store
        .record(&script.started(0).checkpoint_beside(10, 10).checkpoint_beside(20, 10).take())
        .unwrap();
    assert_eq!(best(&fixture), Some(10));
    let status = &fixture.store.statuses(std::slice::from_ref(&run)).unwrap()[&run];
    let resume = status.resume.as_ref().unwrap().checkpoint.clone();
    assert_eq!((resume.step, resume.best.as_ref().map(|best| best.step)), (20, Some(10)));
    fixture.store.record(&script.checkpoint_beside(30, 30).take()).unwrap();
    assert_eq!(best(&fixture), Some(30));
    // The file of step 30 was lost, and one of step 20 was still there.
    fixture.store.begin_attempt(&run, "cpu").unwrap();
    let mut again = Script::new(run.clone(), 2);
    fixture.store.record(&again.started_beside(20, 10).take()).unwrap();
    assert_eq!(best(&fixture), Some(10));
    fixture.store.record(&script.checkpoint_beside(40, 40).take()).unwrap();
    assert_eq!(best(&fixture), Some(10), "a late event of the older attempt changes nothing");
    fixture.store.record(&again.checkpoint(25).take()).unwrap();
    assert_eq!(best(&fixture), None, "where none is kept any more, none is recorded");
    fixture.store.record(&again.checkpoint_beside(30, 30).take()).unwrap();
    fixture.store.begin_attempt(&run, "cpu").unwrap();
    fixture.store.record(&Script::new(run.clone(), 3).started(0).take()).unwrap();
    assert_eq!(best(&fixture), None, "a run that starts afresh has none");
}

#[test]
fn two_attempts_recorded_in_either_order_give_the_same_points() {
    let first = |run: &RunId| {
        let mut script = Script::new(run.clone(), 1);
        script.started(0).samples(0, 0).points(10, &[(D, 1.0)]).checkpoint(10);
        script.points(20, &[(D, 7.0)]).samples(20, 2).points(25, &[(D, 8.0)]).checkpoint(25);
        script.take()
    };
    let second = |run: &RunId| {
        let mut script = Script::new(run.clone(), 2);
        script
            .started(10)
            .points(20, &[(D, 2.0)])
            .points(30, &[(D, 3.0)])
            .checkpoint(30)
            .interrupted(30, 3.0);
        script.take()
    };
    let (mut in_order, mut reversed) = (Fixture::new(), Fixture::new());
    let run = in_order.runs[0].clone();
    in_order.store.record(&first(&run)).unwrap();
    in_order.store.record(&second(&run)).unwrap();
    reversed.store.record(&second(&run)).unwrap();
    reversed.store.record(&first(&run)).unwrap();
    assert_eq!(series(&in_order, D), [(10, 1.0), (20, 2.0), (30, 3.0)]);
    assert_eq!(in_order.content(), reversed.content());
    let attempts = reversed.reader().attempts(&run).unwrap();
    let ends: Vec<_> = attempts.iter().map(|attempt| (attempt.state, attempt.cause.as_deref())).collect();
    let expected = ["the next attempt began", "stopped on request"];
    assert_eq!(ends, expected.map(|cause| (RunState::Interrupted, Some(cause))));
}

#[test]
fn a_finished_attempt_records_no_more_and_a_run_trained_as_far_as_asked_begins_none() {
    let last = LAST_STEP;
    for end in [
        Event::Completed(gansweep_protocol::Ended { step: last, seconds: 1.0 }),
        Event::Diverged(Diverged { step: last, cause: "the D loss was NaN".to_owned(), seconds: 1.0 }),
    ] {
        let (mut fixture, mut script) = Fixture::begun();
        script.started(0).points(last, &[(D, 1.0)]).event(end);
        fixture.store.record(&script.take()).unwrap();
        let before = fixture.content();
        // A worker reports nothing after an end; whatever follows one is not believed.
        script
            .points(last, &[(D, 5.0)])
            .points(last + 10, &[(D, 5.0)])
            .samples(last + 10, 1)
            .checkpoint(last + 10)
            .interrupted(last + 10, 9.0);
        fixture.store.record(&script.take()).unwrap();
        fixture.store.end_attempt(&fixture.runs[0], 1, RunState::Failed, "killed").unwrap();
        let refused = fixture.store.begin_attempt(&fixture.runs[0], "cpu").unwrap_err();
        assert!(matches!(refused, StoreError::Finished { .. }), "{refused}");
        assert_eq!(fixture.content(), before);
    }
}

#[test]
fn what_a_checkpoint_confirms_is_not_changed_by_the_attempt_that_wrote_it() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).samples(0, 0).points(10, &[(D, 1.0)]).samples(10, 1).checkpoint(10);
    fixture.store.record(&script.take()).unwrap();
    let before = fixture.content();
    script.points(10, &[(D, 5.0)]).samples(10, 2);
    fixture.store.record(&script.take()).unwrap();
    assert_eq!(fixture.content(), before);
}

#[test]
fn a_diverged_run_keeps_its_step_and_cause() {
    let (mut fixture, mut script) = Fixture::begun();
    let cause = "the G loss was +inf".to_owned();
    script.started(0).points(17, &[(G, f64::INFINITY)]);
    script.event(Event::Diverged(Diverged { step: 17, cause: cause.clone(), seconds: 0.5 }));
    fixture.store.record(&script.take()).unwrap();
    let run = fixture.reader().run(fixture.runs[0].as_str()).unwrap();
    assert_eq!((run.state, run.step, run.cause), (RunState::Diverged, 17, Some(cause)));
    let reader = fixture.reader();
    let text = reader.query("SELECT last_value, last_kind FROM summaries_named").unwrap().to_string();
    assert!(text.contains("+inf"), "{text}");
}

#[test]
fn a_run_is_pending_from_its_launch_and_running_from_its_start() {
    let (mut fixture, mut script) = Fixture::begun();
    let attempt = |fixture: &Fixture| fixture.reader().attempts(&fixture.runs[0]).unwrap().remove(0);
    assert_eq!((state(&fixture), attempt(&fixture).state), (RunState::Pending, RunState::Pending));
    fixture.store.record(&script.started(0).take()).unwrap();
    assert_eq!((state(&fixture), attempt(&fixture).state), (RunState::Running, RunState::Running));
}

#[test]
fn paused_and_pruned_runs_keep_the_reason_and_can_be_gone_on_with() {
    for (event, expected) in [
        (Event::Paused as fn(Halted) -> Event, RunState::Paused),
        (Event::Pruned as fn(Halted) -> Event, RunState::Pruned),
    ] {
        let (mut fixture, mut script) = Fixture::begun();
        let cause = "rung 1: rank 5 of 9".to_owned();
        script.started(0).checkpoint(10).event(event(Halted {
            step: 10,
            cause: cause.clone(),
            seconds: 2.0,
        }));
        fixture.store.record(&script.take()).unwrap();
        let run = fixture.reader().run(fixture.runs[0].as_str()).unwrap();
        assert_eq!((run.state, run.step, run.seconds, run.cause), (expected, 10, 2.0, Some(cause)));
        assert_eq!(fixture.store.begin_attempt(&fixture.runs[0], "cpu").unwrap(), 2);
        fixture.store.record(&Script::new(fixture.runs[0].clone(), 2).started(10).take()).unwrap();
        assert_eq!(state(&fixture), RunState::Running);
    }
}

#[test]
fn a_failed_run_may_be_tried_again() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).event(Event::Failed(Failed { step: 3, cause: "the dataset vanished".to_owned() }));
    fixture.store.record(&script.take()).unwrap();
    assert_eq!(state(&fixture), RunState::Failed);
    assert_eq!(fixture.store.begin_attempt(&fixture.runs[0], "cpu").unwrap(), 2);
    let run = fixture.reader().run(fixture.runs[0].as_str()).unwrap();
    assert_eq!((run.state, run.cause, run.ended_unix_ms), (RunState::Pending, None, None));
}

#[test]
fn an_event_of_an_unknown_run_is_refused_and_nothing_of_its_batch_stays() {
    let (mut fixture, mut script) = Fixture::begun();
    let before = fixture.content();
    let mut events = script.started(0).points(10, &[(D, 1.0)]).take();
    events.extend(Script::new(RunId::parse("00000000deadbeef").unwrap(), 1).points(1, &[(D, 1.0)]).take());
    let error = fixture.store.record(&events).unwrap_err();
    assert_eq!(error.to_string(), "no run's id begins with `00000000deadbeef`; `gansweep runs` lists them");
    assert_eq!(fixture.content(), before);
}

#[test]
fn a_step_beyond_the_databases_range_is_refused() {
    let (mut fixture, mut script) = Fixture::begun();
    let error = fixture.store.record(&script.points(u64::MAX, &[(D, 1.0)]).take()).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
}

#[test]
fn summaries_equal_the_points_after_any_history() {
    let (mut fixture, _) = Fixture::begun();
    let run = fixture.runs[0].clone();
    // A linear congruential generator: no two batches alike, and every time the same.
    let mut seed = 1_u64;
    let mut draw = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let reader = fixture.reader();
    let mut attempts: Vec<Script> = (1..=4).map(|attempt| Script::new(run.clone(), attempt)).collect();
    for _ in 0..200 {
        let script = &mut attempts[draw(4) as usize];
        for _ in 0..draw(5) {
            if draw(6) == 0 {
                script.started(draw(50));
            }
            let value = if draw(8) == 0 { f64::NAN } else { draw(100) as f64 - 50.0 };
            script.points(draw(60), &[(D, value), (Metric::ImagesPerSecond, value)]);
        }
        fixture.store.record(&script.take()).unwrap();
        let agreeing = reader
            .query(
                "SELECT count(*) FROM summaries s JOIN (
                     SELECT run_id, metric_id, count(*) AS n, count(value) AS f, min(value) AS lo, max(value) AS hi,
                            max(step) AS last FROM points GROUP BY run_id, metric_id) p USING (run_id, metric_id)
                 WHERE (s.count, s.finite, s.last_step) IS (p.n, p.f, p.last) AND s.min IS p.lo AND s.max IS p.hi
                   AND (s.best IS NULL OR (s.best, s.best_step) IS (SELECT value, step FROM points
                       WHERE run_id = s.run_id AND metric_id = s.metric_id AND kind = 0
                       ORDER BY value DESC, step LIMIT 1))",
            )
            .unwrap();
        for all in ["SELECT run_id, metric_id FROM points", "SELECT run_id, metric_id FROM summaries"] {
            let all =
                reader.query(&format!("SELECT count(*) FROM (SELECT DISTINCT * FROM ({all}))")).unwrap();
            assert_eq!(agreeing.rows, all.rows);
        }
    }
}

#[test]
fn a_checkpoint_that_names_an_earlier_id_is_known_as_such_until_the_next_one() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).checkpoint(10).interrupted(10, 1.0);
    fixture.store.record(&script.take()).unwrap();
    let run = fixture.runs[0].clone();
    let earlier = "fedcba9876543210";
    rusqlite::Connection::open(fixture.path().join("results.sqlite"))
        .unwrap()
        .execute("UPDATE checkpoints SET written_for = ?1", [earlier])
        .unwrap();
    let written_for = |fixture: &Fixture| {
        let checkpoint = fixture.reader().checkpoint(&run).unwrap().unwrap();
        checkpoint.written_for.map(|id| id.to_string())
    };
    let attempt = fixture.store.begin_attempt(&run, "cpu").unwrap();
    let mut script = Script::new(run.clone(), attempt);
    fixture.store.record(&script.started(10).take()).unwrap();
    assert_eq!(written_for(&fixture).as_deref(), Some(earlier), "the same file");
    fixture.store.record(&script.checkpoint(20).take()).unwrap();
    assert_eq!(written_for(&fixture), None);
}
