//! SQL statements of the user.

use rusqlite::{Connection, Statement, types::ValueRef};

use super::Reader;
use crate::{
    Cell, RowSink, StoreError, Table,
    fault::{Fault, message},
};

impl Reader {
    /// Runs one read-only SQL statement and returns all rows.
    ///
    /// # Errors
    /// [`StoreError::Query`] with SQLite's message, [`StoreError::WouldWrite`].
    pub fn query(&self, sql: &str) -> Result<Table, StoreError> {
        let mut table = Table::default();
        self.stream(sql, &mut table)?;
        Ok(table)
    }

    /// Runs one read-only SQL statement and passes its rows to a sink, one at a time.
    ///
    /// # Errors
    /// [`StoreError::Query`] with SQLite's message, [`StoreError::WouldWrite`], and errors of the sink.
    pub fn stream(&self, sql: &str, sink: &mut dyn RowSink) -> Result<(), StoreError> {
        let fed = prepare(&self.connection, sql).and_then(|mut statement| feed(&mut statement, sink));
        fed.map_err(|fault| match fault {
            Fault::Sqlite(error) => match Fault::from(error).at(&self.path) {
                StoreError::Sqlite { source, .. } => StoreError::Query { detail: message(&source) },
                StoreError::ReadOnly { .. } => StoreError::WouldWrite,
                error => error,
            },
            Fault::Store(error) => error,
        })
    }
}

fn prepare<'a>(connection: &'a Connection, sql: &str) -> Result<Statement<'a>, Fault> {
    let statement = connection.prepare(sql)?;
    if !statement.readonly() {
        return Err(StoreError::WouldWrite.into());
    }
    if statement.column_count() == 0 {
        let detail = "it gives no rows; begin it with SELECT or WITH".to_owned();
        return Err(StoreError::Query { detail }.into());
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
