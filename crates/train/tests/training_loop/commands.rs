//! Stops, pauses and ends by commands.

use super::*;

#[test]
fn a_stop_before_the_first_step_is_answered_at_once_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let other = tempfile::tempdir().unwrap();
    let whole =
        rows(&train(&Job { results_dir: other.path().to_owned(), ..job.clone() }, usize::MAX, None).0);
    let (events, outcome) = train(&job, 0, None);
    assert_eq!(outcome, Outcome::Interrupted);
    for lane in &job.lanes {
        let own = events.iter().filter(|envelope| envelope.run == lane.run).map(|envelope| &envelope.event);
        let own: Vec<_> = own.collect();
        assert!(
            matches!(own[..], [Event::Started(_), Event::Interrupted(ended)] if ended.step == 0),
            "{own:?}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "there is nothing to save");
    let (events, outcome) = train(&resumes(&job, &events), usize::MAX, None);
    assert_eq!((outcome, rows(&events)), (Outcome::Finished, whole));
}

#[test]
fn a_run_that_is_paused_before_its_first_step_leaves_the_others_their_first_grids() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let pause = Command::Pause { run: job.lanes[0].run.clone(), cause: "rung 0".to_owned() };
    let (events, _) = train_with(&job, vec![(0, pause)], None);
    let grids = |lane: usize| {
        let of_lane = |envelope: &&Envelope| envelope.run == job.lanes[lane].run;
        events.iter().filter(of_lane).filter(|it| matches!(it.event, Event::Samples(_))).count()
    };
    assert_eq!((grids(0), grids(1)), (0, 4));
}

#[test]
fn progress_is_reported_while_a_large_checkpoint_is_written_and_may_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1]);
    let mut state = LaneState::initial(&job.lanes[0].config, &spec(), 1).unwrap();
    let large = vec![1.0; 10 << 20];
    state.arrays.insert("large".to_owned(), Array { shape: vec![large.len()], values: large });
    let snapshot = Snapshot { run: job.lanes[0].run.clone(), state, tally: Tally::default() };
    let mut calls = 0;
    let mut count = || {
        calls += 1;
        Ok(())
    };
    let written = checkpoint::write(folder.path(), &snapshot, &mut count).unwrap();
    assert!(calls > written.bytes / (8 << 20), "{calls} calls for {} bytes", written.bytes);
    let other = tempfile::tempdir().unwrap();
    let mut calls = 0;
    let mut fail = || {
        calls += 1;
        match calls {
            3 => Err(TrainError::Events(std::io::ErrorKind::BrokenPipe.into())),
            _ => Ok(()),
        }
    };
    checkpoint::write(other.path(), &snapshot, &mut fail).unwrap_err();
    let left = std::fs::read_dir(other.path().join(written.path).parent().unwrap()).unwrap().count();
    assert_eq!(left, 0, "no half file is left behind");
}

#[test]
fn a_paused_lane_ends_alone_at_its_checkpoint_and_goes_on_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let whole = rows(&train(&job, usize::MAX, None).0);
    for look in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut job = Job { results_dir: folder.path().to_owned(), ..job.clone() };
        let [first, second] = [job.lanes[0].run.clone(), job.lanes[1].run.clone()];
        let pause = Command::Pause { run: first.clone(), cause: "rung 1".to_owned() };
        let (events, outcome) = train_with(&job, vec![(look, pause)], None);
        assert_eq!(outcome, Outcome::Finished);
        let of_first: Vec<_> = events.iter().filter(|envelope| envelope.run == first).collect();
        let [.., saved, paused] = of_first.as_slice() else { panic!("{of_first:?}") };
        let Event::Paused(halted) = &paused.event else { panic!("{paused:?}") };
        assert_eq!(halted.cause, "rung 1");
        assert!(matches!(&saved.event, Event::Checkpoint(saved) if saved.step == halted.step));
        let last = events.iter().rfind(|envelope| envelope.run == second).unwrap();
        assert!(matches!(last.event, Event::Completed(_)), "its neighbour trains on");
        let seqs: Vec<u64> = of_first.iter().map(|envelope| envelope.seq).collect();
        assert_eq!(seqs, (0..of_first.len() as u64).collect::<Vec<_>>(), "events are numbered without gaps");

        let mut pieces = rows(&events);
        job.lanes.truncate(1);
        let (events, _) = train(&resumes(&job, &events), usize::MAX, None);
        pieces.extend(rows(&events));
        assert_eq!(pieces, whole, "paused at look {look}");
    }
}

#[test]
fn a_pruned_lane_ends_for_good_and_commands_to_what_is_over_or_unknown_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let run = job.lanes[0].run.clone();
    let stranger = RunId::parse("00000000deadbeef").unwrap();
    let stop = |run: &RunId| Command::Stop { run: run.clone(), cause: "median".to_owned() };
    let commands = vec![(2, stop(&run)), (2, stop(&stranger)), (3, stop(&run))];
    let (events, outcome) = train_with(&job, commands, None);
    assert_eq!(outcome, Outcome::Finished);
    let pruned = events.iter().filter(|envelope| matches!(envelope.event, Event::Pruned(_)));
    assert_eq!(pruned.map(|envelope| &envelope.run).collect::<Vec<_>>(), [&run]);
    let completed = events.iter().filter(|envelope| matches!(envelope.event, Event::Completed(_)));
    assert_eq!(completed.count(), 1);
}

#[test]
fn when_every_lane_is_paused_the_group_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let pause = |lane: usize| Command::Pause { run: job.lanes[lane].run.clone(), cause: String::new() };
    let (events, outcome) = train_with(&job, vec![(1, pause(0)), (1, pause(1))], None);
    assert_eq!(outcome, Outcome::Finished);
    assert_eq!(events.iter().filter(|envelope| matches!(envelope.event, Event::Paused(_))).count(), 2);
}
