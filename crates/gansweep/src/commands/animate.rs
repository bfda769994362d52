//! `gansweep animate`: a run's sample grids over its epochs as one animation.

use gansweep_app::animate::{AnimateRequest, Format, animate};

use crate::cli::{AnimateArgs, AnimationFormat};
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &AnimateArgs) -> Result<(), Failure> {
    let format = args.format.map(|format| match format {
        AnimationFormat::Gif => Format::Gif,
        AnimationFormat::Webp => Format::WebP,
    });
    let path = animate(&AnimateRequest {
        results: args.results.results.clone(),
        run: args.run.clone(),
        raw: args.raw,
        format,
        frame_ms: args.frame_ms,
        scale: args.scale,
        out: args.out.clone(),
    })?;
    Ok(output::print_path("", &path)?)
}
