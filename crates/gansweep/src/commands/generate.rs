//! `gansweep generate`: generates images from a trained run.

use std::io::Write;

use gansweep_app::generate::{GenerateRequest, generate};

use crate::cli::GenerateArgs;
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let path = generate(&GenerateRequest {
        results: args.results.results.clone(),
        run: args.run.clone(),
        count: args.count,
        cols: args.cols,
        seed: args.seed,
        out: args.out.clone(),
    })?;
    writeln!(std::io::stdout().lock(), "{}", path.display())?;
    Ok(())
}
