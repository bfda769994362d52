//! `gansweep data`: list, download and view datasets.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gansweep_app::data;
use gansweep_base::{printable, text};
use gansweep_config::{ClassNames, DataRequest, Dataset, DatasetSpec};
use gansweep_data::{DataError, DataSource, Found, ImageFormat, Location, OtherFile, Split};

use crate::arguments::{DataFolderArgs, EachImageFormat, ShapeArgs, check_ending};
use crate::failure::Failure;
use crate::progress::Display;
use crate::{messages, output};

/// What `data` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataAction {
    /// Download it into the cache, unless it is available locally.
    Fetch,
    /// Write a PNG with some of its images.
    Show,
    /// Write all of its images one by one, as runs train on them, for other programs.
    Export,
}

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Action; without one, list the datasets and their locations.
    #[arg(value_enum, requires = "name")]
    pub(crate) action: Option<DataAction>,
    /// A dataset: `mnist`, `emnist-letters`, `cifar10`, `strokes`, ...; `idx` or `folder` with --path.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) data_folder: DataFolderArgs,
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
    /// Output of `show` [default: NAME.png] or `export` [default: NAME-train or NAME-test, for npz with that ending].
    #[arg(long, short, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Output format of `export` [default: npz if --out ends in .npz, otherwise folder].
    #[arg(long, value_enum)]
    pub(crate) format: Option<EachImageFormat>,
    /// `export` the test images instead of the training images.
    #[arg(long)]
    pub(crate) test: bool,
}

/// The most files of the data folder that are listed.
const MAX_FILES: usize = 20;

/// Runs the command.
pub(crate) fn run(args: &DataArgs) -> Result<(), Failure> {
    let source = args.data_folder.source();
    check_options(args)?;
    let Some(name) = &args.name else { return list(&source, args) };
    let dataset = data::named(name)?;
    args.data_folder.check(dataset)?;
    let asked = args.shape.asked(dataset);
    let display = &mut Display::new(false);
    // What the dataset has, so that another shape than a dataset of files has is no silent wish.
    let spec = data::spec(&source, asked, display).map_err(DataFolderArgs::failure)?;
    if !asked.agrees_with(spec.image) {
        return Err(DataFolderArgs::failure(DataError::OtherShape { dataset, shape: spec.image }));
    }
    let available = match args.action {
        Some(DataAction::Show | DataAction::Export) => data::provide(&source, asked, display),
        Some(DataAction::Fetch) | None => data::fetch(&source, asked, display),
    };
    available.map_err(DataFolderArgs::failure)?;
    match args.action {
        Some(DataAction::Show) => {
            let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.png", dataset.name())));
            data::draw(&source, asked, &path).map_err(DataFolderArgs::failure)?;
            if let Some(rows) = class_rows(&spec.class_names) {
                display.print(&rows);
            }
            output::print_path("", &path)?;
        }
        Some(DataAction::Export) => export(args, &source, asked, &spec, image_format(args)?)?,
        Some(DataAction::Fetch) | None => {
            let place = place(&source, dataset).map_err(DataFolderArgs::failure)?;
            output::print(&format!("{}: {place}", dataset.name()))?;
        }
    }
    Ok(())
}

/// Refuses options that say nothing of the action.
fn check_options(args: &DataArgs) -> Result<(), Failure> {
    let is_export = args.action == Some(DataAction::Export);
    let of_export = [("--format", args.format.is_some()), ("--test", args.test)];
    if let Some((option, _)) = of_export.into_iter().find(|(_, is_given)| *is_given && !is_export) {
        return Err(Failure::Usage(format!("{option} is for `data export NAME`; omit it")));
    }
    match args.action {
        Some(DataAction::Export) => image_format(args).map(drop),
        Some(DataAction::Show) => check_ending(args.out.as_deref(), "images are written as PNG", &["png"]),
        Some(DataAction::Fetch) | None if args.out.is_some() => Err(Failure::Usage(
            "--out is for `data show NAME` and `data export NAME`, which write files; omit it".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The format of `export`.
fn image_format(args: &DataArgs) -> Result<ImageFormat, Failure> {
    let out = args.out.as_deref();
    let format = args.format.or_else(|| out.and_then(EachImageFormat::of_name));
    format.unwrap_or(EachImageFormat::Folder).checked(out)
}

/// Writes the images of a split one by one.
fn export(
    args: &DataArgs,
    source: &DataSource,
    asked: DataRequest,
    spec: &DatasetSpec,
    format: ImageFormat,
) -> Result<(), Failure> {
    let (split, name) = if args.test { (Split::Test, "test") } else { (Split::Train, "train") };
    if args.test && spec.test_images == 0 {
        let problem = format!("{} has no test images; omit --test", asked.dataset.name());
        return Err(Failure::Usage(problem));
    }
    let ending = if format == ImageFormat::Npz { ".npz" } else { "" };
    let usual = || PathBuf::from(format!("{}-{name}{ending}", asked.dataset.name()));
    let path = args.out.clone().unwrap_or_else(usual);
    let count = data::export(source, asked, spec, split, format, &path).map_err(DataFolderArgs::failure)?;
    messages::print(&format!("exported {}", text::count(count, "image")));
    Ok(output::print_path("", &path)?)
}

/// What the numbers beside the rows of a contact sheet stand for; `None` where the classes are called like these.
fn class_rows(names: &ClassNames) -> Option<String> {
    let is_number = |(class, name): (usize, &String)| *name == class.to_string();
    if names.as_slice().iter().enumerate().all(is_number) {
        return None;
    }
    let rows =
        names.as_slice().iter().enumerate().map(|(class, name)| format!("{class} {}", printable::line(name)));
    Some(format!("rows: {}", rows.collect::<Vec<_>>().join(", ")))
}

/// Prints every dataset. One that cannot be used does not hide the others.
fn list(source: &DataSource, args: &DataArgs) -> Result<(), Failure> {
    let (mut rows, mut problems, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for dataset in Dataset::ALL {
        // Those that have a choice are listed in the shape that is asked for.
        let asked = match dataset.default_shape() {
            Some(_) => args.shape.asked(dataset),
            None => DataRequest::from(dataset),
        };
        match row(source, asked) {
            Ok(row) => rows.push(row),
            // The folder itself is wrong, and so is every row.
            Err(error @ DataError::NoDataDir(_)) => return Err(DataFolderArgs::failure(error)),
            Err(error) if dataset.is_own() => {
                rows.push(row_without_spec(dataset, "not what is in the folder"));
                own.push(error);
            }
            Err(error) => {
                rows.push(row_without_spec(dataset, "cannot be used, see below"));
                problems.push(format!("{}: {error}", dataset.name()));
            }
        }
    }
    // A folder has either IDX files or pictures.
    if own.len() > 1 {
        let says_more = |error: &DataError| matches!(error, DataError::Damaged { .. });
        let index = own.iter().position(says_more).unwrap_or(0);
        return Err(DataFolderArgs::failure(own.swap_remove(index)));
    }
    let head = ["DATASET", "IMAGES", "TEST", "SHAPE", "CLASSES", "WHERE"];
    let mut text = output::table(&head, rows);
    for problem in problems {
        text += &format!("\n\n{problem}");
    }
    Ok(output::print(&(text + &other_files(source)))?)
}

/// What else is in the data folder, which would seem to be ignored.
fn other_files(source: &DataSource) -> String {
    let files = source.other_files();
    let (Some(folder), false) = (&source.data_dir, files.is_empty()) else { return String::new() };
    let mut text = format!("\n\nOther IDX files in {}:\n", folder.display());
    for OtherFile { path, content } in files.iter().take(MAX_FILES) {
        text += &format!("  {}: {content}\n", path.strip_prefix(folder).unwrap_or(path).display());
    }
    if files.len() > MAX_FILES {
        text += &format!("  ... and {} more\n", files.len() - MAX_FILES);
    }
    text + "They are of no dataset in the list. To train on them, give them the names of MNIST's files \
            (train-images-idx3-ubyte, ...) in a folder of their own, and set `data.dataset = \"idx\"` and `data.path`."
}

fn row(source: &DataSource, asked: DataRequest) -> Result<Vec<String>, DataError> {
    let dataset = asked.dataset;
    if dataset.is_own() && source.idx_dir.is_none() {
        let kind = if dataset == Dataset::Idx { "images in IDX files" } else { "pictures, PNG and JPEG" };
        let place =
            format!("your own {kind}: give their folder with --path, or with `data.path` in an experiment");
        return Ok(row_without_spec(dataset, &place));
    }
    let spec = data::spec(source, asked, &mut Display::new(false))?;
    let place = place(source, dataset)?;
    let [train, test, classes] = [spec.train_images, spec.test_images, spec.classes].map(|n| n.to_string());
    Ok(vec![dataset.name().to_owned(), train, test, spec.image.to_string(), classes, place])
}

fn row_without_spec(dataset: Dataset, place: &str) -> Vec<String> {
    [dataset.name(), "-", "-", "-", "-", place].map(str::to_owned).to_vec()
}

fn place(source: &DataSource, dataset: Dataset) -> Result<String, DataError> {
    Ok(match source.locate(dataset)? {
        Location::Found(Found::Folder(folder) | Found::Cache(folder)) => folder.display().to_string(),
        Location::Found(Found::BuiltIn) => "generated by the program".into(),
        Location::Missing => format!("not found; `gansweep data fetch {}` downloads it", dataset.name()),
    })
}
