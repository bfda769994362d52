//! Merging the quality figures of a run.
//!
//! Figures are added to a run long after it was trained, so that either of two databases may have some that the other lacks. The
//! merged run has those of both. Of figures of the same images by the same evaluator, those of the record that is taken are kept; so
//! is its curve, and the other's takes its place only where it has none.

use std::collections::BTreeMap;

use gansweep_protocol::Metric;
use rusqlite::{Connection, params};

use super::super::{MetricIds, summary::Summaries};
use crate::fault::Fault;

/// What two evaluations must have in common to be comparable: number of images, evaluator and source.
type Basis = (i64, String, String);

/// The evaluations of a run, and the points of its curve.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Evaluations {
    rows: BTreeMap<(i64, Basis), Row>,
    points: BTreeMap<(i64, String), Value>,
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
struct Row {
    figures: String,
    classes: Option<String>,
    at_ms: i64,
    is_curve: bool,
    attempt: i64,
}

/// A value of a figure, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Value {
    real: Option<f64>,
    kind: i64,
    attempt: i64,
}

/// Which of two sets of evaluations comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precedence {
    /// The first belongs to the record that is taken.
    First,
    /// Both records are the same, so that the figures decide.
    Neither,
}

impl Evaluations {
    /// Reads those of a run.
    pub(super) fn read((connection, run_id): (&Connection, i64)) -> Result<Self, Fault> {
        let mut evaluations = Self::default();
        let mut statement = connection.prepare_cached(
            "SELECT step, images, evaluator, source, figures, classes, at_ms, is_curve, attempt
             FROM evaluations WHERE run_id = ?1",
        )?;
        let mut rows = statement.query([run_id])?;
        while let Some(row) = rows.next()? {
            let key = (row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?));
            let row = Row {
                figures: row.get(4)?,
                classes: row.get(5)?,
                at_ms: row.get(6)?,
                is_curve: row.get(7)?,
                attempt: row.get(8)?,
            };
            evaluations.rows.insert(key, row);
        }
        let mut statement = connection.prepare_cached(&format!(
            "SELECT m.name, p.step, p.value, p.kind, p.attempt FROM points p JOIN metrics m USING (metric_id)
             WHERE p.run_id = ?1 AND m.name IN ({})",
            figure_names()
        ))?;
        let mut rows = statement.query([run_id])?;
        while let Some(row) = rows.next()? {
            let value = Value { real: row.get(2)?, kind: row.get(3)?, attempt: row.get(4)? };
            evaluations.points.insert((row.get(1)?, row.get(0)?), value);
        }
        Ok(evaluations)
    }

    /// Leaves out what comes after a step.
    pub(super) fn until(mut self, step: i64) -> Self {
        self.rows.retain(|(at, _), _| *at <= step);
        self.points.retain(|(at, _), _| *at <= step);
        self
    }

    /// Those of both.
    pub(super) fn joined(&self, other: &Self, precedence: Precedence) -> Self {
        let curve = match precedence {
            Precedence::First => self.curve().or(other.curve()),
            Precedence::Neither => self.curve().max(other.curve()),
        };
        let mut joined = Self::default();
        for (first, second) in [(self, other), (other, self)] {
            for (key, row) in &first.rows {
                let rival = second.rows.get(key);
                let is_kept = match (precedence, rival) {
                    (_, None) => true,
                    (Precedence::First, Some(_)) => std::ptr::eq(first, self),
                    (Precedence::Neither, Some(rival)) => row >= rival,
                };
                if !is_kept {
                    continue;
                }
                let is_curve = row.is_curve && curve == Some(&key.1);
                joined.rows.insert(key.clone(), Row { is_curve, ..row.clone() });
                if is_curve {
                    let points = first.points.range((key.0, String::new())..(key.0 + 1, String::new()));
                    joined.points.extend(points.map(|(at, value)| (at.clone(), *value)));
                }
            }
        }
        joined
    }

    /// What the evaluations of the curve have in common.
    fn curve(&self) -> Option<&Basis> {
        self.rows.iter().find(|(_, row)| row.is_curve).map(|((_, basis), _)| basis)
    }

    /// Puts them in the place of those of a run. What the run did not have belongs to its latest attempt then.
    pub(super) fn write(&self, to: &Connection, metrics: &MetricIds, run_id: i64) -> Result<(), Fault> {
        let latest: i64 = to
            .prepare_cached("SELECT max(attempts, 1) FROM runs WHERE run_id = ?1")?
            .query_row([run_id], |row| row.get(0))?;
        to.prepare_cached("DELETE FROM evaluations WHERE run_id = ?1")?.execute([run_id])?;
        let mut insert = to.prepare_cached(
            "INSERT INTO evaluations (run_id, step, evaluator, images, source, figures, classes, at_ms, is_curve, attempt)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        for ((step, (images, evaluator, source)), row) in &self.rows {
            let Row { figures, classes, at_ms, is_curve, attempt } = row;
            let attempt = attempt.min(&latest);
            insert.execute(params![
                run_id, step, evaluator, images, source, figures, classes, at_ms, is_curve, attempt
            ])?;
        }
        let mut delete = to.prepare_cached("DELETE FROM points WHERE run_id = ?1 AND metric_id = ?2")?;
        for metric in Metric::figures() {
            delete.execute(params![run_id, metrics[&metric]])?;
        }
        let mut insert = to.prepare_cached(
            "INSERT INTO points (run_id, metric_id, step, value, kind, attempt) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for ((step, name), value) in &self.points {
            let Some(metric) = Metric::from_name(name) else { continue };
            let attempt = value.attempt.min(latest);
            insert.execute(params![run_id, metrics[&metric], step, value.real, value.kind, attempt])?;
        }
        let mut summaries = Summaries::default();
        summaries.invalidate(run_id, metrics);
        summaries.write(to, metrics)
    }
}

/// The names of quality figures, for `IN`.
pub(super) fn figure_names() -> String {
    let names: Vec<String> = Metric::figures().map(|metric| format!("'{}'", metric.name())).collect();
    names.join(", ")
}
