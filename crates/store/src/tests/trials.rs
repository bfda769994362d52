//! The trials of a search.

use gansweep_protocol::Metric;

use super::support::{Fixture, LAST_STEP, Script, plan, sweep, trial};
use crate::{Cell, Store, StoreError};

#[test]
fn trials_are_read_as_they_were_recorded_and_replaced_as_a_whole() {
    let mut fixture = Fixture::new();
    let [first, second] = [trial(&fixture, 0, 0), trial(&fixture, 1, 2)];
    assert_eq!(fixture.store.trials("lr").unwrap(), []);
    fixture.store.replace_trials("lr", std::slice::from_ref(&first)).unwrap();
    fixture.store.add_trials("lr", std::slice::from_ref(&second), &[]).unwrap();
    assert_eq!(fixture.store.trials("lr").unwrap(), [first.clone(), second.clone()]);
    fixture.store.replace_trials("lr", std::slice::from_ref(&second)).unwrap();
    assert_eq!(fixture.store.trials("lr").unwrap(), [second]);
    assert!(matches!(fixture.store.add_trials("other", &[first], &[]), Err(StoreError::UnknownSweep { .. })));
}

#[test]
fn the_value_of_a_trial_is_the_mean_over_its_seeds_once_all_have_it() {
    let mut fixture = Fixture::new();
    let first = trial(&fixture, 0, 0);
    fixture.store.replace_trials("lr", &[first]).unwrap();
    let value = |fixture: &Fixture| {
        fixture.reader().query("SELECT value FROM trials_named").unwrap().rows[0][0].clone()
    };
    for (run, fd) in [(0, 4.0), (1, 6.0)] {
        assert_eq!(value(&fixture), Cell::Null);
        let mut script = Script::new(fixture.runs[run].clone(), 1);
        script.started(0).points(LAST_STEP, &[(Metric::Fd, fd)]).checkpoint(LAST_STEP);
        script.completed(LAST_STEP, 1.0);
        fixture.store.record(&script.take()).unwrap();
    }
    assert_eq!(value(&fixture), Cell::Real(5.0));
}

#[test]
fn trials_go_with_their_sweep() {
    let mut fixture = Fixture::new();
    let first = trial(&fixture, 0, 0);
    fixture.store.replace_trials("lr", &[first]).unwrap();
    fixture.store.remove(&["lr".to_owned()], &[]).unwrap();
    assert_eq!(fixture.store.trials("lr").unwrap(), []);
    assert_eq!(fixture.reader().query("SELECT count(*) FROM trials").unwrap().rows[0][0], Cell::Integer(0));
}

#[test]
fn merging_takes_the_trials_of_the_sweep_that_was_started_later() {
    let clocks: [crate::Clock; 2] = [|| 1_000, || 2_000];
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let runs = plan(&[1e-4, 2e-4], &[128], &[1, 2]);
    let fixture = Fixture::new();
    let trials = [vec![trial(&fixture, 0, 0), trial(&fixture, 1, 2)], vec![trial(&fixture, 0, 2)]];
    for ((folder, clock), trials) in folders.iter().zip(clocks).zip(&trials) {
        let mut store = Store::open_with_clock(folder.path(), clock).unwrap();
        store.register_sweep(&sweep("lr"), &runs).unwrap();
        store.replace_trials("lr", trials).unwrap();
    }
    for (into, from) in [(0, 1), (1, 0)] {
        let mut store = Store::open_with_clock(folders[into].path(), clocks[into]).unwrap();
        let other = crate::Reader::open(folders[from].path()).unwrap();
        let merge = store.plan_merge(&other).unwrap();
        store.merge(&other, &merge, &std::collections::BTreeMap::new()).unwrap();
        assert_eq!(store.trials("lr").unwrap(), trials[1]);
    }
}
