//! SQL statements of the user.

use rusqlite::{Connection, Statement, types::ValueRef};

use super::Reader;
use crate::{
    Cell, RowSink, StoreError, Table,
    error::near_in_query,
    fault::{Fault, message},
};

impl Reader {
    /// Runs one read-only SQL statement and returns all rows, in bounded memory.
    ///
    /// # Errors
    /// [`StoreError::Query`] with SQLite's message, [`StoreError::WouldWrite`], [`StoreError::LargeResult`].
    pub fn query(&self, sql: &str) -> Result<Table, StoreError> {
        let mut result = BoundedTable { table: Table::default(), bytes: 0 };
        self.stream(sql, &mut result)?;
        Ok(result.table)
    }

    /// Runs one read-only SQL statement and passes its rows to a sink, one at a time.
    ///
    /// # Errors
    /// [`StoreError::Query`] with SQLite's message, [`StoreError::WouldWrite`], and errors of the sink.
    pub fn stream(&self, sql: &str, sink: &mut dyn RowSink) -> Result<(), StoreError> {
        let fed = prepare(&self.connection, sql).and_then(|mut statement| feed(&mut statement, sink));
        fed.map_err(|fault| match fault {
            Fault::Sqlite(error) => match Fault::from(error).at(&self.path) {
                StoreError::Sqlite { source, .. } => {
                    let detail = message(&source);
                    // Without the names there is no suggestion, and the message says the same.
                    let columns = columns(&self.connection).unwrap_or_default();
                    let suggestion = near_in_query(&detail, sql, &columns);
                    StoreError::Query { detail, suggestion }
                }
                StoreError::ReadOnly { .. } => StoreError::WouldWrite,
                error => error,
            },
            Fault::Store(error) => error,
        })
    }
}

/// The largest result that is held in memory.
const LARGEST_RESULT_BYTES: usize = 256 << 20;

/// A table that grows up to [`LARGEST_RESULT_BYTES`].
struct BoundedTable {
    table: Table,
    bytes: usize,
}

impl RowSink for BoundedTable {
    fn columns(&mut self, names: &[String]) -> Result<(), StoreError> {
        self.table.columns(names)
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), StoreError> {
        let content = |cell: &Cell| match cell {
            Cell::Text(text) => text.len(),
            Cell::Blob(bytes) => bytes.len(),
            Cell::Null | Cell::Integer(_) | Cell::Real(_) => 0,
        };
        self.bytes += size_of::<Vec<Cell>>() + size_of_val(cells) + cells.iter().map(content).sum::<usize>();
        if self.bytes > LARGEST_RESULT_BYTES {
            return Err(StoreError::LargeResult { limit_mib: LARGEST_RESULT_BYTES >> 20 });
        }
        self.table.row(cells)
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.table.end()
    }
}

/// The columns of all tables and views, each behind the name of its table or view.
fn columns(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = "SELECT it.name, columns.name FROM sqlite_schema AS it, pragma_table_info(it.name) AS columns
               WHERE it.type IN ('table', 'view')";
    connection.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn prepare<'a>(connection: &'a Connection, sql: &str) -> Result<Statement<'a>, Fault> {
    let statement = connection.prepare(sql)?;
    if !statement.readonly() {
        return Err(StoreError::WouldWrite.into());
    }
    if statement.column_count() == 0 {
        let detail = "it gives no rows; begin it with SELECT or WITH".to_owned();
        return Err(StoreError::Query { detail, suggestion: String::new() }.into());
    }
    Ok(statement)
}

fn feed(statement: &mut Statement<'_>, sink: &mut dyn RowSink) -> Result<(), Fault> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    sink.columns(&columns)?;
    let mut cells = Vec::with_capacity(columns.len());
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        cells.clear();
        for column in 0..columns.len() {
            cells.push(cell(row.get_ref(column)?));
        }
        sink.row(&cells)?;
    }
    Ok(sink.end()?)
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(integer) => Cell::Integer(integer),
        ValueRef::Real(real) => Cell::Real(real),
        // SQLite does not check that text is UTF-8.
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
    }
}
