//! Renders a context and its images as HTML.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gansweep_protocol::SampleSource;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior, context};
use rayon::prelude::*;
use serde::Serialize;

use crate::assets::{CHARTING_LIBRARY, STYLE, TEMPLATES, index_script, plotly, script};
use crate::context::{Context, Grid, Run, Shades, Sweep, Timestamp};
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

/// Writes a file beside the page: a path relative to the page, with slashes, and the content.
pub(crate) type FileSink<'a> = &'a mut dyn FnMut(&str, &[u8]) -> Result<(), ReportError>;

/// Where a page's images and Plotly are.
pub(crate) enum Media<'a> {
    /// In the page. It makes no request.
    Inline,
    /// At addresses of the server that the page comes from.
    Served(Live),
    /// In files beside the page, which are written along with it.
    Files(FileSink<'a>),
}

/// What a served page needs to follow the database.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Live {
    /// The database's version that the page shows.
    pub(crate) version: String,
    /// Shortest time between two loads.
    pub(crate) pause_ms: u64,
}

/// The folder of a page's files.
pub(crate) const MEDIA_FOLDER: &str = "media";

impl Media<'_> {
    /// What the page may load, for its content security policy.
    fn policy(&self) -> &'static str {
        match self {
            Self::Inline => "img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
            Self::Served(_) => {
                "img-src data: blob: 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'self'; connect-src 'self'"
            }
            // A page that is opened from a disk has no origin that `'self'` could mean.
            Self::Files(_) => {
                "img-src data: blob: 'self' file:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'self' file:"
            }
        }
    }
}

/// Renders the page in pieces.
pub(crate) fn render_to(context: &Context, images: &dyn Images, sink: Sink) -> Result<(), ReportError> {
    render_with(context, images, &mut Media::Inline, sink)
}

/// Renders the page in pieces, with its images and Plotly in that place.
pub(crate) fn render_with(
    context: &Context,
    images: &dyn Images,
    media: &mut Media,
    sink: Sink,
) -> Result<(), ReportError> {
    let html = html(context, media)?;
    let (before, after) = html.split_once(PARTS_MARKER).unwrap_or((&html, ""));
    render_with_last_grids(before, context, images, media, sink)?;
    sink("<script type=\"application/json\" id=\"report-data\">")?;
    sink(&script_safe(&serde_json::to_string(context)?))?;
    sink("</script>\n<noscript><h2>The last samples of each run</h2></noscript>\n<div class=\"lasts\">\n")?;
    for (index, sweep) in context.sweeps.iter().enumerate() {
        render_real_grids(index, sweep, images, sink)?;
        for (place, run) in sweep.runs.iter().enumerate() {
            for (source, grids) in [(SampleSource::Raw, &run.grids), (SampleSource::Ema, &run.averaged_grids)]
            {
                let id = format!("{}-{index}-{place}", source.name());
                render_grids(
                    &id,
                    &GridsOf { run, source, grids, shades: sweep.samples.shades },
                    images,
                    media,
                    sink,
                )?;
            }
        }
    }
    sink("</div>\n")?;
    render_charting_library(media, sink)?;
    sink("<script type=\"module\">\n")?;
    sink(&script())?;
    sink("</script>\n")?;
    sink(after)
}

/// Text of the templates, with an image for each comment `last grid SWEEP RUN`: these need no script.
fn render_with_last_grids(
    text: &str,
    context: &Context,
    images: &dyn Images,
    media: &Media,
    sink: Sink,
) -> Result<(), ReportError> {
    let mut parts = text.split(LAST_GRID_MARKER);
    sink(parts.next().unwrap_or_default())?;
    for part in parts {
        let (places, rest) = part.split_once(" -->").unwrap_or((part, ""));
        let found = places.split_once(' ').and_then(|(sweep, run)| {
            let sweep = context.sweeps.get(sweep.parse::<usize>().ok()?)?;
            Some((sweep.samples.shades, sweep.runs.get(run.parse::<usize>().ok()?)?))
        });
        if let Some((shades, run)) = found {
            let (source, grids) = match run.averaged_grids.as_slice() {
                [] => (SampleSource::Raw, &run.grids),
                _ => (SampleSource::Ema, &run.averaged_grids),
            };
            if let Some(last) = grids.last() {
                let of = GridsOf { run, source, grids, shades };
                let image = match media {
                    Media::Inline => data_url(&images.grid(&run.id, last.step, source)?, shades),
                    // Files are written with the other grids of the run.
                    Media::Served(_) | Media::Files(_) => link_of(&of, *last, media),
                };
                sink(&format!("<img alt=\"Samples of {}\" src=\"{image}\">", escaped(&run.label)))?;
            }
        }
        sink(rest)?;
    }
    Ok(())
}

fn data_url(png: &[u8], shades: Shades) -> String {
    format!("data:image/png;base64,{}", BASE64.encode(pixels::compact(png, shades)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// One run's grids of one source.
struct GridsOf<'a> {
    run: &'a Run,
    source: SampleSource,
    grids: &'a [Grid],
    shades: Shades,
}

/// One run's grids, if it has any: a JSON list of base64 PNGs or of addresses, which the page's scripts parse only when
/// the run comes into view, and the last grid as an element that browsers show where there are no scripts. Scripts read
/// that, too, so that no image is in the page twice.
fn render_grids(
    id: &str,
    of: &GridsOf,
    images: &dyn Images,
    media: &mut Media,
    sink: Sink,
) -> Result<(), ReportError> {
    let Some(last) = of.grids.last() else { return Ok(()) };
    let mut sources = sources_of(of, images, media)?;
    let (attribute, before, image) = match media {
        Media::Inline => ("", "data:image/png;base64,", sources.pop().unwrap_or_default()),
        Media::Served(_) | Media::Files(_) => (" data-linked", "", link_of(of, *last, media)),
    };
    sink(&format!("<script type=\"application/json\" id=\"{id}\"{attribute}>["))?;
    for (place, source) in sources.iter().enumerate() {
        sink(if place == 0 { "\"" } else { ",\"" })?;
        sink(source)?;
        sink("\"")?;
    }
    let label = escaped(&of.run.label);
    sink(&format!(
        "]</script>\n<noscript id=\"last-{id}\"><figure class=\"last\"><img alt=\"Samples of {label}\" loading=\"lazy\" \
         src=\"{before}{image}\"><figcaption>{label}, epoch {}</figcaption></figure></noscript>\n",
        last.epoch
    ))
}

/// The grids as base64, or their addresses; files are written. Encoding takes most of a page's time, so the grids of a
/// run are encoded on all cores.
fn sources_of(of: &GridsOf, images: &dyn Images, media: &mut Media) -> Result<Vec<String>, ReportError> {
    let links: Vec<String> = of.grids.iter().map(|grid| link_of(of, *grid, media)).collect();
    if matches!(media, Media::Served(_)) {
        return Ok(links);
    }
    let fetch = |grid: &Grid| images.grid(&of.run.id, grid.step, of.source);
    let recorded = of.grids.iter().map(fetch).collect::<Result<Vec<_>, _>>()?;
    let small = recorded.par_iter().map(|png| pixels::compact(png, of.shades));
    if let Media::Files(write) = media {
        for (link, png) in links.iter().zip(small.collect::<Vec<_>>()) {
            write(link, &png)?;
        }
        return Ok(links);
    }
    Ok(small.map(|png| BASE64.encode(png)).collect())
}

/// The address of a grid that is not in the page.
fn link_of(of: &GridsOf, grid: Grid, media: &Media) -> String {
    let (run, step, source) = (&of.run.id, grid.step, of.source.name());
    match media {
        Media::Served(_) => format!("/grid/{run}/{step}/{source}.png"),
        Media::Inline | Media::Files(_) => format!("{MEDIA_FOLDER}/{run}-{step}-{source}.png"),
    }
}

/// Grids of real images, each as an element that needs no scripts, as [`render_grids`] has it for the last grid.
fn render_real_grids(
    index: usize,
    sweep: &Sweep,
    images: &dyn Images,
    sink: Sink,
) -> Result<(), ReportError> {
    for (place, grid) in sweep.samples.real.iter().enumerate() {
        let png = BASE64.encode(pixels::compact(&images.real(grid)?, sweep.samples.shades));
        let (id, dataset) = (format!("real-{index}-{place}"), escaped(&grid.dataset));
        sink(&format!(
            "<script type=\"application/json\" id=\"{id}\">[]</script>\n<noscript id=\"last-{id}\"><figure class=\"last\">\
             <img alt=\"Real images of {dataset}\" src=\"data:image/png;base64,{png}\"><figcaption>Real {dataset}</figcaption>\
             </figure></noscript>\n"
        ))?;
    }
    Ok(())
}

fn render_charting_library(media: &mut Media, sink: Sink) -> Result<(), ReportError> {
    let linked = match media {
        Media::Inline => {
            sink("<script type=\"text/plain\" id=\"charting-library\">")?;
            sink(CHARTING_LIBRARY)?;
            return sink("</script>\n");
        }
        Media::Served(_) => format!("/{}", plotly().name),
        Media::Files(write) => {
            let name = format!("{MEDIA_FOLDER}/{}", plotly().name);
            write(&name, plotly().source.as_bytes())?;
            name
        }
    };
    sink(&format!("<script type=\"text/plain\" id=\"charting-library\" data-linked=\"{linked}\"></script>\n"))
}

fn html(context: &Context, media: &Media) -> Result<String, ReportError> {
    let environment = environment()?;
    let page = environment.get_template("page.html")?;
    let live = if let Media::Served(live) = media { Some(live) } else { None };
    Ok(page.render(context! {
        report => Serde(context),
        style => STYLE,
        parts => PARTS_MARKER,
        live => live.map(Serde),
        policy => media.policy(),
        alone => matches!(media, Media::Inline),
    })?)
}

fn environment() -> Result<Environment<'static>, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("breakable", |text: &str| Value::from_safe_string(breakable(text)));
    environment.add_filter("labelled", |text: &str| Value::from_safe_string(labelled(text)));
    for &(name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// A text with labels, as `lr=1e-4 hidden=128`, as HTML: lines are broken between the keys with their values, and within one
/// only where it is longer than a line. A browser would break `1e-4` after the hyphen.
fn labelled(text: &str) -> String {
    let word = |word: &str| match word.contains('=') {
        true => format!("<span class=\"assigned\">{}</span>", breakable(word)),
        false => HtmlEscape(word).to_string(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A text as HTML, whose words may be broken after dots and underscores before letters: keys are long words, and a browser
/// would break them anywhere. The page's scripts have the same function (`dom.js`).
fn breakable(text: &str) -> String {
    let mut html = String::new();
    let mut word = 0;
    let places = text.char_indices().zip(text.chars().skip(1));
    for ((place, letter), next) in places {
        if matches!(letter, '.' | '_') && next.is_ascii_alphabetic() {
            let _ = write!(html, "{}<wbr>", HtmlEscape(&text[word..=place]));
            word = place + 1;
        }
    }
    let _ = write!(html, "{}", HtmlEscape(&text[word..]));
    html
}

/// A page with a row per sweep.
#[derive(Debug, Serialize)]
pub(crate) struct Index {
    pub(crate) results: String,
    pub(crate) live: Live,
    pub(crate) sweeps: Vec<IndexEntry>,
}

/// A sweep of the index.
#[derive(Debug, Serialize)]
pub(crate) struct IndexEntry {
    /// Its name as the last segment of its page's address.
    pub(crate) segment: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) recipe: String,
    pub(crate) runs: u64,
    pub(crate) completed: u64,
    /// Runs that train or wait for a worker.
    pub(crate) active: u64,
    pub(crate) failed: u64,
    /// When it was last started.
    pub(crate) updated: Timestamp,
}

/// Renders the index of a server.
pub(crate) fn render_index(index: &Index) -> Result<String, ReportError> {
    let environment = environment()?;
    let page = environment.get_template("index.html")?;
    let script = index_script();
    let version = env!("CARGO_PKG_VERSION");
    Ok(page
        .render(context! { index => Serde(index), style => STYLE, script => script, version => version })?)
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
    fn keys_are_broken_after_their_words_and_numbers_are_not() {
        assert_eq!(
            breakable("model.generator.hidden_size=0.05"),
            "model.<wbr>generator.<wbr>hidden_<wbr>size=0.05"
        );
        assert_eq!(breakable("<i>.b"), "&lt;i&gt;.<wbr>b");
        assert_eq!(breakable("ä..b_"), "ä..<wbr>b_");
    }

    #[test]
    fn lines_are_broken_between_the_parts_of_a_label() {
        assert_eq!(
            labelled("best & <first> a.lr=1e-4 h=8."),
            "best &amp; &lt;first&gt; <span class=\"assigned\">a.<wbr>lr=1e-4</span> <span class=\"assigned\">h=8.</span>"
        );
    }

    #[test]
    fn json_cannot_end_the_script_that_holds_it() {
        let text = "</script><!--<script>";
        let safe = script_safe(&serde_json::to_string(text).unwrap());
        assert!(!safe.contains('<'));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }
}
