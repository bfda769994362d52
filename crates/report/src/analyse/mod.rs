//! Turns the input into a [`Context`]. Pure functions: no database, no HTML.

mod axes;
mod causes;
mod charts;
mod configs;
mod effects;
mod findings;
mod grid_layout;
mod grids;
mod groups;
mod health;
mod labels;
mod narrow;
mod rungs;
mod runs;
mod scale;
mod search;
mod sweeps;
mod text;
mod variants;

pub(crate) use text::timestamp;

use crate::context::Context;
use crate::input::ReportInput;
use crate::options::ReportOptions;

/// The context of the whole page.
pub(crate) fn analyse(input: &ReportInput, options: &ReportOptions) -> Context {
    let sweeps: Vec<_> = input.sweeps.iter().map(|sweep| sweeps::sweep(sweep, options)).collect();
    let title = match sweeps.as_slice() {
        [] => "gansweep".to_owned(),
        [only] => format!("{} · gansweep", only.name),
        several => {
            let names: Vec<&str> = several.iter().map(|sweep| sweep.name.as_str()).collect();
            format!("{} · gansweep", names.join(", "))
        }
    };
    Context {
        title,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        generated: text::timestamp(options.now_unix_ms),
        database: input.database.clone(),
        damage: options.damage.clone(),
        sweeps,
    }
}
