//! `gansweep rm`, `gc`, `rename`, `tag` and `sweeps`: what is in a results folder, and what is to stay there.

use clap::{Args, ValueEnum};
use gansweep_app::energy::Power;
use gansweep_app::housekeeping::{self, KeepWeights, PlannedCleaning};
use gansweep_base::spelling::did_you_mean;
use gansweep_base::text;
use gansweep_protocol::Metric;
use gansweep_store::{Removal, RunFiles};

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::{messages, output};

#[derive(Debug, Args)]
pub(crate) struct SweepsArgs {
    /// Estimate the energy that each sweep took: the power of a device while it trains, in watts
    #[arg(long, value_name = "WATTS", value_parser = positive)]
    pub(crate) watts: Option<f64>,
    /// Estimate what that cost: the price of a kilowatt-hour, in any currency
    #[arg(long, value_name = "PRICE", value_parser = positive, requires = "watts")]
    pub(crate) price: Option<f64>,
    /// Print JSON, without energy and cost.
    #[arg(long, conflicts_with = "watts")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Sweeps, by name, and runs, by the beginning of their ids.
    #[arg(value_name = "SWEEP|RUN", required = true)]
    pub(crate) names: Vec<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Which weights of completed runs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeptWeights {
    /// Those of every run.
    Last,
    /// The best checkpoint of every run (`record.best`); of runs that keep none, the weights of each sweep's best run, or
    /// of all if none has a value.
    Best,
    /// None. `sweep --restore-checkpoints` trains runs again for them.
    None,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Which weights of completed runs to keep. Those of runs that may go on are always kept.
    #[arg(long, value_enum, default_value = "last")]
    pub(crate) keep_weights: KeptWeights,
    /// With `--keep-weights best`: the metric that says which is best; `fd` if not given.
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RenameArgs {
    /// The sweep.
    pub(crate) sweep: String,
    /// Its new name.
    pub(crate) name: String,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// The run, by the beginning of its id.
    pub(crate) run: String,
    /// The tag.
    #[arg(value_name = "TEXT")]
    pub(crate) tag: String,
    /// Take the tag off.
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs `rm`.
pub(crate) fn rm(args: &RmArgs) -> Result<(), Failure> {
    let planned = housekeeping::plan_removal(&args.results.results, &args.names)?;
    messages::print(&describe_removal(&planned.removal));
    if !is_agreed("remove them?", args.yes)? {
        return Ok(());
    }
    let (runs, files) = (planned.removal.runs.len(), planned.carry_out()?);
    Ok(output::print(&format!(
        "removed {} and {} ({})",
        text::count(runs, "run"),
        text::count(files.files, "checkpoint file"),
        size(files.bytes)
    ))?)
}

/// Runs `gc`.
pub(crate) fn gc(args: &GcArgs) -> Result<(), Failure> {
    let planned = housekeeping::gc(&args.results.results, keep_weights(args)?)?;
    messages::print(&describe_cleaning(&planned));
    // The database is compacted in any case, which loses nothing.
    let has_files =
        !planned.checkpoints.is_empty() || !planned.leftovers.is_empty() || !planned.programs.is_empty();
    if has_files && !is_agreed("delete them?", args.yes)? {
        return Ok(());
    }
    let freed = planned.carry_out()?;
    Ok(output::print(&format!(
        "freed {}: {}, and {} of the database",
        size(freed.files.bytes + freed.database_bytes),
        text::count(freed.files.files, "file"),
        size(freed.database_bytes)
    ))?)
}

/// Runs `rename`.
pub(crate) fn rename(args: &RenameArgs) -> Result<(), Failure> {
    let (sweep, name) = (&args.sweep, &args.name);
    let planned = housekeeping::plan_renaming(&args.results.results, sweep, name)?;
    let question =
        format!("sweep {sweep} becomes {name}; an experiment file that says {sweep} starts a new sweep");
    messages::print(&question);
    if !is_agreed("rename it?", args.yes)? {
        return Ok(());
    }
    Ok(planned.carry_out()?)
}

/// Runs `tag`.
pub(crate) fn tag(args: &TagArgs) -> Result<(), Failure> {
    let (run, changed) = housekeeping::tag(&args.results.results, &args.run, &args.tag, !args.remove)?;
    let word = match (args.remove, changed) {
        (false, true) => "is now tagged",
        (false, false) => "is already tagged",
        (true, true) => "is no longer tagged",
        (true, false) => "was not tagged",
    };
    Ok(output::print(&format!("run {} ({}) {word} {}", run.id, run.label, args.tag))?)
}

/// Runs `sweeps`.
pub(crate) fn sweeps(args: &SweepsArgs) -> Result<(), Failure> {
    let sizes = housekeeping::sizes(&args.results.results)?;
    if args.json {
        return Ok(output::print_json_lines(&sizes)?);
    }
    let power = args.watts.and_then(|watts| Power::of(watts, args.price.unwrap_or_default()));
    let has_earlier = sizes.iter().any(|sweep| sweep.earlier_runs > 0);
    let mut header = vec!["SWEEP", "RUNS"];
    header.extend(has_earlier.then_some("OF EARLIER PLANS"));
    header.extend(["POINTS", "GRIDS", "CHECKPOINTS", "DEVICE TIME"]);
    header.extend(power.map(|_| "ENERGY"));
    header.extend(args.price.map(|_| "COST"));
    let rows = sizes.into_iter().map(|sweep| {
        let energy = power.map(|power| power.over(sweep.device_seconds));
        let mut row = vec![sweep.name, sweep.runs.to_string()];
        row.extend(has_earlier.then(|| sweep.earlier_runs.to_string()));
        row.extend([
            sweep.points.to_string(),
            size(sweep.grid_bytes),
            size(sweep.checkpoint_bytes),
            text::seconds(sweep.device_seconds),
        ]);
        row.extend(energy.map(|energy| format!("{} kWh", text::measured(energy.kwh))));
        row.extend(energy.and_then(|energy| energy.cost).map(text::measured));
        row
    });
    Ok(output::print(&output::table(&header, rows.collect()))?)
}

fn keep_weights(args: &GcArgs) -> Result<KeepWeights, Failure> {
    if args.metric.is_some() && args.keep_weights != KeptWeights::Best {
        return Err(Failure::Usage(
            "--metric is for --keep-weights best; add that, or omit --metric".to_owned(),
        ));
    }
    Ok(match args.keep_weights {
        KeptWeights::Last => KeepWeights::Last,
        KeptWeights::None => KeepWeights::None,
        KeptWeights::Best => {
            let name = args.metric.as_deref().unwrap_or("fd");
            let metric = Metric::from_name(name)
                .filter(Metric::has_direction)
                .ok_or_else(|| Failure::Usage(no_direction(name)))?;
            KeepWeights::Best(metric)
        }
    })
}

fn no_direction(name: &str) -> String {
    let known: Vec<&str> = Metric::ALL.into_iter().filter(Metric::has_direction).map(Metric::name).collect();
    format!(
        "no metric `{name}` has a best value; name one with --metric: {}{}",
        known.join(", "),
        did_you_mean(name, known.iter().copied())
    )
}

fn describe_removal(removal: &Removal) -> String {
    let mut lines = Vec::new();
    for sweep in &removal.sweeps {
        lines.push(format!("sweep {sweep}, with its page"));
    }
    lines.push(format!(
        "{}, with {}, {} and {}",
        text::count(removal.runs.len(), "run"),
        text::count(usize::try_from(removal.points).unwrap_or(usize::MAX), "point"),
        text::count(usize::try_from(removal.grids).unwrap_or(usize::MAX), "sample grid"),
        text::count(removal.runs.iter().flat_map(RunFiles::paths).count(), "checkpoint"),
    ));
    if removal.shared > 0 {
        lines.push(format!("kept, since other sweeps have them: {}", text::count(removal.shared, "run")));
    }
    if !removal.others.is_empty() {
        lines.push(format!("these sweeps stay, and lose runs: {}", removal.others.join(", ")));
    }
    lines.join("\n")
}

fn describe_cleaning(planned: &PlannedCleaning) -> String {
    let mut lines = Vec::new();
    let has_files = !planned.checkpoints.is_empty() || !planned.leftovers.is_empty();
    if has_files || (planned.programs.is_empty() && planned.database_bytes == 0) {
        lines.push(format!(
            "{} of completed runs and {} that no run needs: {}",
            text::count(planned.checkpoints.iter().flat_map(RunFiles::paths).count(), "checkpoint"),
            text::count(planned.leftovers.len(), "file"),
            size(planned.bytes - planned.program_bytes)
        ));
    }
    if planned.database_bytes > 0 {
        lines.push(format!("space in the database that nothing uses: {}", size(planned.database_bytes)));
    }
    if !planned.programs.is_empty() {
        let copies = match planned.programs.len() {
            1 => "1 copy".to_owned(),
            several => format!("{several} copies"),
        };
        lines.push(format!(
            "{copies} of the program that jobs in Slurm have run: {}",
            size(planned.program_bytes)
        ));
    }
    if !planned.unranked.is_empty() {
        lines.push(format!(
            "kept, since no run has a value that says which weights are best: those of {}; `gansweep evaluate SWEEP` measures \
             them, and --keep-weights none deletes them",
            planned.unranked.join(", ")
        ));
    }
    lines.join("\n")
}

/// Asks the user, unless `yes` was given. Where nobody can answer, `--yes` is needed.
fn is_agreed(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return Err(Failure::Usage("nothing is changed without an answer: add --yes".to_owned()));
    }
    messages::raw(format!("{question} [y/N] "));
    messages::flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let agreed = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if !agreed {
        messages::print("nothing is changed");
    }
    Ok(agreed)
}

/// `12.3 MB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{} {}", text::measured(size), UNITS[unit]) }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a number above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_in_which_they_are_short() {
        let cases =
            [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (12_345_678, "12.35 MB"), (1 << 40, "1.1 TB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}
