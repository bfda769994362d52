//! A context and its images as HTML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::assets::{SCRIPT, STYLE, TEMPLATES, charting_library};
use crate::context::{Context, Run, Sweep};
use crate::{Images, ReportError};

/// Where the large parts go that the template engine need not touch. No value of a context can
/// contain it, because the templates escape `<`.
const PARTS_HERE: &str = "<!-- data, images and scripts -->";

/// The whole page as one string. [`write`](crate::write) holds no more than one image in memory
/// and suits large sweeps better.
pub fn render(context: &Context, images: &dyn Images) -> Result<String, ReportError> {
    let mut page = String::new();
    put_page(context, images, &mut |text| {
        page.push_str(text);
        Ok(())
    })?;
    Ok(page)
}

/// Takes the page piece by piece.
pub(crate) type Put<'a> = &'a mut dyn FnMut(&str) -> Result<(), ReportError>;

/// Hands over the page piece by piece.
pub(crate) fn put_page(context: &Context, images: &dyn Images, put: Put) -> Result<(), ReportError> {
    let frame = frame(context)?;
    let (before, after) = frame.split_once(PARTS_HERE).unwrap_or((&frame, ""));
    put(before)?;
    put("<script type=\"application/json\" id=\"report-data\">")?;
    put(&script_safe(&serde_json::to_string(context)?))?;
    put("</script>\n")?;
    for (index, sweep) in context.sweeps.iter().enumerate() {
        put_real(index, sweep, images, put)?;
        for (place, run) in sweep.runs.iter().enumerate().filter(|(_, run)| !run.grids.is_empty()) {
            put_grids(&format!("grids-{index}-{place}"), run, images, put)?;
        }
    }
    put(&charting_library())?;
    put("\n<script type=\"module\">\n")?;
    put(SCRIPT)?;
    put("</script>\n")?;
    put(after)
}

/// The grids of one run: a JSON list of PNGs in base64, which the scripts read when they are first
/// looked at.
fn put_grids(id: &str, run: &Run, images: &dyn Images, put: Put) -> Result<(), ReportError> {
    put(&format!("<script type=\"application/json\" id=\"{id}\">["))?;
    for (index, grid) in run.grids.iter().enumerate() {
        let png = images.grid(&run.id, grid.step)?;
        put(if index == 0 { "\"" } else { ",\"" })?;
        put(&BASE64.encode(png))?;
        put("\"")?;
    }
    put("]</script>\n")
}

fn put_real(index: usize, sweep: &Sweep, images: &dyn Images, put: Put) -> Result<(), ReportError> {
    for (place, grid) in sweep.samples.real.iter().enumerate() {
        let png = BASE64.encode(images.real(grid)?);
        put(&format!(
            "<script type=\"application/json\" id=\"real-{index}-{place}\">[\"{png}\"]</script>\n"
        ))?;
    }
    Ok(())
}

fn frame(context: &Context) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    let page = environment.get_template("page.html")?;
    Ok(page.render(context! { report => Serde(context), style => STYLE, parts => PARTS_HERE })?)
}

/// JSON that may stand inside of a `script` element: `<` occurs in its strings alone, where an
/// escape means the same.
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
