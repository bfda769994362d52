//! `gansweep sql`: queries the database.

use clap::{Args, ValueEnum};
use gansweep_app::recorded::{self, RowFormat};
use gansweep_base::text;
use gansweep_store::{Cell, Table};

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::output;

/// Output format of `sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// Aligned columns.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// A SELECT statement. docs/database.md describes the tables and views.
    #[arg(value_name = "SELECT", allow_hyphen_values = true)]
    pub(crate) sql: String,
    /// Output format.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: TableFormat,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &SqlArgs) -> Result<(), Failure> {
    let results = &args.results.results;
    match args.format {
        TableFormat::Csv => recorded::stream(results, &args.sql, RowFormat::Csv, &mut output::stdout())?,
        TableFormat::Json => {
            recorded::stream(results, &args.sql, RowFormat::JsonLines, &mut output::stdout())?;
        }
        TableFormat::Table => output::print(&text(&recorded::query(results, &args.sql)?))?,
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
        Cell::Real(number) => text::measured(*number),
        Cell::Text(text) => text.clone(),
        Cell::Blob(bytes) => format!("<{} bytes>", bytes.len()),
    }
}
