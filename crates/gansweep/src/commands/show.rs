//! `gansweep show`: everything recorded of one run.

use std::io::Write;

use gansweep_store::{Reader, RunRow};
use serde_json::json;

use crate::cli::ShowArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &ShowArgs) -> Result<(), Failure> {
    let reader = Reader::open(&args.results.results)?;
    let run = reader.run(&args.run)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        let view = json!({
            "run": run, "config": reader.config_values(&run.id)?,
            "summaries": reader.summaries(&run.id, run.total_steps)?,
            "attempts": reader.attempts(&run.id)?, "checkpoint": reader.checkpoint(&run.id)?,
            "samples": reader.samples_index(&run.id, run.total_steps)?,
        });
        serde_json::to_writer_pretty(&mut out, &view)?;
        writeln!(out)?;
        return Ok(());
    }
    write!(out, "{}", text(&reader, &run)?)?;
    Ok(())
}

fn text(reader: &Reader, run: &RunRow) -> Result<String, Failure> {
    let cause = run.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
    let mut text =
        format!("{} {} ({})\n", run.id, run.label, run.sweep.as_deref().unwrap_or("in no sweep any more"));
    text += &format!(
        "{}{cause}, step {} of {} ({}), {:.1} s\n\n",
        run.state.name(),
        run.step,
        run.total_steps,
        output::count(run.epochs as usize, "epoch"),
        run.seconds
    );

    let summaries = reader.summaries(&run.id, run.total_steps)?.into_iter().map(|row| {
        let optional = |value: Option<f64>| value.map(output::number).unwrap_or_default();
        vec![
            row.metric.name().to_owned(),
            output::number(row.last),
            optional(row.min),
            optional(row.max),
            row.count.to_string(),
        ]
    });
    text +=
        &format!("{}\n\n", output::table(&["METRIC", "LAST", "MIN", "MAX", "POINTS"], summaries.collect()));

    let attempts = reader.attempts(&run.id)?.into_iter().map(|row| {
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
    text += &format!(
        "{}\n\n",
        output::table(&["ATTEMPT", "STATE", "DEVICE", "BACKEND", "FROM", "TO", "CAUSE"], attempts.collect())
    );

    if let Some(checkpoint) = reader.checkpoint(&run.id)? {
        text += &format!(
            "checkpoint at step {}: {} ({} bytes)\n\n",
            checkpoint.step, checkpoint.path, checkpoint.bytes
        );
    }
    let values =
        reader.config_values(&run.id)?.into_iter().map(|row| vec![row.key, output::value(&row.value)]);
    text += &format!("{}\n", output::table(&["KEY", "VALUE"], values.collect()));
    Ok(text)
}
