//! Merging databases: in any order, any number of times, the same result.

use std::collections::BTreeMap;

use gansweep_protocol::Metric;
use proptest::prelude::*;
use tempfile::TempDir;

use super::evaluations::evaluation;
use super::support::{Fixture, LAST_STEP, NEW_YEAR_MS, Script, plan, sweep};
use crate::{EvaluationRow, MergePlan, Reader, RunFilter, Store};

/// What a database says, without the numbers of its rows.
fn content(folder: &TempDir) -> Vec<String> {
    let reader = Reader::open(folder.path()).unwrap();
    [
        "SELECT * FROM run_overview ORDER BY sweep, id, epochs",
        "SELECT * FROM points_named ORDER BY run, metric, step",
        "SELECT * FROM summaries_named ORDER BY run, metric",
        "SELECT r.id, s.step, s.source, s.epoch, s.attempt, s.at_ms, s.png FROM samples s JOIN runs r USING (run_id) ORDER BY 1, 2, 3",
        "SELECT * FROM attempts_named ORDER BY run, attempt",
        "SELECT * FROM evaluations_named ORDER BY run, step, images, evaluator, metric",
        "SELECT * FROM config_values_named ORDER BY run, key",
        "SELECT r.id, c.step, c.path, c.bytes, c.sha256 FROM checkpoints c JOIN runs r USING (run_id) ORDER BY 1",
        "SELECT r.id, b.step, b.path, b.bytes, b.value, b.attempt FROM best_checkpoints b JOIN runs r USING (run_id) ORDER BY 1",
        "SELECT * FROM sweep_overview ORDER BY sweep",
        "SELECT * FROM datasets ORDER BY data_fingerprint",
        "SELECT r.id, t.tag, t.created_ms FROM tags t JOIN runs r USING (run_id) ORDER BY 1, 2",
        "SELECT s.name, r.id, g.epochs, g.decision, g.reason FROM rungs g JOIN runs r USING (run_id)
         JOIN sweeps s USING (sweep_id) ORDER BY 1, 2, 3",
    ]
    .map(|sql| reader.query(sql).unwrap().to_string())
    .to_vec()
}

fn merge(into: &TempDir, from: &TempDir) -> MergePlan {
    let mut store = Store::open_with_clock(into.path(), || NEW_YEAR_MS).unwrap();
    let other = Reader::open(from.path()).unwrap();
    let plan = store.plan_merge(&other).unwrap();
    let brought = plan.taken.iter().map(|files| (files.run.clone(), files.clone())).collect();
    store.merge(&other, &plan, &brought).unwrap();
    plan
}

/// How far each of the possible runs is trained, its loss, and whether it has a tag; `None` if the database does not have it.
type Contents = Vec<Option<(u8, u8, bool)>>;

fn database(contents: &Contents, name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_with_clock(folder.path(), || NEW_YEAR_MS).unwrap();
    let all = plan(&[1e-4, 2e-4], &[128], &[1, 2]);
    let runs: Vec<_> =
        all.into_iter().zip(contents).filter(|(_, it)| it.is_some()).map(|(run, _)| run).collect();
    store.register_sweep(&sweep(name), &runs).unwrap();
    store.register_sweep(&sweep("common"), &runs).unwrap();
    for (run, (trained, loss, tagged)) in runs.iter().zip(contents.iter().flatten()) {
        let mut script = Script::new(run.id.clone(), 1);
        if *trained > 0 {
            store.begin_attempt(&run.id, "cpu").unwrap();
            script.started(0);
        }
        for step in 1..u64::from(*trained) {
            script
                .points(step, &[(Metric::DLoss, f64::from(*loss) + step as f64), (Metric::GLoss, f64::NAN)]);
            script.samples(step, 1);
            // The loss decides which checkpoint is best.
            script.checkpoint_beside(step, step.min(1 + u64::from(*loss)));
        }
        if *trained > 3 {
            script.checkpoint_beside(LAST_STEP, 1).completed(LAST_STEP, 2.0);
        }
        store.record(&script.take()).unwrap();
        if *tagged && *trained > 1 {
            // Tags and figures are what people add to a run afterwards.
            let evaluator = format!("evaluator {name}");
            let row = EvaluationRow { evaluator, ..evaluation(1, f64::from(*loss)) };
            store.record_evaluations(&run.id, &[row]).unwrap();
        }
        if *tagged {
            store.tag(&run.id, name, true).unwrap();
        }
    }
    store.reclaim_stale().unwrap();
    folder
}

fn copy(folder: &TempDir) -> TempDir {
    let copied = tempfile::tempdir().unwrap();
    let name = "results.sqlite";
    std::fs::copy(folder.path().join(name), copied.path().join(name)).unwrap();
    copied
}

fn contents() -> impl Strategy<Value = Contents> {
    prop::collection::vec(prop::option::weighted(0.8, (0_u8..5, 0_u8..2, any::<bool>())), 4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_commutative_and_idempotent_and_keeps_the_longest(one in contents(), other in contents()) {
        let (a, b) = (database(&one, "a"), database(&other, "b"));
        let (ab, ba) = (copy(&a), copy(&b));
        merge(&ab, &b);
        merge(&ba, &a);
        let merged = content(&ab);
        prop_assert_eq!(&merged, &content(&ba));
        for again in [&a, &b, &ba] {
            prop_assert_eq!(merge(&ab, again).taken, []);
            prop_assert_eq!(&content(&ab), &merged);
        }
        let reader = Reader::open(ab.path()).unwrap();
        let damage = reader.check().unwrap();
        // Grids here are no PNG files.
        prop_assert!(damage.iter().all(|it| it.what.starts_with("the grid")), "{damage:?}");
        let runs = reader.runs(&RunFilter { sweep: Some("common".to_owned()), where_sql: None }).unwrap();
        prop_assert_eq!(runs.len(), one.iter().zip(&other).filter(|(a, b)| a.is_some() || b.is_some()).count());
        for (run, (one, other)) in plan(&[1e-4, 2e-4], &[128], &[1, 2]).iter().zip(one.iter().zip(&other)) {
            let longest = one.iter().chain(other).map(|(trained, ..)| *trained).max();
            let Some(longest) = longest else { continue };
            let points = reader.points(&run.id, Metric::DLoss, u64::MAX, usize::MAX).unwrap().len();
            prop_assert_eq!(points, usize::from(longest.saturating_sub(1)));
            let evaluated = |it: &Option<(u8, u8, bool)>| it.is_some_and(|(trained, _, tagged)| tagged && trained > 1);
            let trained = |it: &Option<(u8, u8, bool)>| it.filter(|(trained, ..)| *trained > 1);
            let are_one = match (trained(one), trained(other)) {
                (Some((_, one, _)), Some((_, other, _))) => one == other,
                _ => true,
            };
            if are_one {
                let found = reader.evaluations(&run.id, u64::MAX).unwrap().len();
                prop_assert_eq!(found, usize::from(evaluated(one)) + usize::from(evaluated(other)));
                let curve = reader.points(&run.id, Metric::Fd, u64::MAX, usize::MAX).unwrap().len();
                prop_assert_eq!(curve, usize::from(evaluated(one) || evaluated(other)));
            }
        }
    }
}

#[test]
fn figures_that_only_the_shorter_record_has_are_those_of_the_longer_one_too() {
    let (short, long) = (
        database(&vec![Some((2, 0, true)), None, None, None], "a"),
        database(&vec![Some((4, 0, false)), None, None, None], "b"),
    );
    for (into, from, taken) in [(copy(&short), &long, 1), (copy(&long), &short, 0)] {
        let plan = merge(&into, from);
        assert_eq!((plan.taken.len(), plan.evaluated.len()), (taken, 1), "{plan:?}");
        let reader = Reader::open(into.path()).unwrap();
        let run = &plan.evaluated[0];
        let summaries = reader.summaries(run, u64::MAX).unwrap();
        let fd = summaries.iter().find(|summary| summary.metric == Metric::Fd).unwrap();
        assert_eq!((fd.count, fd.last_step), (1, 1));
        assert_eq!(reader.points(run, Metric::DLoss, u64::MAX, usize::MAX).unwrap().len(), 3);
    }
}

#[test]
fn values_that_differ_at_a_common_step_are_a_conflict_and_those_of_clocks_are_none() {
    let of = |loss: u8| database(&vec![Some((4, loss, false)), None, None, None], "a");
    let (a, b, same) = (of(0), of(1), of(0));
    assert_eq!(merge(&copy(&a), &same).conflicts, []);
    let plan = merge(&copy(&a), &b);
    let [conflict] = plan.conflicts.as_slice() else { panic!("{plan:?}") };
    assert_eq!((conflict.metric, conflict.step, conflict.here, conflict.there), (Metric::DLoss, 1, 1.0, 2.0));
}

#[test]
fn a_run_without_its_file_is_merged_without_its_checkpoint() {
    let fixture = Fixture::new();
    let other = database(&vec![Some((3, 0, false)), None, None, None], "a");
    let mut store = fixture.store;
    let reader = Reader::open(other.path()).unwrap();
    let plan = store.plan_merge(&reader).unwrap();
    assert_eq!((plan.taken.len(), plan.taken[0].checkpoint.is_some()), (1, true));
    store.merge(&reader, &plan, &BTreeMap::new()).unwrap();
    let reader = Reader::open(fixture.folder.path()).unwrap();
    assert_eq!(reader.checkpoint(&plan.taken[0].run).unwrap(), None);
    assert_eq!(reader.best_checkpoint(&plan.taken[0].run).unwrap(), None);
    assert_eq!(reader.run(plan.taken[0].run.as_str()).unwrap().step, 2);
}
