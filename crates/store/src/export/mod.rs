//! Exports: rows as CSV, JSON lines and Parquet; runs as folders for `TensorBoard` and `MLflow`.

mod columns;
mod entity;
mod event_file;
mod folder;
mod mlflow;
mod parquet;
mod tensorboard;
mod thrift;

use std::collections::HashSet;
use std::io::{self, Write};

use serde_json::{Map, Value};

pub use self::entity::Entity;
pub use self::folder::ExportedRuns;
pub use self::mlflow::mlflow;
pub use self::parquet::{parquet, parquet_folder};
pub use self::tensorboard::tensorboard;
use crate::{Cell, Reader, RowSink, StoreError};

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
