//! `gansweep plan`: what a sweep would run.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use gansweep_app::devices as device;
use gansweep_config::{Experiment, Plan, PlannedRun, RunId, RunState};
use gansweep_data::DataSource;
use gansweep_scheduler::{PlannedGroup, form_groups};
use gansweep_store::{Reader, RunStatus, StoreError};
use serde::Serialize;
use serde_json::json;

use super::planning::{self, Substitutes};
use super::programs::Programs;
use super::slots::{self, Places};
use crate::cli::{ExperimentArgs, PlanArgs};
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let experiment = planning::load(&args.experiment)?;
    let places = slots::choose(&args.execution, &experiment.execution, &Programs::find()?)?;
    if !args.json {
        return show(&experiment, &args.experiment, &places, &args.results.results);
    }
    let view = View::new(&experiment, &args.experiment, &places, &args.results.results)?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &view.json(&experiment))?;
    writeln!(out)?;
    Ok(())
}

/// Prints the plan for people.
pub(crate) fn show(
    experiment: &Experiment,
    args: &ExperimentArgs,
    places: &Places,
    results: &Path,
) -> Result<(), Failure> {
    let view = View::new(experiment, args, places, results)?;
    let mut out = std::io::stdout().lock();
    out.write_all(view.text(experiment).as_bytes())?;
    Ok(())
}

/// Everything that is known before anything is done.
struct View {
    plan: Plan,
    data: String,
    /// The plan's runs, each once, with the largest budget.
    runs: Vec<PlannedRun>,
    statuses: HashMap<RunId, RunStatus>,
    groups: Vec<GroupView>,
    workers: usize,
    training_flops: f64,
}

/// A group to be.
#[derive(Serialize)]
struct GroupView {
    device: String,
    lanes: usize,
    /// Of the device's memory, by estimate; none on a processor.
    memory_bytes: Option<u64>,
}

impl View {
    fn new(
        experiment: &Experiment,
        args: &ExperimentArgs,
        places: &Places,
        results: &Path,
    ) -> Result<Self, Failure> {
        let source = planning::source(args);
        let (substitutes, data) = foresee_data(experiment, &source)?;
        let plan = planning::plan(experiment, &substitutes)?;
        let runs = plan.longest();
        let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
        let statuses = match Reader::open(results) {
            Ok(reader) => reader.statuses(&ids)?,
            Err(StoreError::NoDatabase { .. }) => HashMap::new(),
            Err(error) => return Err(error.into()),
        };
        let open: Vec<_> = runs.iter().filter(|run| !is_over(&statuses, run)).cloned().collect();
        let slots = places.slots(&open);
        let steps = steps_done(&open, &statuses);
        let groups = form_groups(&open, &steps, &slots).into_iter();
        let groups = groups
            .map(|PlannedGroup { slot, runs }| {
                let (device, lanes) = (slots[slot].device.clone(), runs.len());
                let config = runs.first().map(|&run| &open[run].config);
                let memory_bytes = config.and_then(|it| device::group_memory_bytes(&device, it, lanes));
                GroupView { device, lanes, memory_bytes }
            })
            .collect();
        let left = |(run, done): (&PlannedRun, &u64)| run.total_steps().saturating_sub(*done) as f64;
        let flops =
            open.iter().zip(&steps).map(|(run, done)| run.config.flops_per_step() * left((run, done)));
        let training_flops = flops.sum();
        Ok(Self { data, groups, workers: slots.len(), training_flops, plan, runs, statuses })
    }

    fn done(&self) -> usize {
        self.runs.iter().filter(|run| is_over(&self.statuses, run)).count()
    }

    /// How many runs were completed for a smaller budget and go on, by the epochs that they have and
    /// those that they get.
    fn extensions(&self) -> BTreeMap<(u64, u32), usize> {
        let mut extensions = BTreeMap::new();
        for run in self.runs.iter().filter(|run| !is_over(&self.statuses, run)) {
            let Some(status) = self.statuses.get(&run.id) else { continue };
            if status.state == RunState::Completed {
                let from = status.confirmed_step / u64::from(run.config.steps_per_epoch());
                *extensions.entry((from, run.epochs)).or_default() += 1;
            }
        }
        extensions
    }

    fn text(&self, experiment: &Experiment) -> String {
        let mut text = String::new();
        self.write_text(experiment, &mut text).expect("writing to a string cannot fail");
        text
    }

    fn write_text(&self, experiment: &Experiment, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "{} ({}), from recipe {}",
            experiment.name,
            experiment.file.display(),
            experiment.recipe
        )?;
        writeln!(text, "data: {}\n", self.data)?;
        if !self.plan.axes.is_empty() {
            let rows = self.plan.axes.iter().map(|axis| {
                let values: Vec<String> = axis.values.iter().take(12).map(output::value).collect();
                let more = if axis.values.len() > 12 {
                    format!(" ... {} in all", axis.values.len())
                } else {
                    String::new()
                };
                vec![axis.key.clone(), format!("{:?}", axis.kind).to_lowercase(), values.join("  ") + &more]
            });
            writeln!(text, "{}\n", output::table(&["AXIS", "KIND", "VALUES"], rows.collect()))?;
        }
        for pinned in &experiment.sweep.pinned {
            writeln!(text, "{} is not swept: {} gives it one value\n", pinned.key, pinned.layer)?;
        }
        for place in &self.plan.idle_exclusions {
            writeln!(text, "{place}: this exclusion leaves out nothing\n")?;
        }
        let resolved = experiment.resolved.iter();
        let rows =
            resolved.map(|key| vec![key.key.clone(), output::value(&key.value), key.layer.to_string()]);
        writeln!(text, "{}\n", output::table(&["KEY", "VALUE", "FROM"], rows.collect()))?;
        let rows = self.plan.runs.iter().take(MAX_LISTED).map(|run| {
            let state = self.state(run).map_or("new", RunState::name);
            vec![run.id.to_string(), run.label.clone(), run.total_steps().to_string(), state.to_owned()]
        });
        writeln!(text, "{}", output::table(&["RUN", "LABEL", "STEPS", "STATE"], rows.collect()))?;
        if self.plan.runs.len() > MAX_LISTED {
            writeln!(text, "... and {} more; --json lists all", self.plan.runs.len() - MAX_LISTED)?;
        }
        writeln!(text, "\n{}", self.conclusion())
    }

    /// Where the database has a run of the plan, on its way to the plan's budget.
    fn state(&self, run: &PlannedRun) -> Option<RunState> {
        self.statuses.get(&run.id).map(|status| status.state_after(run.total_steps()))
    }

    /// `16 runs (4 done before, 8 to extend from 5 to 20 epochs) -> 12 groups of 1 lane on cpu, 2 at a
    /// time; about 1.2e15 floating-point operations`.
    fn conclusion(&self) -> String {
        let mut text = output::count(self.runs.len(), "run");
        let mut notes = Vec::new();
        if self.plan.runs.len() > self.runs.len() {
            notes.push(format!("{}, one for each budget", output::count(self.plan.runs.len(), "view")));
        }
        if self.done() > 0 {
            notes.push(format!("{} done before", self.done()));
        }
        for ((from, to), runs) in self.extensions() {
            notes.push(format!("{runs} to extend from {from} to {to} epochs"));
        }
        if self.plan.duplicates > 0 {
            notes.push(format!("{} left out as duplicates", self.plan.duplicates));
        }
        if self.plan.excluded > 0 {
            notes.push(format!("{} excluded", self.plan.excluded));
        }
        if !notes.is_empty() {
            let _ = write!(text, " ({})", notes.join(", "));
        }
        if self.groups.is_empty() {
            return text + ": nothing left to train";
        }
        let _ = write!(text, " -> {}", groups_by_device(&self.groups).join(" and "));
        let at_once = self.workers.min(self.groups.len());
        if at_once > 1 {
            let _ = write!(text, ", {at_once} at a time");
        }
        let _ = write!(text, "; about {} floating-point operations", output::number(self.training_flops));
        text
    }

    fn json(&self, experiment: &Experiment) -> serde_json::Value {
        let runs: Vec<_> = self.plan.runs.iter().map(|run| {
            let state = self.state(run).map(RunState::name);
            json!({"id": run.id, "label": run.label, "seed": run.seed, "config_hash": run.config_hash,
                   "assignments": run.assignments, "epochs": run.epochs, "steps": run.total_steps(), "state": state,
                   "config": run.config})
        }).collect();
        let extensions: Vec<_> = self
            .extensions()
            .into_iter()
            .map(|((from, to), runs)| json!({"from_epochs": from, "to_epochs": to, "runs": runs}))
            .collect();
        json!({
            "name": experiment.name, "file": experiment.file, "recipe": experiment.recipe, "data": self.data,
            "resolved": experiment.resolved, "axes": self.plan.axes, "runs": runs,
            "duplicates": self.plan.duplicates, "excluded": self.plan.excluded, "extensions": extensions,
            "groups": self.groups, "workers": self.workers,
            "floating_point_operations": self.training_flops,
        })
    }
}

/// `1 group of 64 lanes on vulkan:0 (1.9 GiB)`, for each device in the order of their first groups.
fn groups_by_device(groups: &[GroupView]) -> Vec<String> {
    let mut devices: Vec<&str> = Vec::new();
    for GroupView { device, .. } in groups {
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
            output::count(largest, "lane")
        } else {
            format!("{smallest} to {largest} lanes")
        };
        let text = format!("{} of {each} on {device}", output::count(lanes.len(), "group"));
        match here.iter().filter_map(|group| group.memory_bytes).max() {
            Some(memory) => format!("{text} ({})", output::memory(memory)),
            None => text,
        }
    };
    devices.into_iter().map(describe).collect()
}

/// Runs listed for people.
const MAX_LISTED: usize = 50;

/// Whether nothing is left to train of a run.
fn is_over(statuses: &HashMap<RunId, RunStatus>, run: &PlannedRun) -> bool {
    statuses.get(&run.id).is_some_and(|status| status.state_after(run.total_steps()).is_final())
}

/// Steps in the checkpoints that the runs would go on from.
fn steps_done(runs: &[PlannedRun], statuses: &HashMap<RunId, RunStatus>) -> Vec<u64> {
    let checkpoint = |run: &PlannedRun| statuses.get(&run.id)?.checkpoint.as_ref();
    runs.iter().map(|run| checkpoint(run).map_or(0, |resume| resume.step)).collect()
}

/// What the runs will train on, and in words where it comes from. Downloads nothing: a dataset
/// that is not at hand is taken to arrive.
fn foresee_data(experiment: &Experiment, source: &DataSource) -> Result<(Substitutes, String), Failure> {
    let datasets = planning::datasets(experiment)?;
    let missing = planning::missing(source, &datasets)?;
    let words = datasets.iter().map(|dataset| match (missing.contains(dataset), experiment.fallback) {
        (false, _) => format!("{}, at hand", dataset.name()),
        (true, Some(fallback)) if source.offline => {
            format!("{} instead of {}, which is not at hand", fallback.name(), dataset.name())
        }
        (true, Some(fallback)) => {
            format!("{}, to be downloaded, or else {}", dataset.name(), fallback.name())
        }
        (true, None) => format!("{}, to be downloaded", dataset.name()),
    });
    let words = words.collect::<Vec<_>>().join("; ");
    let substitute = |dataset| match experiment.fallback {
        Some(fallback) if source.offline && missing.contains(&dataset) => fallback,
        _ => dataset,
    };
    Ok((datasets.iter().map(|&dataset| (dataset, substitute(dataset))).collect(), words))
}
