//! Compresses Plotly once, so that no page has to.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::ZlibEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    // The `plotly` crate embeds it as a `script` element, with `MathJax` behind it. The page has no formulas, and
    // `MathJax` would add two megabytes.
    let all = plotly::Plot::offline_js_sources();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(source_of_first_script(&all).ok_or("the plotly crate has no script")?.as_bytes())?;
    let text = BASE64.encode(encoder.finish()?);
    fs::write(Path::new(&env::var("OUT_DIR")?).join("plotly.txt"), text)?;
    Ok(())
}

fn source_of_first_script(html: &str) -> Option<&str> {
    html.split_once('>')?.1.split_once("</script>").map(|(source, _)| source)
}
