//! What one lane of a group does to the others, and groups that are refused.

use super::*;

#[test]
fn a_diverged_lane_ends_with_its_step_and_its_neighbour_trains_on_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &[1, 2]);
    let undisturbed = rows(&train(&job, usize::MAX, None).0);
    let (events, outcome) = train(&job, usize::MAX, Some((1, 5)));
    assert_eq!(outcome, Outcome::Finished);
    let diverged: Vec<_> = events
        .iter()
        .filter_map(|envelope| match &envelope.event {
            Event::Diverged(diverged) => Some((envelope.run.clone(), diverged.step, diverged.cause.clone())),
            _ => None,
        })
        .collect();
    let [first, second] = [&job.lanes[0].run, &job.lanes[1].run];
    assert_eq!(diverged, [(first.clone(), 5, "the discriminator's loss became NaN".to_owned())]);
    let of_second = |rows: Rows| rows.into_iter().filter(|((run, ..), _)| run == second).collect::<Rows>();
    assert_eq!(of_second(rows(&events)), of_second(undisturbed));
    let last_of_first = events.iter().rev().find(|envelope| envelope.run == *first).unwrap();
    assert!(matches!(last_of_first.event, Event::Diverged(_)));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let first = job(folder.path(), &[1]);
    let (events, _) = train(&first, 3, None);
    let next = resumes(&first, &events);
    let path = folder.path().join(&next.lanes[0].resume.as_ref().unwrap().checkpoint.path);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let images = images();
    let open = |_, _, _| unreachable!("the checkpoint is read before a trainer is built");
    let mut emit = |_| Ok(());
    let Err(error) = TrainingLoop::open(&next, &images, &open, &mut emit) else {
        panic!("a damaged file was taken")
    };
    let message = error.to_string();
    assert!(
        message.contains(&path.display().to_string()) && message.contains("not what was written"),
        "{message}"
    );
}

#[test]
fn lanes_whose_next_batches_differ_in_size_are_no_group() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = job(folder.path(), &[1, 2]);
    for lane in &mut first.lanes {
        lane.config.train.batch_size = 16;
        lane.config.train.drop_last = false;
    }
    let alone = Job { lanes: vec![first.lanes[0].clone()], ..first.clone() };
    let (events, _) = train(&alone, 2, None);
    let next = resumes(&first, &events);
    let images = images();
    let open = |_, _, _| unreachable!("alignment is checked before a trainer is built");
    let mut emit = |_| Ok(());
    let result = TrainingLoop::open(&next, &images, &open, &mut emit);
    assert!(matches!(result, Err(TrainError::Group(_))));
}
