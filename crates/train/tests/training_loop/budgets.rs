//! Runs that go on to a larger budget, and budgets that end before it.

use super::*;

#[test]
fn a_run_that_goes_on_to_a_larger_budget_has_the_bits_of_one_trained_at_once() {
    // 7 steps an epoch: an epoch's end falls on a point of its own, on a recorded epoch, on both
    // or on neither.
    for (every_steps, every_epochs) in [(3, 1), (3, 3), (7, 3), (100, 3), (5, 2), (100, 100)] {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [at_once, in_parts] = folders.each_ref().map(|folder| {
            let mut job = budget(&job(folder.path(), &[1, 2]), 5, &[]);
            (job.record.every_steps, job.record.every_epochs) = (every_steps, every_epochs);
            job
        });
        let (expected_events, _) = train(&at_once, usize::MAX, None);
        let mut part = budget(&in_parts, 2, &[]);
        let mut recorded = Rows::new();
        for epochs in [2, 4, 5] {
            part = budget(&part, epochs, &[]);
            let (events, outcome) = train(&part, usize::MAX, None);
            assert_eq!(outcome, Outcome::Finished);
            recorded.extend(rows(&events));
            if epochs == 5 {
                assert_eq!(
                    without_clock(last_checkpoints(&part, &events)),
                    without_clock(last_checkpoints(&at_once, &expected_events))
                );
            }
            part = resumes(&part, &events);
        }
        let expected = rows(&expected_events);
        let of_expected = |rows: &Rows| {
            rows.iter()
                .filter(|(key, _)| expected.contains_key(key))
                .map(|(key, bits)| (key.clone(), bits.clone()))
                .collect::<Rows>()
        };
        assert_eq!(of_expected(&recorded), expected, "{every_steps} steps, {every_epochs} epochs");
        let more = recorded.keys().filter(|key| !expected.contains_key(key));
        let steps: BTreeSet<u64> = more.map(|(_, step, _)| *step).collect();
        assert!(steps.is_subset(&BTreeSet::from([14, 28])), "only where a budget ended: {steps:?}");
    }
}

#[test]
fn smaller_budgets_are_recorded_where_they_end_and_change_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut alone = budget(&job(folder.path(), &[1]), 5, &[]);
    (alone.record.every_steps, alone.record.every_epochs) = (10, 3);
    let expected = rows(&train(&alone, usize::MAX, None).0);
    let with_others = rows(&train(&budget(&alone, 5, &[1, 3, 4]), usize::MAX, None).0);
    assert!(expected.iter().all(|(key, bits)| with_others.get(key) == Some(bits)));
    let more: BTreeSet<(u64, &str)> = with_others
        .keys()
        .filter(|key| !expected.contains_key(key))
        .map(|(_, step, name)| (*step, name.as_str()))
        .filter(|(_, name)| ["raw", "epoch_d_loss", "d_loss"].contains(name))
        .collect();
    let at = |step| [(step, "d_loss"), (step, "epoch_d_loss"), (step, "raw")];
    assert_eq!(more, at(7).into_iter().chain(at(28)).collect(), "epoch 3 is recorded anyway");
}

#[test]
fn a_checkpoint_from_before_ids_changed_is_taken_under_the_id_that_it_was_written_for() {
    let folder = tempfile::tempdir().unwrap();
    let first = job(folder.path(), &[1]);
    let whole = rows(&train(&first, usize::MAX, None).0);
    let (events, _) = train(&first, 3, None);
    let before = rows(&events);
    let mut renamed = resumes(&first, &events);
    let old = std::mem::replace(&mut renamed.lanes[0].run, RunId::parse("0123456789abcdef").unwrap());
    let open = |job: &Job| {
        let open = |_, _, _| unreachable!("the checkpoint is read before a trainer is built");
        TrainingLoop::open(job, &images(), &open, &mut |_| Ok(())).err().unwrap().to_string()
    };
    assert!(open(&renamed).contains(&format!("it is of run {old}, not of 0123456789abcdef")));
    renamed.lanes[0].resume.as_mut().unwrap().written_for = Some(old.clone());
    let (events, outcome) = train(&renamed, usize::MAX, None);
    assert_eq!(outcome, Outcome::Finished);
    let mut all = before;
    all.extend(rows(&events).into_iter().map(|((_, step, name), bits)| ((old.clone(), step, name), bits)));
    assert_eq!(all, whole);
    let Some(saved) = resumes(&renamed, &events).lanes.remove(0).resume else { panic!("no checkpoint") };
    assert!(saved.checkpoint.path.starts_with("checkpoints/0123456789abcdef/"), "{}", saved.checkpoint.path);
    let next = decode(&folder.path().join(saved.checkpoint.path));
    assert_eq!(next.run.as_str(), "0123456789abcdef", "the next file has the new id");
}
