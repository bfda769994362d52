//! `gansweep recognize`: what pictures show.

use std::path::PathBuf;

use clap::Args;
use gansweep_app::data;
use gansweep_app::recognize::{self, Realness, RecognizeRequest, RecognizedPicture};
use gansweep_config::Dataset;

use crate::arguments::{DataFolderArgs, ResultsArgs, ShapeArgs};
use crate::failure::Failure;
use crate::output;
use crate::progress::Display;

#[derive(Debug, Args)]
pub(crate) struct RecognizeArgs {
    /// PNG or JPEG files, dark on light or light on dark, of any size.
    #[arg(value_name = "PICTURE", required = true)]
    pub(crate) pictures: Vec<PathBuf>,
    /// Dataset whose classes are recognised [default: mnist, or the run's].
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// A run's id, or the start of it: how real its discriminator takes each picture to be.
    #[arg(long, value_name = "RUN", conflicts_with = "dataset")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
    #[command(flatten)]
    pub(crate) data_folder: DataFolderArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// A picture cannot be used.
const UNUSABLE: u8 = 1;
/// Further classes are shown if they are at least so probable.
const LEAST_PROBABLE: f64 = 0.005;
/// The most classes of a picture that are shown.
const MOST_CLASSES: usize = 3;

/// Runs the command.
pub(crate) fn run(args: &RecognizeArgs) -> Result<u8, Failure> {
    let dataset = args.dataset.as_deref().map(data::named).transpose()?;
    let asked = args.shape.asked(dataset.unwrap_or(Dataset::Mnist));
    if args.run.is_none() {
        args.data_folder.check(asked.dataset)?;
    } else if (asked.side, asked.channels) != (0, 0) {
        return Err(Failure::Usage(
            "--side and --channels are for --dataset NAME; omit them: a run has the shape of its images"
                .to_owned(),
        ));
    }
    let request = RecognizeRequest {
        pictures: args.pictures.clone(),
        asked,
        run: args.run.clone(),
        results: args.results.results.clone(),
        source: args.data_folder.source(),
    };
    let mut display = Display::new(false);
    let recognition = recognize::recognize(&request, &mut display).map_err(DataFolderArgs::failure)?;
    display.finish();
    if args.json {
        output::print_json(&recognition)?;
    } else {
        if !recognition.has_classes {
            let name = recognition.dataset.name();
            display.print(&format!("the images of {name} have no classes, so none is recognised"));
        }
        let lines: Vec<String> = recognition.pictures.iter().map(line).collect();
        output::print(&lines.join("\n"))?;
    }
    let is_unusable = recognition.pictures.iter().any(|picture| picture.problem.is_some());
    Ok(if is_unusable { UNUSABLE } else { 0 })
}

/// `digit.png: 7 (98.2 %), 1 (1.5 %)`.
fn line(picture: &RecognizedPicture) -> String {
    let path = gansweep_base::printable::line(&picture.path.to_string_lossy()).into_owned();
    if let Some(problem) = &picture.problem {
        return format!("{path}: {problem}");
    }
    let shown = picture.classes.iter().take(MOST_CLASSES).enumerate();
    let shown = shown.filter(|(place, class)| *place == 0 || class.probability >= LEAST_PROBABLE);
    let classes: Vec<String> =
        shown.map(|(_, it)| format!("{} ({:.1} %)", it.class, 100.0 * it.probability)).collect();
    let classes = (!classes.is_empty()).then(|| classes.join(", "));
    let parts: Vec<String> = classes.into_iter().chain(picture.realness.map(opinion)).collect();
    format!("{path}: {}", parts.join("; "))
}

fn opinion(Realness { logit, above_real, above_generated }: Realness) -> String {
    format!(
        "to the discriminator (logit {logit:.2}) more real than {:.0} % of real and {:.0} % of generated images",
        100.0 * above_real,
        100.0 * above_generated
    )
}
