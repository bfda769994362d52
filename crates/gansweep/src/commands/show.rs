//! `gansweep show`: shows a run.

use clap::Args;
use gansweep_app::recorded::{self, RunDetails};
use gansweep_base::text;
use gansweep_protocol::BestCheckpoint;
use gansweep_store::{CheckpointRow, RunRow};

use super::housekeeping::size;
use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run's id, or the start of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ShowArgs) -> Result<(), Failure> {
    let details = recorded::show_run(&args.results.results, &args.run)?;
    if args.json {
        return Ok(output::print_json(&details)?);
    }
    Ok(output::print(&text(details))?)
}

fn text(details: RunDetails) -> String {
    let RunDetails { run, data, config, summaries, attempts, checkpoint, best, samples: _, tags, logs } =
        details;
    let cause = run.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
    let mut text =
        format!("{} {} ({})\n", run.id, run.label, run.sweep.as_deref().unwrap_or("no longer in a sweep"));
    if !tags.is_empty() {
        text += &format!("tags: {}\n", tags.join(", "));
    }
    text += &format!(
        "{}{cause}, step {} of {} ({}), {:.1} s\n{}: images of {}\n\n",
        run.state.name(),
        run.step,
        run.total_steps,
        text::count(run.epochs as usize, "epoch"),
        run.seconds,
        data.dataset.name(),
        data.spec.image
    );

    let summaries = summaries.into_iter().map(|row| {
        let optional = |value: Option<f64>| value.map(text::measured).unwrap_or_default();
        vec![
            row.metric.name().to_owned(),
            text::measured(row.last),
            optional(row.min),
            optional(row.max),
            row.count.to_string(),
        ]
    });
    text +=
        &format!("{}\n\n", output::table(&["METRIC", "LAST", "MIN", "MAX", "POINTS"], summaries.collect()));

    let attempts = attempts.into_iter().map(|row| {
        let optional = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        vec![
            row.attempt.to_string(),
            row.state.name().to_owned(),
            row.device,
            row.backend.unwrap_or_default(),
            optional(row.from_step),
            optional(row.step),
            row.cause.unwrap_or_default(),
        ]
    });
    let header = ["ATTEMPT", "STATE", "DEVICE", "BACKEND", "FROM", "TO", "CAUSE"];
    text += &format!("{}\n\n", output::table_of_filled_columns(&header, attempts.collect()));

    for log in logs {
        text += &format!("log from attempt {} on, job {}: {}\n", log.attempt, log.job, log.path);
    }

    text += &checkpoints(&run, checkpoint, best);
    if let Some(ema) = config.iter().find(|row| row.key == "train.ema" && row.value.as_f64() > Some(0.0)) {
        text += &format!(
            "moving average of the generator with decay {}: `generate` and `export` take it, and its weights with --raw\n\n",
            output::value(&ema.value)
        );
    }
    let unused = recorded::unused_keys(&run);
    let settings = config
        .iter()
        .filter(|row| !unused.contains(&row.key.as_str()))
        .flat_map(|row| output::setting(&row.key, output::value_rows(&row.key, &[Some(&row.value)])));
    text + &output::table(&["KEY", "VALUE"], settings.collect())
}

fn checkpoints(run: &RunRow, last: Option<CheckpointRow>, best: Option<BestCheckpoint>) -> String {
    let last =
        last.map(|last| format!("checkpoint at step {}: {} ({})\n", last.step, last.path, size(last.bytes)));
    let best = best.map(|best| {
        let epoch = run.epoch_of(best.step);
        format!(
            "best checkpoint, {} {} of {} images at epoch {}: {} ({})\n",
            best.metric.name(),
            text::measured(best.value),
            best.images,
            text::measured(epoch),
            best.path,
            size(best.bytes)
        )
    });
    let lines: Vec<String> = last.into_iter().chain(best).collect();
    if lines.is_empty() { String::new() } else { lines.concat() + "\n" }
}
