//! Words for the weights that commands take from a run.

use gansweep_base::text;
use gansweep_protocol::SampleSource;

/// The weights of a generator that draw its images.
pub(crate) fn of_generator(source: SampleSource) -> &'static str {
    match source {
        SampleSource::Raw => "the weights of the generator",
        SampleSource::Ema => "the moving average of the generator",
    }
}

/// `after 5 epochs (best checkpoint)`.
pub(crate) fn after(epoch: f64, is_best: bool) -> String {
    let which = if is_best { "best" } else { "last" };
    let epochs = text::measured(epoch);
    let unit = if epochs == "1" { "epoch" } else { "epochs" };
    format!("after {epochs} {unit} ({which} checkpoint)")
}
