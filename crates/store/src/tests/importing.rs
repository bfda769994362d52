//! Segments imported whole, in pieces, again, and between each other: the same database every time.

use std::{fs, path::Path};

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{
    Envelope, Event, Failed, Frame, Halted, Heartbeat, Metric, SegmentWriter, write_frame,
};
use proptest::{prelude::*, sample::Index};

use super::support::{Fixture, LAST_STEP, Script};
use crate::{Imported, StoreError};

/// Everything that events leave in the database.
fn content(fixture: &Fixture) -> Vec<String> {
    let reader = fixture.reader();
    [
        "SELECT * FROM runs ORDER BY run_id",
        "SELECT * FROM attempts ORDER BY run_id, attempt",
        "SELECT * FROM points ORDER BY run_id, metric_id, step",
        "SELECT * FROM summaries ORDER BY run_id, metric_id",
        "SELECT run_id, step, epoch, attempt, at_ms, png FROM samples ORDER BY run_id, step",
        "SELECT * FROM checkpoints ORDER BY run_id",
    ]
    .map(|sql| reader.query(sql).unwrap().to_string())
    .to_vec()
}

fn write_segment(path: &Path, events: &[Envelope]) {
    let mut bytes = Vec::new();
    for envelope in events {
        write_frame(&mut bytes, &Frame::Heartbeat(Heartbeat { cpu_seconds: 0.0 })).unwrap();
        write_frame(&mut bytes, &Frame::Event(envelope.clone())).unwrap();
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_segment_is_imported_once_and_its_torn_end_later() {
    let mut fixture = Fixture::new();
    let mut script = Script::new(fixture.runs[0].clone(), 1);
    script.started(0).points(10, &[(Metric::DLoss, 1.0)]).checkpoint(10).completed(LAST_STEP, 1.0);
    let events = script.take();
    let path = fixture.path().join("worker.segment");
    write_segment(&path, &events);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    let torn = fixture.store.import_segment(&path).unwrap();
    assert_eq!(torn.events, 3);
    assert!(torn.torn_bytes > 0);
    assert_eq!(fixture.reader().run(fixture.runs[0].as_str()).unwrap().state, RunState::Running);
    fs::write(&path, &whole).unwrap();
    assert_eq!(
        fixture.store.import_segment(&path).unwrap(),
        Imported { events: 1, waiting: 0, torn_bytes: 0 }
    );
    let before = content(&fixture);
    assert_eq!(
        fixture.store.import_segment(&path).unwrap(),
        Imported { events: 0, waiting: 0, torn_bytes: 0 }
    );
    assert_eq!(content(&fixture), before);
    let run = fixture.reader().run(fixture.runs[0].as_str()).unwrap();
    assert_eq!((run.state, run.step, run.device.as_deref()), (RunState::Completed, LAST_STEP, Some("cpu")));
}

#[test]
fn a_segment_longer_than_a_batch_is_imported_whole() {
    let mut fixture = Fixture::new();
    let mut script = Script::new(fixture.runs[0].clone(), 1);
    script.started(0);
    for step in 1..=1_000 {
        script.points(step, &[(Metric::DLoss, step as f64)]);
    }
    let path = fixture.path().join("worker.segment");
    let mut writer = SegmentWriter::open(&path).unwrap();
    for envelope in script.take() {
        writer.write(&Frame::Event(envelope)).unwrap();
    }
    assert_eq!(fixture.store.import_segment(&path).unwrap().events, 1_001);
    assert_eq!(
        fixture.reader().points(&fixture.runs[0], Metric::DLoss, u64::MAX, usize::MAX).unwrap().len(),
        1_000
    );
}

#[test]
fn of_a_damaged_segment_the_events_before_the_damage_are_recorded() {
    let mut fixture = Fixture::new();
    let mut script = Script::new(fixture.runs[0].clone(), 1);
    script.started(0).points(10, &[(Metric::DLoss, 1.0)]).points(20, &[(Metric::DLoss, 2.0)]);
    let path = fixture.path().join("worker.segment");
    write_segment(&path, &script.take());
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = fixture.store.import_segment(&path).unwrap_err();
    assert!(matches!(error, StoreError::Segment(_)), "{error}");
    assert!(error.to_string().contains("worker.segment cannot be read from byte "), "{error}");
    assert_eq!(fixture.reader().points(&fixture.runs[0], Metric::DLoss, u64::MAX, 10).unwrap().len(), 1);
}

#[test]
fn a_new_attempt_at_a_finished_run_counts_only_if_it_goes_on_from_the_end() {
    let mut fixture = Fixture::new();
    let run = fixture.runs[0].clone();
    let mut first = Script::new(run.clone(), 1);
    fixture.store.record(&first.started(0).checkpoint(10).checkpoint(20).completed(20, 2.0).take()).unwrap();
    let before = content(&fixture);
    // A second worker that was started because the first one seemed lost.
    let mut stale = Script::new(run.clone(), 2);
    stale.started(10).points(15, &[(Metric::DLoss, 1.0)]).interrupted(15, 1.5);
    assert_eq!(fixture.store.record(&stale.take()).unwrap(), 0);
    assert_eq!(content(&fixture), before);
    let mut longer = Script::new(run.clone(), 2);
    longer.started(20).points(25, &[(Metric::DLoss, 1.0)]);
    assert_eq!(fixture.store.record(&longer.take()).unwrap(), 2);
    let row = fixture.reader().run(run.as_str()).unwrap();
    assert_eq!((row.state, row.step), (RunState::Running, 25));
}

#[test]
fn a_new_attempt_at_a_finished_run_counts_the_same_in_one_batch_and_in_two() {
    let run = Fixture::new().runs[0].clone();
    let mut first = Script::new(run.clone(), 1);
    let first = first.started(0).checkpoint(10).checkpoint(20).completed(20, 2.0).take();
    let stale = Script::new(run, 2).started(10).points(15, &[(Metric::DLoss, 1.0)]).take();
    let (mut one, mut two) = (Fixture::new(), Fixture::new());
    assert_eq!(one.store.record(&[first.clone(), stale.clone()].concat()).unwrap(), first.len());
    two.store.record(&first).unwrap();
    two.store.record(&stale).unwrap();
    assert_eq!(content(&one), content(&two));
}

#[test]
fn events_wait_for_those_before_them_in_another_segment_and_keep_no_others_waiting() {
    let mut fixture = Fixture::new();
    let mut script = Script::new(fixture.runs[0].clone(), 1);
    let events = script.started(0).points(10, &[(Metric::DLoss, 1.0)]).completed(LAST_STEP, 1.0).take();
    let other = Script::new(fixture.runs[1].clone(), 1).started(0).completed(LAST_STEP, 1.0).take();
    let (early, late) = (fixture.path().join("early"), fixture.path().join("late"));
    write_segment(&early, &events[..1]);
    write_segment(&late, &[&events[1..], &other].concat());
    let alone = fixture.store.import_segment(&late).unwrap();
    assert_eq!(alone, Imported { events: 2, waiting: 2, torn_bytes: 0 });
    let missing = fixture.path().join("missing");
    let both = fixture.store.import_segments(&[&late, &missing, &early]);
    assert_eq!(both[0].as_ref().unwrap(), &Imported { events: 2, waiting: 0, torn_bytes: 0 });
    assert!(both[1].is_err(), "{both:?}");
    assert_eq!(both[2].as_ref().unwrap(), &Imported { events: 1, waiting: 0, torn_bytes: 0 });
    let row = fixture.reader().run(fixture.runs[0].as_str()).unwrap();
    assert_eq!(row.state, RunState::Completed);
}

/// What one attempt at a run does, and where it is reported.
#[derive(Debug, Clone)]
struct AttemptPlan {
    /// The segment of its first events, and which of its events is the first in the other one.
    segment: (usize, Option<Index>),
    /// Which of the run's checkpoints it goes on from, if any.
    from: Option<Index>,
    /// Every ten steps: a value, whether a grid is drawn, whether a checkpoint is written.
    steps: Vec<(f64, bool, bool)>,
    end: Option<EndKind>,
}

#[derive(Debug, Clone, Copy)]
enum EndKind {
    Completed,
    Interrupted,
    Paused,
    Failed,
}

fn attempt_plan() -> impl Strategy<Value = AttemptPlan> {
    let from = prop::option::weighted(0.8, any::<Index>());
    let value = prop_oneof![4 => -1.0_f64..1.0, 1 => Just(f64::NAN)];
    let steps = prop::collection::vec((value, prop::bool::weighted(0.3), any::<bool>()), 0..6);
    let end = prop::option::of(prop_oneof![
        Just(EndKind::Completed),
        Just(EndKind::Interrupted),
        Just(EndKind::Paused),
        Just(EndKind::Failed)
    ]);
    let segment = (0_usize..2, prop::option::weighted(0.3, any::<Index>()));
    (segment, from, steps, end).prop_map(|(segment, from, steps, end)| AttemptPlan {
        segment,
        from,
        steps,
        end,
    })
}

/// The events of each attempt at a run, with their segments. Attempts after a completion resume from its end or from later
/// checkpoints: no runner begins others.
fn play(run: &RunId, plans: &[AttemptPlan]) -> Vec<(usize, Vec<Envelope>)> {
    let mut checkpoints: Vec<u64> = Vec::new();
    let mut completed = false;
    // Index of the checkpoint at the last completion.
    let mut least: Option<usize> = None;
    let mut attempts = Vec::new();
    for (number, plan) in (1..).zip(plans) {
        let chosen = match &plan.from {
            _ if completed => checkpoints.len().checked_sub(1),
            Some(index) if !checkpoints.is_empty() => {
                Some(index.index(checkpoints.len()).max(least.unwrap_or(0)))
            }
            _ => least,
        };
        checkpoints.truncate(chosen.map_or(0, |chosen| chosen + 1));
        let mut step = chosen.map_or(0, |chosen| checkpoints[chosen]);
        let mut script = Script::new(run.clone(), number);
        script.at_unix_ms += i64::from(number) * 1_000_000;
        script.started(step);
        for &(value, grid, checkpoint) in &plan.steps {
            step += 10;
            script.points(step, &[(Metric::DLoss, value), (Metric::ImagesPerSecond, value)]);
            if grid {
                script.samples(step, (step / 10) as u32);
            }
            if checkpoint {
                script.checkpoint(step);
                checkpoints.push(step);
            }
        }
        completed = end(&mut script, plan.end, step, checkpoints.last() == Some(&step));
        if completed {
            least = checkpoints.len().checked_sub(1);
        }
        let (segment, cut) = plan.segment;
        let mut events = script.take();
        let rest = events.split_off(cut.map_or(events.len(), |cut| cut.index(events.len())));
        attempts.push((segment, events));
        attempts.push((1 - segment, rest));
    }
    attempts
}

/// Ends an attempt; `true` if its run is completed.
fn end(script: &mut Script, end: Option<EndKind>, step: u64, saved: bool) -> bool {
    let seconds = step as f64;
    match end {
        Some(EndKind::Completed) if saved => {
            script.completed(step, seconds);
            return true;
        }
        Some(EndKind::Completed | EndKind::Interrupted) => drop(script.interrupted(step, seconds)),
        Some(EndKind::Paused) => {
            script.event(Event::Paused(Halted { step, seconds, cause: "rung 1".to_owned() }));
        }
        Some(EndKind::Failed) => {
            script.event(Event::Failed(Failed { step, cause: "no luck".to_owned() }));
        }
        None => {}
    }
    false
}

/// Mixes sequences, each staying in order.
fn interleave(mut sequences: Vec<Vec<Envelope>>, choices: &[Index]) -> Vec<Envelope> {
    for sequence in &mut sequences {
        sequence.reverse();
    }
    let mut mixed = Vec::new();
    for choice in choices.iter().cycle() {
        sequences.retain(|sequence| !sequence.is_empty());
        if sequences.is_empty() {
            break;
        }
        let chosen = choice.index(sequences.len());
        mixed.extend(sequences[chosen].pop());
    }
    mixed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn two_segments_in_any_pieces_and_order_give_the_same_database(
        plans in prop::collection::vec(prop::collection::vec(attempt_plan(), 1..4), 1..4),
        choices in prop::collection::vec(any::<Index>(), 1..40),
        cuts in prop::collection::vec((0_usize..2, any::<Index>()), 0..10),
        first in 0_usize..2,
    ) {
        let mut expected = Fixture::new();
        let mut segments: [Vec<Vec<Envelope>>; 2] = [Vec::new(), Vec::new()];
        for (run, plans) in expected.runs.iter().zip(&plans) {
            for (segment, events) in play(run, plans) {
                segments[segment].push(events);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let paths = ["0.segment", "1.segment"].map(|name| folder.path().join(name));
        let mut bytes = Vec::new();
        for (path, sequences) in paths.iter().zip(segments) {
            write_segment(path, &interleave(sequences, &choices));
            bytes.push(fs::read(path).unwrap());
        }
        for imported in expected.store.import_segments(&[&paths[0], &paths[1]]) {
            prop_assert_eq!(imported.unwrap().waiting, 0);
        }
        let mut pieces = Fixture::new();
        let whole = [first, 1 - first].map(|segment| (segment, None));
        let cuts = cuts.into_iter().map(|(segment, cut)| (segment, Some(cut)));
        for (segment, cut) in cuts.chain(whole) {
            let length = cut.map_or(bytes[segment].len(), |cut| cut.index(bytes[segment].len() + 1));
            fs::write(&paths[segment], &bytes[segment][..length]).unwrap();
            pieces.store.import_segment(&paths[segment]).unwrap();
        }
        let both: Vec<_> = [first, 1 - first].map(|segment| &*paths[segment]).into();
        for imported in pieces.store.import_segments(&both) {
            let Imported { waiting, torn_bytes, .. } = imported.unwrap();
            prop_assert_eq!((waiting, torn_bytes), (0, 0));
        }
        prop_assert_eq!(content(&pieces), content(&expected));
    }
}
