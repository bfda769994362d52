//! `gansweep sql`: one question to the database.

use std::io::Write;

use gansweep_store::{Cell, Reader, Table, export};

use crate::cli::{SqlArgs, TableFormat};
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &SqlArgs) -> Result<(), Failure> {
    let reader = Reader::open(&args.results.results)?;
    let mut out = std::io::stdout().lock();
    match args.format {
        TableFormat::Csv => export::csv(&reader, &args.sql, &mut out)?,
        TableFormat::Json => export::jsonl(&reader, &args.sql, &mut out)?,
        TableFormat::Table => writeln!(out, "{}", text(&reader.query(&args.sql)?))?,
    }
    Ok(())
}

fn text(table: &Table) -> String {
    let header: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    output::table(&header, table.rows.iter().map(|row| row.iter().map(cell).collect()).collect())
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => output::number(*number),
        Cell::Text(text) => text.clone(),
        Cell::Blob(bytes) => format!("<{} bytes>", bytes.len()),
    }
}
