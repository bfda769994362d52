//! `docs/database.md` says what the database is: its tables, columns, metrics and states, and the
//! outputs of its queries.
//!
//! `UPDATE_DOCS=1` writes the metrics and the outputs anew.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::PathBuf};

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{Diverged, Event, Metric};

use super::support::{Fixture, NEW_YEAR_MS, STEPS_PER_EPOCH, Script, plan, sweep};
use crate::{Cell, Reader, Store};

fn document() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/database.md")
}

fn text() -> String {
    fs::read_to_string(document()).unwrap()
}

/// Each described table or view with the first two cells of its columns' rows.
fn described() -> BTreeMap<String, Vec<(String, String)>> {
    let mut described = BTreeMap::new();
    let mut columns: Option<&mut Vec<(String, String)>> = None;
    for line in text().lines() {
        if line.starts_with('#') {
            columns = line
                .strip_prefix("### `")
                .map(|rest| described.entry(rest.trim_end_matches('`').to_owned()).or_insert_with(Vec::new));
        } else if let (Some(columns), Some(row)) = (&mut columns, line.strip_prefix("| `")) {
            let mut cells = row.split('|').map(str::trim);
            let name = cells.next().unwrap().trim_end_matches('`').to_owned();
            columns.push((name, cells.next().unwrap().to_owned()));
            assert!(cells.next().is_some_and(|meaning| !meaning.is_empty()), "{line}");
        }
    }
    described
}

/// Each table or view of the database with its columns and their types.
fn actual(reader: &Reader) -> BTreeMap<String, Vec<(String, String)>> {
    let sql = "SELECT s.name, s.type, c.name, c.type, c.\"notnull\" OR c.pk FROM sqlite_schema s
               JOIN pragma_table_info(s.name) c WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite_%'";
    let mut actual: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in reader.query(sql).unwrap().rows {
        let [table, kind, column, declared, present] = row.as_slice() else { panic!("{row:?}") };
        let declared = match (kind.to_string().as_str(), present) {
            ("view", _) => String::new(),
            (_, Cell::Integer(0)) => format!("{declared} or NULL"),
            _ => declared.to_string(),
        };
        actual.entry(table.to_string()).or_default().push((column.to_string(), declared));
    }
    actual
}

#[test]
fn every_table_view_and_column_is_described_with_its_type() {
    let fixture = Fixture::new();
    let (mut described, actual) = (described(), actual(&fixture.reader()));
    assert_eq!(described.keys().collect::<Vec<_>>(), actual.keys().collect::<Vec<_>>());
    for (name, columns) in &actual {
        let described = described.get_mut(name).unwrap();
        if columns.iter().all(|(_, declared)| declared.is_empty()) {
            // A view's columns have a unit instead.
            for (_, unit) in described.iter_mut() {
                unit.clear();
            }
        }
        assert_eq!(described, columns, "{name}");
    }
}

#[test]
fn every_state_and_value_kind_is_described() {
    let (fixture, text) = (Fixture::new(), text());
    for row in fixture.reader().query("SELECT state, final, help FROM states").unwrap().rows {
        let line = format!("| `{}` | {} | {} |", row[0], row[1], row[2]);
        assert!(text.contains(&line), "{line} is missing");
    }
    for row in fixture.reader().query("SELECT kind, name FROM value_kinds").unwrap().rows {
        let line = format!("| {} | `{}` | ", row[0], row[1]);
        assert!(text.contains(&line), "{line} is missing");
    }
}

/// The document with metrics and outputs as they are.
fn renewed(text: &str, reader: &Reader) -> String {
    let mut metrics = String::from("| metric | unit | meaning |\n|---|---|---|\n");
    for metric in Metric::ALL {
        let d = metric.declaration();
        writeln!(metrics, "| `{}` | {} | {} |", d.name, d.unit, d.help).unwrap();
    }
    let (before, rest) = text.split_once("## Metrics\n\n").unwrap();
    let (_, rest) = rest.split_once("\n\n").unwrap();
    let text = format!("{before}## Metrics\n\n{metrics}\n{rest}");
    let mut blocks = text.split("```sql\n");
    let mut renewed = blocks.next().unwrap().to_owned();
    for block in blocks {
        let (sql, rest) = block.split_once("```\n").unwrap();
        let rest = rest.strip_prefix("\n```text\n").map_or(rest, |rest| rest.split_once("```\n").unwrap().1);
        let output = reader.query(sql).unwrap();
        assert!(!output.rows.is_empty(), "{sql}");
        write!(renewed, "```sql\n{sql}```\n\n```text\n{output}```\n{rest}").unwrap();
    }
    renewed
}

#[test]
fn every_metric_and_every_querys_output_is_as_described() {
    let fixture = example();
    let text = text();
    let renewed = renewed(&text, &fixture.reader());
    assert_eq!(renewed.matches("```sql\n").count(), 10);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(document(), &renewed).unwrap();
    } else {
        assert_eq!(text, renewed, "run the test with UPDATE_DOCS=1 if this is what it should say");
    }
}

/// A sweep of twelve runs that was interrupted before its last: one diverged, one lost a worker.
fn example() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_with_clock(folder.path(), || NEW_YEAR_MS).unwrap();
    let plan = plan(&[5e-5, 2e-4, 1e-3], &[128, 256], &[1, 2]);
    store.register_sweep(&sweep("lr"), &plan).unwrap();
    for (position, run) in plan[..11].iter().enumerate() {
        let lr = run.config.optimizer.generator.lr;
        let wide = run.config.model.generator.hidden[0] > 128;
        let curve = Curve { lr, seed: run.seed as f64, speed: if wide { 9_000.0 } else { 20_000.0 } };
        train(&mut store, &run.id, position, &curve);
    }
    Fixture { folder, store, runs: plan.into_iter().map(|run| run.id).collect() }
}

struct Curve {
    lr: f64,
    seed: f64,
    speed: f64,
}

impl Curve {
    /// Smooth, and of the four operations only, so that every machine computes the same.
    fn at(&self, epoch: u64) -> Vec<(Metric, f64)> {
        let progress = epoch as f64 * self.lr * 4_000.0 + 0.05 * self.seed;
        let fake = progress / (1.0 + progress + 0.2 * progress * progress);
        let seconds = epoch as f64 * 60_000.0 / self.speed;
        vec![
            (Metric::EpochDLoss, 0.4 + 1.2 * fake),
            (Metric::EpochGLoss, 3.0 - 2.0 * fake),
            (Metric::EpochDReal, 1.0 - fake),
            (Metric::EpochDFakeAfter, fake),
            (Metric::Fd, 20.0 + 400.0 * (fake - 0.5) * (fake - 0.5) + 3.0 * self.seed + 10.0 / epoch as f64),
            (Metric::ImagesSeen, epoch as f64 * 60_000.0),
            (Metric::Seconds, seconds),
        ]
    }

    fn seconds(&self) -> f64 {
        3.0 * 60_000.0 / self.speed
    }
}

fn train(store: &mut Store, run: &RunId, position: usize, curve: &Curve) {
    let attempt = store.begin_attempt(run, "cpu").unwrap();
    let mut script = Script::new(run.clone(), attempt);
    script.started(0).samples(0, 0);
    let step = |epoch: u64| epoch * STEPS_PER_EPOCH;
    for epoch in 1..=3 {
        match (position, epoch) {
            (4, 2) => {
                store.record(&script.take()).unwrap();
                store.end_attempt(run, attempt, RunState::Failed, "killed by SIGKILL").unwrap();
                let attempt = store.begin_attempt(run, "cpu").unwrap();
                script = Script::new(run.clone(), attempt);
                script.started(step(1));
            }
            (8, 2) => {
                let cause = "the D loss was NaN".to_owned();
                let diverged = Diverged { step: 1_204, cause, seconds: 3.9 };
                script.points(1_204, &[(Metric::DLoss, f64::NAN), (Metric::GradNormD, f64::INFINITY)]);
                script.event(Event::Diverged(diverged));
                break;
            }
            (10, 3) => {
                let events = script.interrupted(step(2), curve.seconds() * 2.0 / 3.0).take();
                store.record(&events).unwrap();
                return;
            }
            _ => {}
        }
        script
            .points(step(epoch), &curve.at(epoch))
            .samples(step(epoch), epoch as u32)
            .checkpoint(step(epoch));
    }
    store.record(&script.completed(step(3), curve.seconds()).take()).unwrap();
}
