//! `gansweep data`: the datasets, where they are, what they look like.

use std::io::Write;
use std::path::PathBuf;

use gansweep_app::{AppError, data};
use gansweep_config::Dataset;
use gansweep_data::{DataSource, Found, Location};

use crate::cli::{DataAction, DataArgs};
use crate::failure::Failure;
use crate::output;
use crate::progress::Display;

/// Runs the command.
pub(crate) fn run(args: &DataArgs) -> Result<(), Failure> {
    let idx_dir = args.path.clone();
    let source = DataSource { idx_dir, ..DataSource::from_environment(args.data_dir.clone()) };
    let Some(name) = &args.name else { return list(&source) };
    let dataset = data::named(name)?;
    data::provide(&source, dataset, &mut Display::new(false)).map_err(AppError::Data)?;
    let mut out = std::io::stdout().lock();
    match args.action {
        Some(DataAction::Show) => {
            let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.png", dataset.name())));
            data::draw(&source, dataset, &path)?;
            writeln!(out, "{}", path.display())?;
        }
        Some(DataAction::Fetch) | None => writeln!(out, "{}: {}", dataset.name(), place(&source, dataset)?)?,
    }
    Ok(())
}

fn list(source: &DataSource) -> Result<(), Failure> {
    let rows = Dataset::ALL.into_iter().map(|dataset| row(source, dataset));
    let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
    let head = ["DATASET", "IMAGES", "TEST", "SHAPE", "CLASSES", "WHERE"];
    writeln!(std::io::stdout().lock(), "{}", output::table(&head, rows))?;
    Ok(())
}

fn row(source: &DataSource, dataset: Dataset) -> Result<Vec<String>, Failure> {
    let name = dataset.name().to_owned();
    if dataset == Dataset::Idx && source.idx_dir.is_none() {
        let nothing = || "-".to_owned();
        let place = "your own images: name their folder with --path, or `data.path` in an experiment";
        return Ok(vec![name, nothing(), nothing(), nothing(), nothing(), place.to_owned()]);
    }
    let spec = source.spec(dataset).map_err(AppError::Data)?;
    let place = place(source, dataset)?;
    let [train, test, classes] = [spec.train_images, spec.test_images, spec.classes].map(|n| n.to_string());
    Ok(vec![name, train, test, spec.image.to_string(), classes, place])
}

fn place(source: &DataSource, dataset: Dataset) -> Result<String, Failure> {
    Ok(match source.locate(dataset).map_err(AppError::Data)? {
        Location::Found(Found::Folder(folder) | Found::Cache(folder)) => folder.display().to_string(),
        Location::Found(Found::BuiltIn) => "drawn by the program".into(),
        Location::Missing => format!("not here; `gansweep data fetch {}` downloads it", dataset.name()),
    })
}
