//! `gansweep data`: the datasets, where they are, what they look like.

use std::io::Write;
use std::path::PathBuf;

use gansweep_config::Dataset;
use gansweep_data::{DataSource, Found, Location, Split, contact_sheet};

use super::planning;
use crate::cli::{DataAction, DataArgs};
use crate::failure::Failure;
use crate::output;
use crate::progress::Display;

/// Images of each class in the picture that `show` writes.
const SHEET_COLUMNS: u32 = 20;

/// Runs the command.
pub(crate) fn run(args: &DataArgs) -> Result<(), Failure> {
    let source = DataSource::from_environment(args.data_dir.clone());
    let Some(name) = &args.name else { return list(&source) };
    let dataset = dataset(name)?;
    planning::provide(&source, dataset, &Display::new(false))?;
    match args.action {
        Some(DataAction::Show) => show(&source, dataset, args),
        _ => Ok(writeln!(std::io::stdout().lock(), "{}: {}", dataset.name(), place(&source, dataset)?)?),
    }
}

fn dataset(name: &str) -> Result<Dataset, Failure> {
    let known = || Dataset::ALL.map(Dataset::name).join(", ");
    let found = Dataset::ALL.into_iter().find(|dataset| dataset.name() == name);
    found.ok_or_else(|| Failure::Wrong(format!("no dataset `{name}`; expected one of {}", known())))
}

fn list(source: &DataSource) -> Result<(), Failure> {
    let rows =
        Dataset::ALL.into_iter().map(|dataset| Ok(vec![dataset.name().to_owned(), place(source, dataset)?]));
    let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
    writeln!(std::io::stdout().lock(), "{}", output::table(&["DATASET", "WHERE"], rows))?;
    Ok(())
}

fn place(source: &DataSource, dataset: Dataset) -> Result<String, Failure> {
    Ok(match source.locate(dataset)? {
        Location::Found(Found::DataDir(folder) | Found::Cache(folder)) => folder.display().to_string(),
        Location::Found(Found::BuiltIn) => "drawn by the program".into(),
        Location::Missing => format!("not here; `gansweep data fetch {}` downloads it", dataset.name()),
    })
}

fn show(source: &DataSource, dataset: Dataset, args: &DataArgs) -> Result<(), Failure> {
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.png", dataset.name())));
    let picture = contact_sheet(&source.load(dataset, Split::Train)?, SHEET_COLUMNS);
    std::fs::write(&path, picture).map_err(|source| Failure::File { path: path.clone(), source })?;
    Ok(writeln!(std::io::stdout().lock(), "{}", path.display())?)
}
