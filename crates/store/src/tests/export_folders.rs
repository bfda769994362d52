//! Exports as folders: Parquet files, `TensorBoard`, `MLflow`.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use gansweep_config::Assignment;

use super::damage::whole;
use super::support::{plan, sweep};
use crate::export::{Entity, ExportedRuns, mlflow, parquet_folder, tensorboard};
use crate::{Reader, StoreError};

/// An export into a folder.
type Export = fn(&Reader, Option<&str>, &Path) -> Result<ExportedRuns, StoreError>;

/// A Python that has the packages in `tests/exports/requirements.txt`. `scripts/check-exports` makes one.
const PYTHON: &str = "GANSWEEP_TEST_PYTHON";

fn exported() -> (tempfile::TempDir, super::support::Fixture) {
    let fixture = whole();
    let folder = tempfile::tempdir().unwrap();
    let reader = fixture.reader();
    parquet_folder(&reader, &Entity::ALL, None, &folder.path().join("parquet")).unwrap();
    let exported = ExportedRuns { runs: fixture.runs.len(), deleted: 0 };
    assert_eq!(tensorboard(&reader, None, &folder.path().join("tensorboard")).unwrap(), exported);
    assert_eq!(mlflow(&reader, None, &folder.path().join("mlflow")).unwrap(), exported);
    (folder, fixture)
}

/// All files below a folder, with their contents.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push((path.display().to_string(), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_programs_that_exports_are_for_read_them_as_they_were_recorded() {
    let (folder, fixture) = exported();
    let Some(python) = env::var_os(PYTHON) else {
        eprintln!("LEFT OUT: {PYTHON} names no Python; scripts/check-exports runs this test with one");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/exports/read.py");
    let database = fixture.path().join("results.sqlite");
    let output = Command::new(python).arg(script).arg(&database).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn exporting_again_writes_the_same_files() {
    let (folder, fixture) = exported();
    let before = files(folder.path());
    let reader = fixture.reader();
    parquet_folder(&reader, &Entity::ALL, None, &folder.path().join("parquet")).unwrap();
    tensorboard(&reader, None, &folder.path().join("tensorboard")).unwrap();
    mlflow(&reader, None, &folder.path().join("mlflow")).unwrap();
    assert_eq!(files(folder.path()), before);
    assert!(before.len() > 7 + fixture.runs.len());
}

/// A sweep gets another plan, and one of its folders has a file of the user's.
#[test]
fn an_export_deletes_what_it_wrote_before_and_no_longer_has_and_nothing_else() {
    let (folder, mut fixture) = exported();
    fixture.store.register_sweep(&sweep("other"), &plan(&[9e-4], &[128], &[1])).unwrap();
    let formats: [(&str, Export); 2] = [("tensorboard", tensorboard), ("mlflow", mlflow)];
    for (name, export) in formats {
        let place = folder.path().join(name);
        export(&fixture.reader(), Some("other"), &place).unwrap();
        fs::write(place.join("notes.txt"), "mine").unwrap();
    }
    let runs = |name: &str| {
        let of_runs = files(&folder.path().join(name)).into_iter();
        of_runs.filter(|(path, _)| path.contains("tfevents") || path.ends_with("params/seed")).count()
    };
    let run_of = files(&folder.path().join("mlflow"));
    let seeds: Vec<&str> = run_of.iter().filter_map(|(path, _)| path.strip_suffix("/params/seed")).collect();
    for run in &seeds {
        fs::write(Path::new(run).join("tags/note"), "mine").unwrap();
    }
    assert_eq!([runs("tensorboard"), runs("mlflow")], [fixture.runs.len() + 1; 2]);

    fixture.store.register_sweep(&sweep("lr"), &plan(&[7e-4], &[128], &[1])).unwrap();
    for (name, export) in formats {
        let place = folder.path().join(name);
        let exported = export(&fixture.reader(), Some("lr"), &place).unwrap();
        assert!(exported.runs == 1 && exported.deleted >= fixture.runs.len(), "{name}: {exported:?}");
        assert_eq!(runs(name), 2, "that run, and the one of the other sweep");
        assert_eq!(export(&fixture.reader(), None, &place).unwrap().deleted, 0);
        assert_eq!(fs::read_to_string(place.join("notes.txt")).unwrap(), "mine");
    }
    assert!(seeds.iter().all(|run| Path::new(run).join("tags/note").is_file()), "not ours");
}

/// A folder that the user has put elsewhere, with a link in its place, and a list that names files outside.
#[test]
#[cfg(unix)]
fn an_export_deletes_nothing_outside_of_its_folder() {
    let (folder, mut fixture) = exported();
    let place = folder.path().join("tensorboard");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(place.join("lr"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, place.join("lr")).unwrap();
    fs::write(folder.path().join("outside"), "kept").unwrap();
    let list = place.join(".gansweep-export");
    let listed = fs::read_to_string(&list).unwrap();
    fs::write(&list, format!("{listed}lr/../../outside\n")).unwrap();
    let before = files(&elsewhere).len();
    fixture.store.register_sweep(&sweep("lr"), &plan(&[7e-4], &[128], &[1])).unwrap();
    assert_eq!(tensorboard(&fixture.reader(), None, &place).unwrap(), ExportedRuns { runs: 1, deleted: 0 });
    assert_eq!(files(&elsewhere).len(), before + 1);
    assert!(folder.path().join("outside").is_file());
}

#[test]
fn tensorboard_is_told_the_swept_keys_of_all_runs_by_each() {
    let mut fixture = whole();
    let mut other = plan(&[3e-4], &[128], &[1]);
    other[0].assignments = vec![Assignment { key: "train.ema".to_owned(), value: 0.9.into() }];
    fixture.store.register_sweep(&sweep("other"), &other).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(tensorboard(&fixture.reader(), None, folder.path()).unwrap().runs, fixture.runs.len() + 1);
    let is_events = |(path, _): &(String, Vec<u8>)| path.contains("tfevents");
    for (path, bytes) in files(folder.path()).into_iter().filter(is_events) {
        // The first record that names `_hparams_/experiment` ends before the next one's name.
        let place = |name: &str| bytes.windows(name.len()).position(|window| window == name.as_bytes());
        let record =
            &bytes[place("_hparams_/experiment").unwrap()..place("_hparams_/session_start_info").unwrap()];
        for key in ["optimizer.lr", "model.hidden", "train.ema", "seed"] {
            assert!(record.windows(key.len()).any(|window| window == key.as_bytes()), "{path}: {key}");
        }
    }
}

#[test]
fn mlflow_has_the_variant_and_the_names_of_lists_among_the_parameters() {
    let mut fixture = whole();
    let mut other = plan(&[3e-4], &[128], &[1]);
    let assigned = [
        ("variant", "wide".into()),
        ("model.generator.hidden", "deep".into()),
        ("optimizer.lr", 3e-4.into()),
        ("train.ema", 0.5.into()),
    ];
    other[0].assignments =
        assigned.map(|(key, value)| Assignment { key: key.to_owned(), value }).into_iter().collect();
    fixture.store.register_sweep(&sweep("other"), &other).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(mlflow(&fixture.reader(), Some("other"), folder.path()).unwrap().runs, 1);
    let files = files(folder.path());
    let parameter = |name: &str| {
        let end = format!("/params/{name}");
        let found = files.iter().find(|(path, _)| path.ends_with(&end));
        found.map(|(_, text)| String::from_utf8(text.clone()).unwrap())
    };
    assert_eq!(parameter("variant").as_deref(), Some("wide"));
    assert_eq!(parameter("model.generator.hidden.name").as_deref(), Some("deep"));
    assert_eq!(parameter("optimizer.lr").as_deref(), Some("3e-4"));
    let config = &fixture.reader().run(other[0].id.as_str()).unwrap().config;
    assert_eq!(parameter("train.ema"), Some(gansweep_config::value_text(&config["train"]["ema"])));
    let hidden = gansweep_config::value_text(&config["model"]["generator"]["hidden"]);
    assert_eq!(parameter("model.generator.hidden"), Some(hidden));
}

#[test]
fn an_unknown_sweep_and_an_unwritable_folder_are_named() {
    let fixture = whole();
    let folder = tempfile::tempdir().unwrap();
    let reader = fixture.reader();
    let unknown = tensorboard(&reader, Some("none"), folder.path()).unwrap_err().to_string();
    assert!(unknown.contains("none"), "{unknown}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let unwritable = mlflow(&reader, Some("lr"), &file).unwrap_err().to_string();
    assert!(unwritable.contains("file") && unwritable.contains("--out"), "{unwritable}");
}

#[test]
fn parquet_holds_more_rows_than_a_group() {
    let fixture = whole();
    let sql = "WITH RECURSIVE n(step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM n WHERE step < 200000)
        SELECT step, iif(step % 3 = 0, NULL, step / 2.0) AS value, 'text ' || step AS label FROM n";
    let mut bytes = Vec::new();
    crate::export::parquet(&fixture.reader(), sql, &mut bytes).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let Some(python) = env::var_os(PYTHON) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.parquet");
    fs::write(&path, bytes).unwrap();
    let script = "import sys, pyarrow.parquet as pq; f = pq.ParquetFile(sys.argv[1]); t = f.read(); \
        assert f.num_row_groups == 4 and t.num_rows == 200000, f.metadata; \
        assert t['step'].to_pylist() == list(range(1, 200001)); \
        assert t['value'].to_pylist() == [None if s % 3 == 0 else s / 2 for s in range(1, 200001)]; \
        assert t['label'][199999].as_py() == 'text 200000'";
    let output = Command::new(python).args(["-c", script]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
