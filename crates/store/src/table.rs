//! Rows of any query, with typed cells.

use crate::StoreError;

/// One cell of a query's result.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number; infinite only if the query makes it so.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The result of a query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The columns' names.
    pub columns: Vec<String>,
    /// Each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// Takes a query's result row by row.
pub trait RowSink {
    /// Called once, before the first row.
    fn columns(&mut self, names: &[String]) -> Result<(), StoreError>;
    /// Called for each row; as many cells as there are columns.
    fn row(&mut self, cells: &[Cell]) -> Result<(), StoreError>;
    /// Called once, after the last row.
    fn end(&mut self) -> Result<(), StoreError>;
}
