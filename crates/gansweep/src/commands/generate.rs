//! `gansweep generate`: generates images from a trained run.

use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::generate::{GenerateRequest, generate};

use crate::cli::GenerateArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let path = generate(&GenerateRequest {
        results: args.results.results.clone(),
        run: args.run.clone(),
        count: args.count,
        class: args.class.clone(),
        cols: args.cols,
        seed: args.seed,
        raw: args.raw,
        checkpoint: WhichCheckpoint::best_if(args.best),
        out: args.out.clone(),
    })?;
    Ok(output::print_path("", &path)?)
}
