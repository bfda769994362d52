//! Readers: filters, prefixes, differences, queries, and a writer beside them.

use gansweep_config::{ClassNames, Dataset, DatasetSpec};
use gansweep_protocol::{Metric, SampleSource};
use serde_json::json;

use super::support::{Fixture, GEOMETRY, plan, strokes, sweep};
use crate::{Cell, DatasetRow, Reader, RealImages, RunFilter, StoreError};

fn filtered(fixture: &Fixture, where_sql: &str) -> Result<usize, StoreError> {
    let filter = RunFilter { sweep: Some("lr".into()), where_sql: Some(where_sql.into()) };
    fixture.reader().runs(&filter).map(|runs| runs.len())
}

#[test]
fn a_filter_selects_by_any_column_of_the_overview() {
    let fixture = Fixture::new();
    for (where_sql, runs) in [
        ("lr_g < 1.5e-4", 2),
        ("seed = 1 AND state = 'queued'", 2),
        ("hidden_g = '[128,256]' -- the wide ones", 4),
        ("swept ->> '$.\"optimizer.lr\"' = 2e-4", 2),
        ("config ->> '$.model.generator.batch_norm' AND seed > 1", 2),
        ("id IN (SELECT run FROM config_values_named WHERE key = 'train.epochs' AND value > 3)", 0),
        ("label LIKE '%seed=2' OR 0", 2),
    ] {
        assert_eq!(filtered(&fixture, where_sql).unwrap(), runs, "{where_sql}");
    }
}

#[test]
fn a_wrong_filter_is_refused_with_the_columns_there_are() {
    let fixture = Fixture::new();
    for wrong in [
        "lr > 1",
        "\"stat\" = 'queued'",
        "seed >",
        "",
        "1) OR (1",
        "0) OR (1",
        "1 /* all",
        "1; DROP TABLE runs",
        "seed = ?5",
        "json_extract('{', '$') = 1",
    ] {
        match filtered(&fixture, wrong) {
            Err(error @ StoreError::Filter { .. }) => {
                let text = error.to_string();
                assert!(text.contains("the columns are sweep, position, id, label"), "{text}");
            }
            other => panic!("{wrong}: {other:?}"),
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_filter_shows_a_run_that_its_sweep_does_not_have(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "(", ")", "'", "\"", "[", "]", "`", "--", "/*", "*/", "\n", ";", " OR ", " AND ", "1", "0", "seed", " = ",
                "?1", ":a", "sweep", " UNION SELECT ", "%", "\\",
            ]),
            0..12,
        )
    ) {
        use std::sync::OnceLock;
        static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| {
            let Fixture { folder, mut store, .. } = Fixture::new();
            store.register_sweep(&sweep("other"), &plan(&[1e-4, 5e-4], &[64], &[1, 2, 3])).unwrap();
            folder
        });
        let filter = RunFilter { sweep: Some("lr".into()), where_sql: Some(parts.concat()) };
        if let Ok(runs) = Reader::open(folder.path()).unwrap().runs(&filter) {
            proptest::prop_assert!(runs.len() <= 4 && runs.iter().all(|run| run.sweep.as_deref() == Some("lr")));
        }
    }
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_id() {
    let fixture = Fixture::new();
    let reader = fixture.reader();
    let id = fixture.runs[1].as_str();
    assert_eq!(reader.run(&id[..10]).unwrap().id, fixture.runs[1]);
    assert_eq!(reader.run(&id.to_uppercase()).unwrap().id, fixture.runs[1]);
    assert!(
        matches!(reader.run("").unwrap_err(), StoreError::AmbiguousRun { matches, .. } if matches.len() == 4)
    );
    for stranger in ["zz", "*", "00000000deadbeef", "' OR 1"] {
        assert!(matches!(reader.run(stranger).unwrap_err(), StoreError::UnknownRun { .. }), "{stranger}");
    }
}

#[test]
fn an_unknown_sweep_is_answered_with_those_there_are() {
    let mut fixture = Fixture::new();
    fixture.store.register_sweep(&sweep("quick"), &[]).unwrap();
    let expected = "no sweep is named `lrr`; there are lr, quick; did you mean `lr`?";
    assert_eq!(fixture.reader().sweep("lrr").unwrap_err().to_string(), expected);
    let filter = RunFilter { sweep: Some("lrr".into()), where_sql: None };
    assert_eq!(fixture.reader().runs(&filter).unwrap_err().to_string(), expected);
    let names: Vec<String> = fixture.reader().sweeps().unwrap().into_iter().map(|sweep| sweep.name).collect();
    assert_eq!(names, ["lr", "quick"]);
}

#[test]
fn configs_read_back_key_by_key() {
    let fixture = Fixture::new();
    let values = fixture.reader().config_values(&fixture.runs[0]).unwrap();
    let get = |key: &str| values.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone());
    assert_eq!(get("optimizer.generator.lr"), Some(json!(1e-4)));
    assert_eq!(get("model.generator.hidden"), Some(json!([128, 256])));
    assert_eq!(get("model.generator.batch_norm"), Some(json!(true)));
    assert_eq!(get("model.generator.dropout"), Some(json!(0.0)), "a real stays a real");
    assert_eq!(get("train.batch_size"), Some(json!(64)));
    assert_eq!(get("data.dataset"), Some(json!("strokes")));
    assert!(values.is_sorted_by(|a, b| a.key < b.key));
}

#[test]
fn runs_differ_in_exactly_the_keys_that_differ() {
    let fixture = Fixture::new();
    let difference = |runs: &[usize]| {
        let runs: Vec<_> = runs.iter().map(|&run| fixture.runs[run].clone()).collect();
        let rows = fixture.reader().diff(&runs).unwrap();
        rows.into_iter().map(|row| (row.key, row.values)).collect::<Vec<_>>()
    };
    assert_eq!(difference(&[0, 1]), [("seed".to_owned(), vec![Some(json!(1)), Some(json!(2))])]);
    let rates = vec![Some(json!(1e-4)), Some(json!(2e-4)), Some(json!(1e-4))];
    let keys = ["optimizer.discriminator.lr", "optimizer.generator.lr"];
    assert_eq!(difference(&[0, 2, 0]), keys.map(|key| (key.to_owned(), rates.clone())));
    assert_eq!(difference(&[3]), []);
}

#[test]
fn every_hyperparameter_of_the_overview_finds_its_key() {
    let fixture = Fixture::new();
    let table = fixture.reader().query("SELECT * FROM run_overview LIMIT 1").unwrap();
    for column in [
        "dataset",
        "lr_g",
        "lr_d",
        "beta1_g",
        "beta1_d",
        "batch_size",
        "latent_dim",
        "hidden_g",
        "hidden_d",
        "dropout_g",
        "dropout_d",
        "label_smoothing",
        "swept",
        "config",
        "created",
    ] {
        let index = table.columns.iter().position(|name| name == column).unwrap();
        assert_ne!(table.rows[0][index], Cell::Null, "{column}");
    }
}

#[test]
fn a_query_gives_typed_cells() {
    let fixture = Fixture::new();
    let table =
        fixture.reader().query("SELECT 1 AS a, 0.5 AS b, 'x' AS c, NULL AS d, x'00ff' AS e;").unwrap();
    assert_eq!(table.columns, ["a", "b", "c", "d", "e"]);
    let cells =
        [Cell::Integer(1), Cell::Real(0.5), Cell::Text("x".into()), Cell::Null, Cell::Blob(vec![0, 255])];
    assert_eq!(table.rows, [cells.to_vec()]);
}

#[test]
fn roots_logarithms_and_spreads_have_functions() {
    let fixture = Fixture::new();
    let row = |sql: &str| fixture.reader().query(sql).unwrap().rows.remove(0);
    let reals = |values: &[f64]| values.iter().copied().map(Cell::Real).collect::<Vec<_>>();
    let scalars = row("SELECT sqrt(2.25), pow(2, 0.5) * pow(2, 0.5), exp(0), ln(exp(1)), log10(1e-3)");
    for (found, expected) in scalars.iter().zip([1.5, 2.0, 1.0, 1.0, -3.0]) {
        assert!(matches!(found, Cell::Real(found) if (found - expected).abs() < 1e-12), "{scalars:?}");
    }
    // As Python's `statistics.median` and `statistics.stdev` of the values that are not NULL.
    let spreads = "SELECT median(column1), stddev(column1) FROM (VALUES";
    assert_eq!(
        row(&format!("{spreads} (2), (4), (NULL), (9.0), (1))")),
        reals(&[3.0, (38.0_f64 / 3.0).sqrt()])
    );
    assert_eq!(row(&format!("{spreads} (5), (1), (1.5))"))[0], Cell::Real(1.5));
    assert_eq!(row(&format!("{spreads} (7))")), [Cell::Real(7.0), Cell::Null]);
    assert_eq!(row(&format!("{spreads} (NULL))")), [Cell::Null, Cell::Null]);
    assert_eq!(
        row("SELECT sqrt(-1), ln(0), exp(1e4), pow(0, -1), sqrt(NULL), pow(1, NULL)"),
        vec![Cell::Null; 6]
    );
    for text in ["SELECT sqrt('x')", "SELECT median(label) FROM run_overview"] {
        assert!(matches!(fixture.reader().query(text), Err(StoreError::Query { .. })), "{text}");
    }
}

#[test]
fn a_statement_that_would_write_is_refused() {
    let fixture = Fixture::new();
    for sql in [
        "DELETE FROM runs",
        "INSERT INTO value_kinds VALUES (9, 'x')",
        "CREATE TEMP TABLE t (a)",
        "DROP TABLE runs",
        "PRAGMA journal_mode = delete",
        "PRAGMA user_version = 9",
        "WITH x AS (SELECT 1) UPDATE runs SET seed = 3",
        "VACUUM INTO '/dev/null'",
    ] {
        let error = fixture.reader().query(sql).unwrap_err();
        assert!(matches!(error, StoreError::WouldWrite | StoreError::Query { .. }), "{sql}: {error}");
    }
    assert_eq!(fixture.reader().query("SELECT * FROM runs").unwrap().rows.len(), 4);
}

#[test]
fn a_statement_that_is_none_is_refused_in_sqlites_words() {
    let fixture = Fixture::new();
    for (sql, words) in [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM run", "no such table: run; did you mean `runs`?"),
        ("SELECT * FROM runz", "no such table: runz; did you mean `runs`?"),
        ("SELECT r.lable FROM run_overview AS r", "no such column: r.lable; did you mean `label`?"),
        ("SELECT \"nam\" FROM sweeps", "did you mean `name`?"),
        (
            "SELECT config_hash FROM sweeps",
            "no such column: config_hash; `trials`, `trials_named`, `run_overview` have a column `config_hash`",
        ),
        ("SELECT s.config_hash FROM sweeps AS s", "have a column `config_hash`"),
        ("SELECT config_hush FROM sweeps", "did you mean `config_hash`?"),
        ("SELECT latent_seed FROM runs", "no such column: latent_seed; `sweeps` has a column `latent_seed`"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("", "it gives no rows"),
        ("ATTACH 'other.sqlite' AS other", "it gives no rows"),
        ("SELECT abs(-9223372036854775807 - 1)", "integer overflow"),
    ] {
        let error = fixture.reader().query(sql).unwrap_err().to_string();
        assert!(error.contains(words), "{sql}: {error}");
    }
}

#[test]
fn a_reader_sees_what_is_committed_and_a_snapshot_holds_it() {
    let (mut fixture, mut script) = Fixture::begun();
    let reader = fixture.reader();
    let run = fixture.runs[0].clone();
    let count = || reader.points(&run, Metric::DLoss, u64::MAX, 100).unwrap().len();
    assert_eq!(count(), 0);
    fixture.store.record(&script.points(1, &[(Metric::DLoss, 1.0)]).take()).unwrap();
    assert_eq!(count(), 1);
    let outer = reader.snapshot().unwrap();
    let inner = reader.snapshot().unwrap();
    fixture.store.record(&script.points(2, &[(Metric::DLoss, 1.0)]).take()).unwrap();
    drop(inner);
    assert_eq!(count(), 1);
    drop(outer);
    assert_eq!(count(), 2);
}

#[test]
fn a_dataset_is_told_with_the_counts_of_the_latest_plan() {
    let mut fixture = Fixture::new();
    let class_names = ClassNames::new(["T-shirt/top", "a \"name\""]);
    let spec = DatasetSpec { test_images: 0, class_names, ..strokes() };
    let mut runs = plan(&[1e-4], &[128], &[1]);
    runs[0].spec = spec.clone();
    assert_eq!(fixture.reader().dataset("strokes-1").unwrap().spec, strokes());
    fixture.store.register_sweep(&sweep("other"), &runs).unwrap();
    let found = fixture.reader().dataset("strokes-1").unwrap();
    assert_eq!(found, DatasetRow { dataset: Dataset::Strokes, spec });
    let error = fixture.reader().dataset("mnist-1").unwrap_err().to_string();
    assert!(error.contains("no dataset with the fingerprint mnist-1"), "{error}");
}

#[test]
fn real_images_are_kept_per_data_and_layout() {
    let mut fixture = Fixture::new();
    let grid = |rows, png: &[u8]| RealImages {
        dataset: Dataset::Strokes,
        data_fingerprint: "strokes-1".to_owned(),
        geometry: gansweep_protocol::Geometry { rows, ..GEOMETRY },
        png: png.to_vec(),
    };
    for images in [grid(3, b"three"), grid(2, b"two"), grid(3, b"three again")] {
        fixture.store.put_real_images(&images).unwrap();
    }
    let images = fixture.reader().real_images("strokes-1").unwrap();
    assert_eq!(images, [grid(2, b"two"), grid(3, b"three again")]);
    assert_eq!(fixture.reader().real_images("mnist-1").unwrap(), []);
}

#[test]
fn samples_are_listed_without_their_images_and_read_one_by_one() {
    let (mut fixture, mut script) = Fixture::begun();
    script.started(0).averaged_samples(938, 1).samples(938, 1).samples(0, 0);
    fixture.store.record(&script.take()).unwrap();
    let reader = fixture.reader();
    let run = &fixture.runs[0];
    let index = reader.samples_index(run, u64::MAX).unwrap();
    let (raw, ema) = (SampleSource::Raw, SampleSource::Ema);
    let listed: Vec<_> =
        index.iter().map(|info| (info.step, info.epoch, info.source, info.geometry)).collect();
    assert_eq!(listed, [(0, 0, raw, GEOMETRY), (938, 1, raw, GEOMETRY), (938, 1, ema, GEOMETRY)]);
    for (source, info) in [(raw, index[1]), (ema, index[2])] {
        let sample = reader.sample(run, 938, source).unwrap().unwrap();
        assert_eq!((sample.info, sample.png.len() as u64), (info, info.bytes));
        assert_eq!(sample.png.starts_with(b"averaged"), source == ema);
    }
    assert_eq!(reader.sample(run, 0, ema).unwrap(), None);
    assert_eq!(reader.sample(run, 939, raw).unwrap(), None);
    assert_eq!(reader.sample(run, u64::MAX, raw).unwrap(), None);
}

#[test]
fn a_thinned_out_series_is_read_from_the_database() {
    let (mut fixture, mut script) = Fixture::begun();
    for step in 1..=1_000 {
        script.points(step, &[(Metric::DLoss, if step == 777 { 99.0 } else { 1.0 })]);
    }
    fixture.store.record(&script.take()).unwrap();
    let reader = fixture.reader();
    let thin = reader.points(&fixture.runs[0], Metric::DLoss, u64::MAX, 20).unwrap();
    assert!(thin.len() <= 20 && thin.iter().any(|point| point.step == 777), "{thin:?}");
    assert_eq!(reader.points(&fixture.runs[0], Metric::DLoss, u64::MAX, usize::MAX).unwrap().len(), 1_000);
    assert_eq!(reader.points(&fixture.runs[1], Metric::DLoss, u64::MAX, 20).unwrap(), []);
}

#[test]
fn seconds_and_speed_of_a_running_run_come_from_its_points() {
    let (mut fixture, mut script) = Fixture::begun();
    let values = [(Metric::Seconds, 4.0), (Metric::ImagesSeen, 1_000.0)];
    fixture.store.record(&script.started(0).points(10, &values).take()).unwrap();
    let run = fixture.reader().run(fixture.runs[0].as_str()).unwrap();
    assert_eq!((run.seconds, run.images_per_second), (4.0, Some(250.0)));
}
