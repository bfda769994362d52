//! `gansweep check`: searches a results folder for damage.

use gansweep_app::check::check;
use gansweep_base::text;

use crate::cli::CheckArgs;
use crate::failure::Failure;
use crate::output;

/// Exit code if something is damaged.
const DAMAGED: u8 = 1;

/// Runs the command; returns its exit code.
pub(crate) fn run(args: &CheckArgs) -> Result<u8, Failure> {
    let result = check(&args.results.results)?;
    let mut text = String::new();
    for damage in &result.damage {
        text += &format!("{damage}\n");
    }
    let found = match result.damage.len() {
        0 => "no damage".to_owned(),
        count => format!("{count} damaged"),
    };
    let (runs, checkpoints) =
        (text::count(result.runs, "run"), text::count(result.checkpoints, "checkpoint file"));
    text += &format!("{}: {runs}, {checkpoints}: {found}", result.database.display());
    output::unless_closed(output::print(&text))?;
    Ok(if result.damage.is_empty() { 0 } else { DAMAGED })
}
