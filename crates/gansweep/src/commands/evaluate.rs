//! `gansweep evaluate`: quality figures of runs.

use clap::Args;
use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::data;
use gansweep_app::evaluate::{
    self, ConditionalFigures, EvaluateRequest, EvaluatedDataset, EvaluatedRun, Evaluation, Figures,
};
use gansweep_base::{printable, text};
use gansweep_protocol::SampleSource;

use super::{compare, weights};
use crate::arguments::{DataFolderArgs, ResultsArgs, ShapeArgs};
use crate::failure::Failure;
use crate::output;
use crate::progress::Display;

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A sweep's name, or a run's id or the start of it.
    #[arg(value_name = "RUN|SWEEP", required_unless_present = "dataset")]
    pub(crate) target: Option<String>,
    /// Evaluate the real test images of this dataset instead: the accuracy of its classifier, and the best figures to expect.
    #[arg(long, alias = "data", value_name = "NAME", conflicts_with = "target")]
    pub(crate) dataset: Option<String>,
    /// Images to draw from each run, and real ones to compare them with. Figures of different numbers are not
    /// comparable.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) images: u32,
    /// Draw with the generator's weights, also where the run keeps a moving average of them.
    #[arg(long, conflicts_with = "dataset")]
    pub(crate) raw: bool,
    /// Take each run's best checkpoint (`record.best`) instead of the last one.
    #[arg(long, conflicts_with = "dataset")]
    pub(crate) best: bool,
    #[command(flatten)]
    pub(crate) data_folder: DataFolderArgs,
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// No run has figures.
const NOTHING_EVALUATED: u8 = 1;
const HEADER: [&str; 10] =
    ["FD", "KID", "PREC", "RECALL", "DENS", "COVER", "SCORE", "MODES", "NEAREST", "RUN"];

/// Runs the command.
pub(crate) fn run(args: &EvaluateArgs) -> Result<u8, Failure> {
    let source = args.data_folder.source();
    let mut display = Display::new(false);
    let images = args.images as usize;
    let evaluation = if let Some(name) = &args.dataset {
        let dataset = data::named(name)?;
        args.data_folder.check(dataset)?;
        evaluate::evaluate_dataset(args.shape.asked(dataset), &source, images, &mut display)
    } else {
        if (args.shape.side, args.shape.channels) != (0, 0) {
            return Err(Failure::Usage(
                "--side and --channels are for --dataset NAME; omit them: runs have the shape of their images"
                    .to_owned(),
            ));
        }
        let (results, target) = (args.results.results.clone(), args.target.clone().unwrap_or_default());
        let checkpoint = WhichCheckpoint::best_if(args.best);
        let request = EvaluateRequest { results, target, source, images, raw: args.raw, checkpoint };
        evaluate::evaluate(&request, &mut display)
    };
    let evaluation = evaluation.map_err(DataFolderArgs::failure)?;
    display.finish();
    if args.json {
        output::print_json(&evaluation)?;
    } else {
        output::print(&self::text(&evaluation, args.images, args.best))?;
    }
    let has_figures = evaluation.runs.iter().any(|run| run.figures.is_some());
    Ok(if has_figures || args.dataset.is_some() { 0 } else { NOTHING_EVALUATED })
}

fn text(evaluation: &Evaluation, images: u32, is_best: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    for dataset in &evaluation.datasets {
        let mut rows: Vec<(&Figures, String)> = Vec::new();
        let images = match &dataset.test {
            Some(test) if evaluation.runs.is_empty() => test.images as u32,
            _ => images,
        };
        rows.extend(dataset.test.as_ref().map(|figures| match figures.images as u32 {
            fewer if fewer < images => (figures, format!("all {fewer} real test images")),
            _ => (figures, "real test images".to_owned()),
        }));
        let runs = evaluation.runs.iter().filter(|run| run.fingerprint == dataset.fingerprint);
        rows.extend(runs.filter_map(|run| Some((run.figures.as_ref()?, label(run)))));
        parts.push(format!("{}\n\n{}", heading(dataset, images, evaluation), table(&rows)));
        parts.push(about(dataset, images));
        parts.extend(weights_of(evaluation, dataset, is_best));
        let runs = evaluation.runs.iter().filter(|run| run.fingerprint == dataset.fingerprint);
        let conditional = |run: &EvaluatedRun| Some((label(run), run.figures.as_ref()?.conditional.clone()?));
        let runs: Vec<(String, ConditionalFigures)> = runs.filter_map(conditional).collect();
        parts.extend(conditional_runs(&runs, &dataset.class_names));
    }
    let problems: Vec<String> = evaluation
        .runs
        .iter()
        .filter_map(|run| Some(format!("{} has no figures: {}", run.label, run.problem.as_ref()?)))
        .collect();
    if !problems.is_empty() {
        parts.push(problems.join("\n"));
    }
    parts.extend(evaluation.comparison.as_ref().map(compare::text));
    if evaluation.is_recorded
        && evaluation.fewer_than.is_none()
        && evaluation.runs.iter().any(|run| run.figures.is_some())
    {
        parts.push("`gansweep report` brings these figures into the pages.".to_owned());
    }
    parts.extend(evaluation.fewer_than.map(|images| {
        format!(
            "Figures of fewer than {images} images are in the table `evaluations` alone: `compare`, the report and searches use \
             those of {images} images."
        )
    }));
    parts.join("\n\n")
}

/// The label of a run, with the epoch of its checkpoint if that is not the one that the sweep asks for.
fn label(run: &EvaluatedRun) -> String {
    match run.epoch.filter(|epoch| (epoch - f64::from(run.epochs)).abs() > 1e-6) {
        Some(epoch) => format!("{}, epoch {}", run.label, text::measured(epoch)),
        None => run.label.clone(),
    }
}

/// What the figures of a table are of.
fn heading(dataset: &EvaluatedDataset, images: u32, evaluation: &Evaluation) -> String {
    let of = if evaluation.runs.is_empty() { "real test images" } else { "generated images of each run" };
    format!("{}: figures of {images} {of}", dataset.dataset.name())
}

fn table(rows: &[(&Figures, String)]) -> String {
    let column = |value: &dyn Fn(&Figures) -> Option<f64>| {
        output::numbers(&rows.iter().map(|(it, _)| value(it)).collect::<Vec<_>>())
    };
    let columns = [
        column(&|it| Some(it.fd)),
        column(&|it| Some(it.kid.mean)),
        column(&|it| Some(it.fidelity.precision)),
        column(&|it| Some(it.fidelity.recall)),
        column(&|it| Some(it.fidelity.density)),
        column(&|it| Some(it.fidelity.coverage)),
        column(&|it| Some(it.classes.as_ref()?.score)),
        column(&|it| Some(it.classes.as_ref()?.modes as f64)),
        column(&|it| Some(it.nearest)),
        rows.iter().map(|(_, label)| label.clone()).collect(),
    ];
    let row = |place: usize| columns.iter().map(|column| column[place].clone()).collect();
    output::table(&HEADER, (0..rows.len()).map(row).collect())
}

/// The table of conditional runs: all classes, and each class where there is one run. `None` without such runs.
fn conditional_runs(runs: &[(String, ConditionalFigures)], names: &[String]) -> Option<String> {
    let name = |class: usize| match names.get(class) {
        Some(name) => printable::line(name).into_owned(),
        None => class.to_string(),
    };
    let mut rows: Vec<(f64, f64, String)> =
        runs.iter().map(|(label, all)| (all.fd, all.accuracy, label.clone())).collect();
    if let [(_, only)] = runs {
        let classes = only.classes.iter().enumerate();
        rows.extend(classes.map(|(class, of)| (of.fd, of.accuracy, format!("  class {}", name(class)))));
    }
    let fd = output::numbers(&rows.iter().map(|row| Some(row.0)).collect::<Vec<_>>());
    let accuracy = output::numbers(&rows.iter().map(|row| Some(row.1)).collect::<Vec<_>>());
    let cells = rows
        .into_iter()
        .zip(fd)
        .zip(accuracy)
        .map(|(((_, _, label), fd), accuracy)| vec![fd, accuracy, label]);
    let cells: Vec<Vec<String>> = cells.collect();
    (!cells.is_empty()).then(|| output::table(&["FD WITHIN CLASSES", "CLASS ACCURACY", "RUN"], cells))
}

/// Which weights drew the images of the runs on a dataset; `None` if none has figures.
fn weights_of(evaluation: &Evaluation, dataset: &EvaluatedDataset, is_best: bool) -> Option<String> {
    let runs = evaluation.runs.iter().filter(|run| run.fingerprint == dataset.fingerprint);
    let drawn: Vec<(SampleSource, f64)> =
        runs.filter_map(|run| Some((run.source?, run.epoch.unwrap_or_default()))).collect();
    if let [(source, epoch)] = drawn[..] {
        return Some(format!(
            "Drawn with {} {}.",
            weights::of_generator(source),
            weights::after(epoch, is_best)
        ));
    }
    let has = |source| drawn.iter().any(|(of_run, _)| *of_run == source);
    let of_generators = match (has(SampleSource::Ema), has(SampleSource::Raw)) {
        (false, false) => return None,
        (true, false) => "the moving averages of the generators",
        (false, true) => "the weights of the generators",
        (true, true) => "the moving averages of the generators that keep one, and the weights of the others",
    };
    Some(format!("Drawn with {of_generators} ({} checkpoints).", if is_best { "best" } else { "last" }))
}

fn about(dataset: &EvaluatedDataset, images: u32) -> String {
    let name = dataset.dataset.name();
    let evaluator = match (dataset.is_trained, dataset.test_accuracy) {
        (false, _) => format!(
            "Features of a convolutional network with random weights, because the images of {name} have no classes."
        ),
        (true, None) => format!("Features of a classifier of {name}, which has no test images."),
        (true, Some(accuracy)) => {
            format!(
                "Features of a classifier of {name} that classifies {:.2} % of the test images correctly.",
                100.0 * accuracy
            )
        }
    };
    let digest: String = dataset.evaluator.chars().take(16).collect();
    format!(
        "{evaluator}\nFigures compare only for evaluator {digest} and {images} images; FD and KID: lower is better."
    )
}
