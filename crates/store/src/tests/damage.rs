//! Damage that SQLite does not notice.

use std::{fs, time::Duration};

use gansweep_protocol::{Event, Metric, SampleSource, Samples};
use rusqlite::Connection;

use super::support::{Fixture, GEOMETRY, LAST_STEP, trial};
use crate::{
    Damage, DamageKind, Reader, RealImages, RungDecision, RungRow, Store, StoreError, check::sample_png,
    tables::TABLES,
};

/// A sweep with something in every table, with real PNG files.
pub(super) fn whole() -> Fixture {
    let mut fixture = Fixture::new();
    let images = RealImages {
        dataset: gansweep_config::Dataset::Strokes,
        data_fingerprint: "strokes-1".to_owned(),
        geometry: GEOMETRY,
        png: sample_png(GEOMETRY, b"real"),
    };
    fixture.store.put_real_images(&images).unwrap();
    fixture.store.tag(&fixture.runs[0].clone(), "good", true).unwrap();
    let trials = [trial(&fixture, 0, 0), trial(&fixture, 1, 2)];
    fixture.store.replace_trials("lr", &trials).unwrap();
    let decided = RungRow {
        run: fixture.runs[0].clone(),
        epochs: 1,
        bracket: 0,
        value: Some(20.0),
        decision: RungDecision::Promoted,
        reason: "1st of 3".to_owned(),
    };
    fixture.store.record_rungs("lr", &[decided]).unwrap();
    for id in fixture.runs.clone() {
        fixture.store.begin_attempt(&id, "cpu").unwrap();
        let mut script = super::support::Script::new(id, 1);
        script.started(0);
        for step in 1..=20 {
            let values = [
                (Metric::DLoss, 1.0 / step as f64),
                (Metric::GLoss, f64::NAN),
                (Metric::Seconds, step as f64),
            ];
            script.points(step, &values);
        }
        let png = sample_png(GEOMETRY, b"a grid");
        script.event(Event::Samples(Samples {
            step: 20,
            epoch: 1,
            source: SampleSource::Raw,
            geometry: GEOMETRY,
            png,
        }));
        script.checkpoint_beside(20, 20).checkpoint_beside(LAST_STEP, 20).completed(LAST_STEP, 12.5);
        fixture.store.record(&script.take()).unwrap();
    }
    let run = fixture.runs[0].clone();
    fixture.store.record_evaluations(&run, &[super::evaluations::evaluation(20, 1.5)]).unwrap();
    fixture
}

fn found(fixture: &Fixture) -> Vec<Damage> {
    fixture.reader().check().unwrap()
}

#[test]
fn in_a_whole_database_nothing_is_found() {
    let fixture = whole();
    assert_eq!(found(&fixture), []);
    assert_eq!(fixture.reader().check_within(Duration::from_secs(10)).unwrap(), []);
    // Attempts that were killed, repeated and taken back are no damage.
    let (mut fixture, mut script) = Fixture::begun();
    let points = |step: u64| [(Metric::DLoss, step as f64)];
    fixture
        .store
        .record(&script.started(0).points(1, &points(1)).checkpoint(1).points(2, &points(2)).take())
        .unwrap();
    let run = fixture.runs[0].clone();
    fixture.store.end_attempt(&run, 1, gansweep_config::RunState::Failed, "killed").unwrap();
    assert_eq!(fixture.store.begin_attempt(&run, "cpu").unwrap(), 2);
    assert_eq!(found(&fixture), []);
    let mut script = super::support::Script::new(run, 2);
    fixture.store.record(&script.started(1).points(2, &points(3)).points(3, &points(4)).take()).unwrap();
    assert_eq!(found(&fixture), []);
}

#[test]
fn each_kind_of_change_is_found_and_named() {
    let cases = [
        (
            "UPDATE points SET value = value + 1e-12 WHERE step = 7 AND metric_id = (SELECT metric_id FROM metrics WHERE name = 'd_loss')",
            "d_loss",
        ),
        ("UPDATE points SET value = 0.5, kind = 0 WHERE step = 7 AND kind = 3", "g_loss"),
        ("DELETE FROM points WHERE step = 7", "summarised"),
        ("UPDATE summaries SET min = min - 1e-9", "summar"),
        ("UPDATE summaries SET count = count + 1", "summar"),
        ("DELETE FROM summaries", "have no summary"),
        ("UPDATE samples SET png = zeroblob(length(png))", "the grid of run"),
        ("UPDATE samples SET rows = rows + 1", "size is not that of its grid"),
        ("UPDATE samples SET attempt = 9", "does not exist"),
        ("UPDATE samples SET source = 'ema'", "is of an average that its config does not keep"),
        ("UPDATE real_images SET png = substr(png, 1, length(png) - 1)", "real images of strokes"),
        ("UPDATE runs SET seed = seed + 1", "its id is not that"),
        ("UPDATE runs SET data_fingerprint = 'strokes-2'", "its id is not that"),
        ("UPDATE runs SET attempts = attempts + 1", "numbered up to 1"),
        ("UPDATE runs SET confirmed_step = confirmed_step + 1000", "confirmed up to"),
        ("UPDATE configs SET hash = 'ffffffffffffffff' WHERE config_id = 1", "its id is not that"),
        ("UPDATE configs SET json = json_set(json, '$.train.batch_size', 63)", "its JSON"),
        ("UPDATE config_values SET value = value + 1 WHERE key = 'train.batch_size'", "its values"),
        ("UPDATE checkpoints SET sha256 = replace(sha256, 'a', 'x')", "digest"),
        ("UPDATE checkpoints SET step = step + 100000", "confirmed up to step"),
        ("UPDATE attempts SET run_id = run_id + 100", "do not exist"),
        ("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'q.last_value', 'q.last_step')
          WHERE name = 'summaries_named' OR name = 'run_overview'; DROP VIEW points_named", "its definition is not"),
        ("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET type = 'taBle' WHERE name = 'evaluations'", "its definition is not"),
    ];
    for (sql, said) in cases {
        let fixture = whole();
        let connection = Connection::open(fixture.path().join("results.sqlite")).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let found: Vec<String> = found(&fixture).iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|damage| damage.contains(said)), "{sql}: {found:#?}");
    }
}

/// Everything that a command can show: all rows of all tables and views.
fn shown(reader: &Reader) -> Result<Vec<String>, StoreError> {
    let names =
        reader.query("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")?;
    names
        .rows
        .iter()
        .map(|name| Ok(reader.query(&format!("SELECT * FROM {}", name[0]))?.to_string()))
        .collect()
}

#[test]
fn every_flipped_bit_is_found_or_changes_nothing_that_a_command_shows() {
    const FLIPS: usize = 500;
    let fixture = whole();
    let path = fixture.path().join("results.sqlite");
    let Fixture { folder, store, .. } = fixture;
    drop(store);
    let bytes = fs::read(&path).unwrap();
    let whole = shown(&Reader::open(folder.path()).unwrap()).unwrap();
    let mut random = 1_u64;
    let (mut found, mut unseen) = (0, 0);
    for _ in 0..FLIPS {
        // A linear congruential generator (Knuth, MMIX), of which the high bits are taken.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = (random >> 33) as usize % (bytes.len() * 8);
        let mut damaged = bytes.clone();
        damaged[place / 8] ^= 1 << (place % 8);
        fs::write(&path, &damaged).unwrap();
        let is_found = Reader::open(folder.path())
            .and_then(|reader| reader.check())
            .map_or(true, |damage| !damage.is_empty());
        if is_found {
            found += 1;
            continue;
        }
        unseen += 1;
        let now = shown(&Reader::open(folder.path()).unwrap()).unwrap();
        assert_eq!(now, whole, "bit {} of byte {}", place % 8, place / 8);
    }
    assert!(found > FLIPS / 5 && unseen > 0, "{found} found, {unseen} without effect");
}

#[test]
fn a_change_in_any_column_of_any_table_is_found_and_can_be_accepted() {
    let fixture = whole();
    let columns = "SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name <> 'checksums' ORDER BY 1, 2";
    let columns = fixture.reader().query(columns).unwrap().rows;
    assert_eq!(
        columns.iter().map(|row| row[0].to_string()).collect::<std::collections::BTreeSet<_>>(),
        TABLES.iter().map(|table| table.name.to_owned()).collect()
    );
    let database = fixture.path().join("results.sqlite");
    drop(fixture.store);
    let whole = fs::read(&database).unwrap();
    for row in columns {
        fs::write(&database, &whole).unwrap();
        let [table, column, kind] = [&row[0], &row[1], &row[2]].map(ToString::to_string);
        let changed = match kind.as_str() {
            "TEXT" => format!("{column} || ' '"),
            "BLOB" => format!("substr({column}, 2)"),
            _ => format!("coalesce({column}, 0) - 1000"),
        };
        let connection = Connection::open(&database).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
        let kept: i64 = connection
            .query_row(&format!("SELECT count(*) FROM {table} WHERE {column} IS NOT NULL"), [], |row| {
                row.get(0)
            })
            .unwrap();
        let value = if kept > 0 { &changed } else { "'1'" };
        let sql = format!(
            "UPDATE {table} SET {column} = {value} WHERE ({column}) IN (SELECT max({column}) FROM {table})
            OR (SELECT count({column}) FROM {table}) = 0"
        );
        let rows = connection.execute(&sql, []).unwrap();
        assert!(rows > 0, "{sql}");
        drop(connection);
        let named = Reader::open(fixture.folder.path()).unwrap().check().unwrap();
        let said = format!("rows of table {table}");
        assert!(
            named.iter().any(|it| it.what.starts_with(&said) && it.kind == DamageKind::ChangedRows),
            "{sql}: {named:?}"
        );
        let mut store = Store::open(fixture.folder.path()).unwrap();
        store.accept_rows().unwrap();
        let left = Reader::open(fixture.folder.path()).unwrap().check().unwrap();
        assert!(left.iter().all(|it| it.kind == DamageKind::Contradiction), "{sql}: {left:?}");
    }
}

#[test]
fn a_damaged_file_is_a_finding_and_no_failure() {
    let fixture = whole();
    let path = fixture.path().join("results.sqlite");
    let Fixture { folder, store, .. } = fixture;
    drop(store);
    let bytes = fs::read(&path).unwrap();
    for page in [5, 12, 20] {
        let mut damaged = bytes.clone();
        damaged[page * 4096..][..256].fill(0xa5);
        fs::write(&path, damaged).unwrap();
        // A file whose schema cannot be read does not even open.
        let found = Reader::open(folder.path()).and_then(|reader| reader.check());
        assert!(found.map_or(true, |found| !found.is_empty()), "page {page}");
    }
}

#[test]
fn a_check_with_a_time_limit_ends_in_time_with_what_it_has_found() {
    let fixture = whole();
    let connection = Connection::open(fixture.path().join("results.sqlite")).unwrap();
    connection.execute_batch("UPDATE runs SET attempts = attempts + 1").unwrap();
    assert_eq!(fixture.reader().check_within(Duration::ZERO).unwrap(), []);
    let found = fixture.reader().check_within(Duration::from_secs(10)).unwrap();
    let wrong = |damage: &&Damage| damage.kind == DamageKind::Contradiction;
    assert_eq!((found.iter().filter(wrong).count(), found.len()), (4, 8));
}

#[test]
fn in_the_databases_of_older_versions_nothing_is_found_after_they_are_brought_up_to_date() {
    let stored = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/version-1/results.sqlite");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(stored, folder.path().join("results.sqlite")).unwrap();
    drop(crate::Store::open(folder.path()).unwrap());
    assert_eq!(Reader::open(folder.path()).unwrap().check().unwrap(), []);
}

#[test]
fn a_check_beside_a_writer_finds_nothing() {
    let mut fixture = whole();
    let reader = fixture.reader();
    let run = fixture.runs[0].clone();
    let is_checked = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_checked.load(std::sync::atomic::Ordering::Relaxed) {
                for tags in [true, false] {
                    fixture.store.tag(&run, "good", tags).unwrap();
                }
            }
        });
        let found: Vec<Damage> = (0..30).flat_map(|_| reader.check().unwrap()).collect();
        is_checked.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(found, []);
    });
}
