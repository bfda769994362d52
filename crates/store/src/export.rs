//! Export of entities and queries as CSV and JSON lines.

use std::collections::HashSet;
use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::{Cell, Reader, RowSink, StoreError};

/// Rows that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// One row per sweep: `sweep_overview`.
    Sweeps,
    /// One row per run and sweep: `run_overview`.
    Runs,
    /// One row per run, metric and step: `points_named`.
    Points,
    /// One row per run and metric: `summaries_named`.
    Summaries,
    /// One row per attempt: `attempts_named`.
    Attempts,
}

impl Entity {
    /// Every entity.
    pub const ALL: [Self; 5] = [Self::Sweeps, Self::Runs, Self::Points, Self::Summaries, Self::Attempts];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sweeps => "sweeps",
            Self::Runs => "runs",
            Self::Points => "points",
            Self::Summaries => "summaries",
            Self::Attempts => "attempts",
        }
    }

    /// The entity of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// The SQL statement for its rows: all, or those of the runs in one sweep's latest plan, up to the budgets
    /// there. An unknown sweep gives no rows.
    pub fn sql(self, sweep: Option<&str>) -> String {
        let name = sweep.map(|name| format!("'{}'", name.replace('\'', "''")));
        let name = name.as_deref();
        match self {
            Self::Sweeps => select("sweep_overview", name.map(named), "updated"),
            Self::Runs => select("run_overview", name.map(named), "sweep, position, id"),
            Self::Points => points(name),
            Self::Summaries => name.map_or_else(|| select("summaries_named", None, "run, metric"), summaries),
            Self::Attempts => select("attempts_named", name.map(members), "run, attempt"),
        }
    }
}

fn named(name: &str) -> String {
    format!("sweep = {name}")
}

fn select(view: &str, condition: Option<String>, order: &str) -> String {
    let condition = condition.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
    format!("SELECT * FROM {view}{condition} ORDER BY {order}")
}

/// The columns of `points_named`, in the order of the table's primary key: exporting needs no sorting and no
/// memory, whatever the number of points.
fn points(name: Option<&str>) -> String {
    let (with, join, condition) = match name {
        Some(name) => (
            format!("{} ", asked(name)),
            " CROSS JOIN asked a ON a.run_id = p.run_id AND p.step <= a.until_step",
            " WHERE p.run_id IN (SELECT run_id FROM asked)",
        ),
        None => (String::new(), "", ""),
    };
    format!(
        "{with}SELECT r.id AS run, m.name AS metric, p.step, p.value, k.name AS kind, p.attempt \
         FROM points p{join} CROSS JOIN runs r ON r.run_id = p.run_id CROSS JOIN metrics m USING (metric_id) \
         CROSS JOIN value_kinds k ON k.kind = p.kind{condition} ORDER BY p.run_id, p.metric_id, p.step"
    )
}

/// The columns of `summaries_named`, computed from the points up to the sweep's budgets.
fn summaries(name: &str) -> String {
    format!(
        "{} SELECT r.id AS run, m.name AS metric, s.count, s.finite, s.last_step, l.value AS last_value, \
         k.name AS last_kind, s.min, s.max, s.best, (SELECT b.step FROM points b WHERE b.run_id = s.run_id \
         AND b.metric_id = s.metric_id AND b.value = s.best ORDER BY b.step LIMIT 1) AS best_step, m.unit \
         FROM (SELECT p.run_id, p.metric_id, count(*) AS count, count(p.value) AS finite, \
         max(p.step) AS last_step, min(p.value) AS min, max(p.value) AS max, CASE d.direction \
         WHEN 'lower' THEN min(p.value) WHEN 'higher' THEN max(p.value) END AS best \
         FROM asked a JOIN points p ON p.run_id = a.run_id AND p.step <= a.until_step \
         JOIN metrics d USING (metric_id) GROUP BY p.run_id, p.metric_id) s \
         JOIN points l ON (l.run_id, l.metric_id, l.step) = (s.run_id, s.metric_id, s.last_step) \
         JOIN value_kinds k ON k.kind = l.kind JOIN runs r ON r.run_id = s.run_id \
         JOIN metrics m ON m.metric_id = s.metric_id ORDER BY run, metric",
        asked(name)
    )
}

/// The runs of a sweep's latest plan with the step of their largest budget.
fn asked(name: &str) -> String {
    format!(
        "WITH asked AS MATERIALIZED (SELECT run_id, max(total_steps) AS until_step \
         FROM sweeps JOIN entries USING (sweep_id) WHERE name = {name} GROUP BY run_id)"
    )
}

fn members(name: &str) -> String {
    format!(
        "run IN (SELECT id FROM sweeps JOIN sweep_runs USING (sweep_id) JOIN runs USING (run_id) \
         WHERE name = {name} AND current = 1)"
    )
}

/// Writes the rows of an SQL statement as CSV with a header (RFC 4180, lines ending in a line feed).
/// A missing value is an empty field, bytes are hexadecimal.
///
/// # Errors
/// Those of [`Reader::stream`]; [`StoreError::Output`] if the output cannot be written.
pub fn csv(reader: &Reader, sql: &str, output: &mut dyn Write) -> Result<(), StoreError> {
    reader.stream(sql, &mut Csv(csv::Writer::from_writer(output)))
}

/// Writes the rows of an SQL statement as JSON lines: one object per row. Bytes are a text of
/// hexadecimal digits, an infinite number is the text `inf` or `-inf`; of columns of one name the
/// second is called `name_2`.
///
/// # Errors
/// Those of [`Reader::stream`]; [`StoreError::Output`] if the output cannot be written.
pub fn jsonl(reader: &Reader, sql: &str, output: &mut dyn Write) -> Result<(), StoreError> {
    reader.stream(sql, &mut JsonLines { output: io::BufWriter::new(output), names: Vec::new() })
}

struct Csv<W: Write>(csv::Writer<W>);

impl<W: Write> RowSink for Csv<W> {
    fn columns(&mut self, names: &[String]) -> Result<(), StoreError> {
        self.0.write_record(names).map_err(io_error)?;
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), StoreError> {
        for cell in cells {
            self.0.write_field(cell.to_string()).map_err(io_error)?;
        }
        self.0.write_record(None::<&[u8]>).map_err(io_error)?;
        Ok(())
    }

    fn end(&mut self) -> Result<(), StoreError> {
        Ok(self.0.flush()?)
    }
}

/// The error of the output. The conversion of the `csv` crate would lose its kind, by which a closed pipe is
/// noticed.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        // Rows have equal lengths and nothing is parsed: no other kind comes up here.
        other => io::Error::other(format!("{other:?}")),
    }
}

struct JsonLines<W: Write> {
    output: W,
    names: Vec<String>,
}

impl<W: Write> RowSink for JsonLines<W> {
    fn columns(&mut self, names: &[String]) -> Result<(), StoreError> {
        self.names = unique(names);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), StoreError> {
        let object: Map<String, Value> = self.names.iter().cloned().zip(cells.iter().map(json)).collect();
        serde_json::to_writer(&mut self.output, &object).map_err(io::Error::from)?;
        Ok(self.output.write_all(b"\n")?)
    }

    fn end(&mut self) -> Result<(), StoreError> {
        Ok(self.output.flush()?)
    }
}

/// Names for columns of a JSON object, in which a name can occur only once: a repeated one gets the first
/// number that no other column has.
fn unique(names: &[String]) -> Vec<String> {
    let mut taken: HashSet<&str> = HashSet::new();
    let originals: HashSet<&str> = names.iter().map(String::as_str).collect();
    let mut numbered: HashSet<String> = HashSet::new();
    let mut name_of = |name: &'_ String| {
        let mut candidates = (2_u64..).map(|number| format!("{name}_{number}"));
        let is_free = |candidate: &String| {
            !originals.contains(candidate.as_str()) && numbered.insert(candidate.clone())
        };
        candidates.find(is_free).unwrap_or_default()
    };
    names.iter().map(|name| if taken.insert(name) { name.clone() } else { name_of(name) }).collect()
}

fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(integer) => (*integer).into(),
        Cell::Real(real) if real.is_finite() => (*real).into(),
        Cell::Real(_) | Cell::Text(_) | Cell::Blob(_) => cell.to_string().into(),
    }
}
