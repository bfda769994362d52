//! Rows of any query, with typed cells.

use std::fmt;

use crate::StoreError;

/// One cell of a query's result.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number; infinite only if the query computes infinity.
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

/// Receives a query's result row by row.
pub trait RowSink {
    /// Called once, before the first row.
    fn columns(&mut self, names: &[String]) -> Result<(), StoreError>;
    /// Called for each row, with as many cells as there are columns.
    fn row(&mut self, cells: &[Cell]) -> Result<(), StoreError>;
    /// Called once, after the last row.
    fn end(&mut self) -> Result<(), StoreError>;
}

impl RowSink for Table {
    fn columns(&mut self, names: &[String]) -> Result<(), StoreError> {
        self.columns = names.to_vec();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), StoreError> {
        self.rows.push(cells.to_vec());
        Ok(())
    }

    fn end(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Formats aligned columns under their names, numbers to the right; every line ends in a line feed.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(Cell::to_string).collect()).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.columns[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        let right: Vec<bool> = (0..self.columns.len()).map(|column| self.is_numeric(column)).collect();
        for row in [&self.columns, &rule].into_iter().chain(&rows) {
            write_line(f, row, &widths, &right)?;
        }
        Ok(())
    }
}

impl Table {
    fn is_numeric(&self, column: usize) -> bool {
        self.rows.iter().all(|row| matches!(row[column], Cell::Null | Cell::Integer(_) | Cell::Real(_)))
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, row: &[String], widths: &[usize], right: &[bool]) -> fmt::Result {
    let cells = row.iter().zip(widths).zip(right).map(|((cell, &width), &right)| {
        // A line feed within a cell would break the columns.
        let cell = cell.replace(['\n', '\r'], " ");
        if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    });
    writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())
}

/// Formats as text: nothing for [`Cell::Null`], the shortest digits that round-trip for a number, hexadecimal
/// digits for bytes.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Integer(integer) => integer.fmt(f),
            Self::Real(real) => match serde_json::Number::from_f64(*real) {
                Some(number) => number.fmt(f),
                None => real.fmt(f),
            },
            Self::Text(text) => f.write_str(text),
            Self::Blob(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_formatted_as_the_shortest_text_that_round_trips() {
        let cells = [
            (Cell::Null, ""),
            (Cell::Integer(-3), "-3"),
            (Cell::Real(0.1), "0.1"),
            (Cell::Real(1e-7), "1e-7"),
            (Cell::Real(f64::INFINITY), "inf"),
            (Cell::Text("a,b".into()), "a,b"),
            (Cell::Blob(vec![0, 255]), "00ff"),
        ];
        for (cell, text) in cells {
            assert_eq!(cell.to_string(), text);
        }
    }

    #[test]
    fn a_table_prints_in_aligned_columns_with_numbers_to_the_right() {
        let table = Table {
            columns: vec!["name".into(), "n".into()],
            rows: vec![
                vec![Cell::Text("a\nb".into()), Cell::Integer(5)],
                vec![Cell::Null, Cell::Real(-0.25)],
            ],
        };
        assert_eq!(table.to_string(), "name      n\n----  -----\na b       5\n      -0.25\n");
    }
}
