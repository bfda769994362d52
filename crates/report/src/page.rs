//! Renders a context and its images as HTML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gansweep_protocol::SampleSource;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::assets::{CHARTING_LIBRARY, STYLE, TEMPLATES, script};
use crate::context::{Context, Grid, Sweep};
use crate::{Images, ReportError, pixels};

/// Marks where data, images and scripts are inserted: they are too large to pass through the template
/// engine. No value of the context can contain the marker, because the templates escape `<`.
const PARTS_MARKER: &str = "<!-- data, images and scripts -->";

/// Marks where a template wants the last sample grid of a run; the places of its sweep and of the run follow.
const LAST_GRID_MARKER: &str = "<!-- last grid ";

/// Renders the page as one string. For large sweeps use [`write`](crate::write), which holds one run's
/// image at a time in memory.
pub fn render(context: &Context, images: &dyn Images) -> Result<String, ReportError> {
    let mut page = String::new();
    render_to(context, images, &mut |text| {
        page.push_str(text);
        Ok(())
    })?;
    Ok(page)
}

/// Receives the page in pieces.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&str) -> Result<(), ReportError>;

/// Renders the page in pieces.
pub(crate) fn render_to(context: &Context, images: &dyn Images, sink: Sink) -> Result<(), ReportError> {
    let html = html(context)?;
    let (before, after) = html.split_once(PARTS_MARKER).unwrap_or((&html, ""));
    render_with_last_grids(before, context, images, sink)?;
    sink("<script type=\"application/json\" id=\"report-data\">")?;
    sink(&script_safe(&serde_json::to_string(context)?))?;
    sink("</script>\n<noscript><h2>The last samples of each run</h2></noscript>\n")?;
    for (index, sweep) in context.sweeps.iter().enumerate() {
        render_real_grids(index, sweep, images, sink)?;
        for (place, run) in sweep.runs.iter().enumerate() {
            for (source, grids) in [(SampleSource::Raw, &run.grids), (SampleSource::Ema, &run.averaged_grids)]
            {
                let name = source.name();
                let read = |step| images.grid(&run.id, step, source);
                render_grids(&format!("{name}-{index}-{place}"), &run.label, grids, &read, sink)?;
            }
        }
    }
    sink("<script type=\"text/plain\" id=\"charting-library\">")?;
    sink(CHARTING_LIBRARY)?;
    sink("</script>\n<script type=\"module\">\n")?;
    sink(&script())?;
    sink("</script>\n")?;
    sink(after)
}

/// Text of the templates, with an image for each comment `last grid SWEEP RUN`: these need no script.
fn render_with_last_grids(
    text: &str,
    context: &Context,
    images: &dyn Images,
    sink: Sink,
) -> Result<(), ReportError> {
    let mut parts = text.split(LAST_GRID_MARKER);
    sink(parts.next().unwrap_or_default())?;
    for part in parts {
        let (places, rest) = part.split_once(" -->").unwrap_or((part, ""));
        let run = places.split_once(' ').and_then(|(sweep, run)| {
            context.sweeps.get(sweep.parse::<usize>().ok()?)?.runs.get(run.parse::<usize>().ok()?)
        });
        if let Some(run) = run {
            let (source, grids) = match run.averaged_grids.as_slice() {
                [] => (SampleSource::Raw, &run.grids),
                _ => (SampleSource::Ema, &run.averaged_grids),
            };
            if let Some(grid) = grids.last() {
                let png = BASE64.encode(pixels::compact(&images.grid(&run.id, grid.step, source)?));
                sink(&format!(
                    "<img alt=\"Samples of {}\" src=\"data:image/png;base64,{png}\">",
                    escaped(&run.label)
                ))?;
            }
        }
        sink(rest)?;
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// One run's grids, if it has any: a JSON list of base64 PNGs, which the page's scripts parse only when the run comes
/// into view, and the last grid as an element that browsers show where there are no scripts. Scripts read that, too, so
/// that no image is in the page twice.
fn render_grids(
    id: &str,
    label: &str,
    grids: &[Grid],
    read: &dyn Fn(u64) -> Result<Vec<u8>, ReportError>,
    sink: Sink,
) -> Result<(), ReportError> {
    let Some((last, earlier)) = grids.split_last() else { return Ok(()) };
    sink(&format!("<script type=\"application/json\" id=\"{id}\">["))?;
    for (index, grid) in earlier.iter().enumerate() {
        let png = read(grid.step)?;
        sink(if index == 0 { "\"" } else { ",\"" })?;
        sink(&BASE64.encode(pixels::compact(&png)))?;
        sink("\"")?;
    }
    let png = BASE64.encode(pixels::compact(&read(last.step)?));
    let label = escaped(label);
    sink(&format!(
        "]</script>\n<noscript id=\"last-{id}\"><figure class=\"last\"><img alt=\"Samples of {label}\" \
         src=\"data:image/png;base64,{png}\"><figcaption>{label}, epoch {}</figcaption></figure></noscript>\n",
        last.epoch
    ))
}

fn render_real_grids(
    index: usize,
    sweep: &Sweep,
    images: &dyn Images,
    sink: Sink,
) -> Result<(), ReportError> {
    for (place, grid) in sweep.samples.real.iter().enumerate() {
        let png = BASE64.encode(pixels::compact(&images.real(grid)?));
        sink(&format!(
            "<script type=\"application/json\" id=\"real-{index}-{place}\">[\"{png}\"]</script>\n"
        ))?;
    }
    Ok(())
}

fn html(context: &Context) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    let page = environment.get_template("page.html")?;
    Ok(page.render(context! { report => Serde(context), style => STYLE, parts => PARTS_MARKER })?)
}

/// Makes JSON safe inside a `script` element, where `</script` or `<!--` would be markup. In JSON `<`
/// occurs only in strings, where the escape means the same.
fn script_safe(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_cannot_end_the_script_that_holds_it() {
        let text = "</script><!--<script>";
        let safe = script_safe(&serde_json::to_string(text).unwrap());
        assert!(!safe.contains('<'));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }
}
