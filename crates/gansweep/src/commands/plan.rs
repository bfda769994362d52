//! `gansweep plan`: shows what a sweep would train.

use std::fmt::{self, Write as _};
use std::iter;

use clap::Args;
use gansweep_app::plan::{
    ClassifierPreview, DataAvailability, DataPreview, GroupPreview, Likeness, PlanRequest, Preview,
    TimeEstimate, TrainingTime, preview,
};
use gansweep_base::text;
use gansweep_config::schema::{find, is_list_of_layers};
use gansweep_config::{
    Axis, AxisSummary, Experiment, Layer, Pinned, PlannedRun, ResolvedKey, RunState, WithoutEffect,
};
use gansweep_scheduler::EpochBounds;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::request;
use crate::arguments::{ExecutionArgs, ExperimentArgs, ResultsArgs};
use crate::failure::Failure;
use crate::output;
use crate::progress::Display;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
    /// List also the keys that have their default values.
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON.
    #[arg(long, conflicts_with = "all")]
    pub(crate) json: bool,
}

/// Maximum number of runs in the text output.
const MAX_LISTED: usize = 50;
/// Maximum number of an axis' values in the text output.
const MAX_VALUES: usize = 12;

/// Runs the command.
pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let request = request::plan(&args.experiment, &args.execution, &args.results)?;
    if !args.json {
        return show(&request, Listed { defaults: args.all });
    }
    let preview = preview(&request, &mut Display::new(false))?;
    Ok(output::print_json(&Json::of(&preview))?)
}

/// Which settings are listed beside those that a recipe, a file or the command line gives.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listed {
    /// Those of the built-in defaults.
    pub(crate) defaults: bool,
}

/// Prints the plan as text.
pub(crate) fn show(request: &PlanRequest, listed: Listed) -> Result<(), Failure> {
    Ok(output::print(&View(preview(request, &mut Display::new(false))?, listed).to_string())?)
}

/// The preview as text.
struct View(Preview, Listed);

impl fmt::Display for View {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let experiment = &self.0.experiment;
        writeln!(
            text,
            "{} ({}), from recipe {}",
            experiment.name,
            experiment.file.display(),
            experiment.recipes().join(", ")
        )?;
        writeln!(text, "data: {}\n", data(&self.0.data))?;
        self.write_warnings_about_files(text)?;
        self.write_axes(text)?;
        self.write_warnings_about_keys(text)?;
        self.write_settings(text)?;
        self.write_runs(text)?;
        self.write_evaluation(text)?;
        write!(text, "\n{}", self.conclusion())
    }
}

impl View {
    fn write_warnings_about_files(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Preview { experiment, other_file, runs_left, sorted_parts, unused_data_path, .. } = &self.0;
        for part in sorted_parts {
            writeln!(text, "{}\n", output::sorted_part(part))?;
        }
        if let Some(path) = unused_data_path {
            writeln!(text, "{}\n", output::unused_data_path(path))?;
        }
        match (other_file, *runs_left) {
            (Some(before), _) => {
                writeln!(text, "{}\n", output::other_file(&experiment.name, before, &experiment.file))
            }
            (None, 0) => Ok(()),
            (None, left) => writeln!(text, "{}\n", output::runs_left(&experiment.name, left)),
        }
    }

    fn write_axes(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Preview { experiment, plan, .. } = &self.0;
        if plan.axes.is_empty() {
            return Ok(());
        }
        let row = |(axis, distribution): (&AxisSummary, Option<String>)| {
            if let Some(distribution) = distribution.filter(|_| experiment.search.is_some()) {
                return vec![axis.key.clone(), "search".to_owned(), distribution];
            }
            let values: Vec<String> = axis.values.iter().take(MAX_VALUES).map(output::value).collect();
            let more = match axis.values.len() {
                ..=MAX_VALUES => String::new(),
                all => format!(" ... {all} in all"),
            };
            vec![axis.key.clone(), format!("{:?}", axis.kind).to_lowercase(), values.join("  ") + &more]
        };
        let distributions = experiment.sweep.axes().map(Axis::distribution);
        let rows = plan.axes.iter().zip(distributions).map(row).collect();
        writeln!(text, "{}\n", output::table(&["AXIS", "KIND", "VALUES"], rows))?;
        self.write_variants(text)
    }

    fn write_variants(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variants = &self.0.experiment.sweep.variants;
        if variants.is_empty() {
            return Ok(());
        }
        let rows = variants.iter().flat_map(|variant| {
            let values = variant.values.iter().flat_map(|it| {
                let value = it.value.to_json();
                output::setting(it.key.path, output::value_rows(it.key.path, &[Some(&value)]))
                    .collect::<Vec<_>>()
            });
            let mut rows: Vec<Vec<String>> = values.collect();
            if rows.is_empty() {
                rows.push(vec!["-".to_owned(), "as in the rest of the file".to_owned()]);
            }
            output::setting(&variant.name, rows)
        });
        writeln!(text, "{}\n", output::table(&["VARIANT", "KEY", "VALUE"], rows.collect()))
    }

    fn write_warnings_about_keys(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Preview { experiment, plan, .. } = &self.0;
        for pinned in &experiment.sweep.pinned {
            let Pinned { key, value, layer, is_of_variants } = pinned;
            let value = match is_list_of_layers(key) {
                true => "one list".to_owned(),
                false => output::value(&value.to_json()),
            };
            match is_of_variants {
                true => writeln!(text, "{key} is the same in all variants: {layer} sets it to {value}\n")?,
                false => writeln!(text, "{key} is not swept: {layer} sets it to {value}\n")?,
            }
        }
        // What a search proposes later may match.
        for place in plan.unused_exclusions.iter().filter(|_| experiment.search.is_none()) {
            writeln!(text, "{}\n", output::unused_exclusion(place))?;
        }
        for (variant, earlier) in &plan.merged_variants {
            writeln!(text, "{}\n", output::merged_variant(variant, earlier))?;
        }
        for setting in &plan.without_effect {
            writeln!(text, "{}\n", output::without_effect(setting))?;
        }
        if let Some(trials) = experiment.trials_without_proposals() {
            writeln!(text, "{}\n", output::search_without_proposals(trials))?;
        }
        for (key, metric) in experiment.objectives_without_variety() {
            writeln!(text, "{}\n", output::objective_without_variety(key, metric))?;
        }
        Ok(())
    }

    fn write_settings(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An empty default stands for "not given", which most keys of a cluster are.
        let Experiment { resolved, sweep, .. } = &self.0.experiment;
        let known = resolved
            .iter()
            .filter(|key| key.layer != Layer::Default || !output::value(&key.value).is_empty())
            // The axes are listed with their values.
            .filter(|key| !find(&key.key).is_some_and(|key| sweep.is_swept(key)));
        let (others, listed): (Vec<&ResolvedKey>, Vec<&ResolvedKey>) =
            known.partition(|key| key.layer == Layer::Default && !self.1.defaults);
        let rows = listed.into_iter().flat_map(|key| {
            let or_variant = find(&key.key).is_some_and(|key| sweep.is_of_variants(key));
            let from = format!("{}{}", key.layer, if or_variant { ", where no variant sets it" } else { "" });
            let layers = iter::once(from).chain(iter::repeat(String::new()));
            let cells = output::value_rows(&key.key, &[Some(&key.value)]).into_iter().zip(layers);
            output::setting(&key.key, cells.map(|(value, layer)| [value, vec![layer]].concat()).collect())
        });
        writeln!(text, "{}", output::table(&["KEY", "VALUE", "FROM"], rows.collect()))?;
        if !others.is_empty() {
            writeln!(
                text,
                "... and {} with their defaults: --all lists them",
                text::count(others.len(), "key")
            )?;
        }
        writeln!(text)
    }

    fn write_runs(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = &self.0.plan.runs;
        let rows = runs.iter().take(MAX_LISTED).map(|run| {
            // For the plan's budget it is interrupted, which reads as if something had gone wrong.
            let state = match self.0.extended_from(run) {
                Some(_) => "to extend",
                None => self.0.state(run).map_or("new", RunState::name),
            };
            vec![run.id.to_string(), run.label.clone(), run.total_steps().to_string(), state.to_owned()]
        });
        writeln!(text, "{}", output::table(&["RUN", "LABEL", "STEPS", "STATE"], rows.collect()))?;
        if runs.len() > MAX_LISTED {
            writeln!(text, "... and {} more; --json lists all", runs.len() - MAX_LISTED)?;
        }
        Ok(())
    }

    fn write_evaluation(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schedule = &self.0.schedule;
        write!(text, "\n{}", output::schedule(schedule))?;
        for ClassifierPreview { dataset, flops } in &self.0.classifiers {
            write!(
                text,
                "\n{}, once for {}: the evaluator (the classifier for quality figures), about {} floating-point operations",
                if schedule.afterwards { "before that" } else { "first" },
                dataset.name(),
                text::measured(*flops)
            )?;
        }
        Ok(())
    }

    /// `16 runs (4 done before, 8 to extend from 5 to 20 epochs) -> 12 groups of 1 lane on cpu, 2 at a
    /// time; about 1.2e15 floating-point operations, 3 h 10 min at the speed of 9 recorded runs of the same shapes`.
    fn conclusion(&self) -> String {
        let mut text = text::count(self.0.runs.len(), "run");
        let notes = self.notes_on_runs();
        if !notes.is_empty() {
            let _ = write!(text, " ({})", notes.join(", "));
        }
        if let Some(search) = &self.0.experiment.search {
            let (more, all) = (self.0.to_propose, search.trials);
            let _ = write!(
                text,
                " of the first {} of {all} trials; {more} more are proposed to improve {}",
                all - more,
                search.metric
            );
        }
        if self.0.groups.is_empty() {
            return text + ": nothing left to train";
        }
        let _ = write!(text, " -> {}", groups_by_device(&self.0.groups).join(" and "));
        let at_once = self.0.workers.min(self.0.groups.len());
        if at_once > 1 {
            let _ = write!(text, ", {at_once} at a time");
        }
        let _ = write!(text, "; about {} floating-point operations", text::measured(self.0.training_flops));
        text += &time(self.0.training_time, self.0.pruning.is_some());
        if let Some(seconds) = self.0.seconds_with_figures() {
            let _ = write!(text, "; with quality figures about {}", text::seconds(seconds));
        }
        if let Some(bounds) = self.0.pruning {
            let _ = write!(text, "\n{}", pruning(&self.0.experiment, bounds));
        }
        text
    }

    /// How the runs differ from what the experiment file lists, and which of them are trained already.
    fn notes_on_runs(&self) -> Vec<String> {
        let Preview { plan, runs, unselected, .. } = &self.0;
        let mut notes = Vec::new();
        if plan.runs.len() > runs.len() {
            // There are two at least.
            notes.push(format!("{} entries, one for each budget", plan.runs.len()));
        }
        if self.0.done() > 0 {
            notes.push(format!("{} done before", self.0.done()));
        }
        for ((from, to), runs) in self.0.extensions() {
            notes.push(format!("{runs} to extend from {from} to {to} epochs"));
        }
        let anew = self.0.extensions_without_checkpoint();
        if anew > 0 {
            notes.push(format!("{anew} of them from the beginning, without a checkpoint"));
        }
        if *unselected > 0 {
            notes.push(format!("{unselected} not selected"));
        }
        if plan.duplicates > 0 {
            notes.push(format!("{} left out as duplicates", plan.duplicates));
        }
        if plan.excluded > 0 {
            notes.push(format!("{} excluded", plan.excluded));
        }
        notes
    }
}

/// `, 3 h 10 min at the speed of 9 recorded runs of the same shapes`; or why the time is not known, where the reader may wonder.
fn time(estimate: TimeEstimate, is_pruned: bool) -> String {
    match estimate {
        TimeEstimate::NothingRecorded => String::new(),
        TimeEstimate::OtherSizes => "; no recorded run is of this size, so the time is not known".to_owned(),
        TimeEstimate::Known(TrainingTime { seconds, runs, likeness }) => {
            let (seconds, runs) = (text::seconds(seconds), text::count(runs, "recorded run"));
            let alike = match likeness {
                Likeness::SameShapes => "of the same shapes",
                Likeness::SimilarSize => "of similar size",
            };
            let unpruned = if is_pruned { ", without pruning" } else { "" };
            format!(", {seconds} at the speed of {runs} {alike}{unpruned}")
        }
    }
}

/// `pruning by successive-halving of fd: 42 of 162 epochs, at rungs of 1 and 3 epochs`.
fn pruning(experiment: &Experiment, EpochBounds { least, most, unpruned }: EpochBounds) -> String {
    let prune = &experiment.prune;
    let method = json!(prune.method);
    // The others depend on the results of these.
    let of = if experiment.search.is_some() { "of the trials that are drawn first" } else { "in all" };
    let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
    format!(
        "pruning ({}, by {}): {range} of {} {of}, fewer where runs diverge",
        method.as_str().unwrap_or_default(),
        prune.metric,
        text::count(usize::try_from(unpruned).unwrap_or(usize::MAX), "epoch")
    )
}

/// The preview as JSON. Runs are serialised one by one: as one JSON value, a large plan would take several
/// times its memory.
#[derive(Serialize)]
struct Json<'p> {
    name: &'p str,
    /// Lossy: JSON has no paths but those in UTF-8.
    file: String,
    recipe: &'p str,
    data: String,
    datasets: Vec<Value>,
    resolved: &'p [ResolvedKey],
    axes: &'p [AxisSummary],
    runs: RunsJson<'p>,
    duplicates: usize,
    excluded: usize,
    unused_exclusions: Vec<String>,
    merged_variants: Vec<Value>,
    without_effect: &'p [WithoutEffect],
    unselected: usize,
    runs_left: usize,
    trials_to_propose: usize,
    extensions: Vec<Value>,
    groups: &'p [GroupPreview],
    workers: usize,
    floating_point_operations: f64,
    /// At the speed of recorded runs.
    training_seconds: Option<f64>,
    /// The same, with the quality figures that are computed on the CPU meanwhile.
    seconds_with_figures: Option<f64>,
    pruning: Option<Value>,
}

impl<'p> Json<'p> {
    fn of(preview: &'p Preview) -> Self {
        let Preview { experiment, plan, .. } = preview;
        let merged = |(variant, earlier): &(String, String)| json!({"variant": variant, "same_as": earlier});
        let extension = |((from, to), runs)| json!({"from_epochs": from, "to_epochs": to, "runs": runs});
        Self {
            name: &experiment.name,
            file: experiment.file.display().to_string(),
            recipe: &experiment.recipe,
            data: data(&preview.data),
            datasets: datasets(&preview.data),
            resolved: &experiment.resolved,
            axes: &plan.axes,
            runs: RunsJson(preview),
            duplicates: plan.duplicates,
            excluded: plan.excluded,
            unused_exclusions: plan.unused_exclusions.iter().map(ToString::to_string).collect(),
            merged_variants: plan.merged_variants.iter().map(merged).collect(),
            without_effect: &plan.without_effect,
            runs_left: preview.runs_left,
            unselected: preview.unselected,
            trials_to_propose: preview.to_propose,
            extensions: preview.extensions().into_iter().map(extension).collect(),
            groups: &preview.groups,
            workers: preview.workers,
            floating_point_operations: preview.training_flops,
            training_seconds: preview.training_time.seconds(),
            seconds_with_figures: preview.seconds_with_figures(),
            pruning: preview.pruning.map(|EpochBounds { least, most, unpruned }| {
                json!({
                    "method": experiment.prune.method, "metric": experiment.prune.metric,
                    "least_epochs": least, "most_epochs": most, "unpruned_epochs": unpruned,
                })
            }),
        }
    }
}

struct RunsJson<'p>(&'p Preview);

impl Serialize for RunsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let run_json = |run: &PlannedRun| {
            json!({
                "id": run.id, "label": run.label, "seed": run.seed, "config_hash": run.config_hash,
                "assignments": run.assignments, "epochs": run.epochs, "steps": run.total_steps(),
                "state": self.0.state(run).map(RunState::name), "config": run.config,
            })
        };
        serializer.collect_seq(self.0.plan.runs.iter().map(run_json))
    }
}

/// One text per device, in the order of first use: `1 group of 64 lanes on vulkan:0 (1.9 GiB)`.
fn groups_by_device(groups: &[GroupPreview]) -> Vec<String> {
    let mut devices: Vec<&str> = Vec::new();
    for GroupPreview { device, .. } in groups {
        if !devices.contains(&device.as_str()) {
            devices.push(device);
        }
    }
    let describe = |device: &str| {
        let here: Vec<_> = groups.iter().filter(|group| group.device == device).collect();
        let lanes: Vec<usize> = here.iter().map(|group| group.lanes).collect();
        let (smallest, largest) =
            (lanes.iter().min().copied().unwrap_or(0), lanes.iter().max().copied().unwrap_or(0));
        let each = if smallest == largest {
            text::count(largest, "lane")
        } else {
            format!("{smallest} to {largest} lanes")
        };
        let text = format!("{} of {each} on {device}", text::count(lanes.len(), "group"));
        match here.iter().filter_map(|group| group.memory_bytes).max() {
            Some(memory) => format!("{text} ({})", output::memory(memory)),
            None => text,
        }
    };
    devices.into_iter().map(describe).collect()
}

/// The datasets as JSON.
fn datasets(previews: &[DataPreview]) -> Vec<Value> {
    previews.iter().map(|it| json!({"asked_for": it.dataset, "spec": it.spec})).collect()
}

/// The datasets as text: name, availability, size.
fn data(previews: &[DataPreview]) -> String {
    let describe = |DataPreview { dataset, spec, availability }: &DataPreview| {
        let source = match availability {
            DataAvailability::Local => format!("{}, available", dataset.name()),
            DataAvailability::ReplacedBy(fallback) => {
                format!("{} instead of {}, which is not available", fallback.name(), dataset.name())
            }
            DataAvailability::Download { fallback: Some(fallback) } => {
                format!("{}, to be downloaded (fallback: {})", dataset.name(), fallback.name())
            }
            DataAvailability::Download { fallback: None } => format!("{}, to be downloaded", dataset.name()),
        };
        let images = text::count(spec.train_images as usize, "image");
        let classes =
            if spec.classes == 1 { "1 class".to_owned() } else { format!("{} classes", spec.classes) };
        format!("{source}: {images} of {}, {classes}", spec.image)
    };
    previews.iter().map(describe).collect::<Vec<_>>().join("; ")
}
