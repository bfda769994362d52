//! The static parts of every page: templates, style sheet, scripts and Plotly.

/// Templates by name. `page.html` includes the others.
pub(crate) const TEMPLATES: [(&str, &str); 7] = [
    ("page.html", include_str!("../assets/page.html")),
    ("macros.html", include_str!("../assets/macros.html")),
    ("overview.html", include_str!("../assets/overview.html")),
    ("samples.html", include_str!("../assets/samples.html")),
    ("curves.html", include_str!("../assets/curves.html")),
    ("runs.html", include_str!("../assets/runs.html")),
    ("config.html", include_str!("../assets/config.html")),
];

/// The style sheet.
pub(crate) const STYLE: &str = concat!(
    include_str!("../assets/base.css"),
    include_str!("../assets/controls.css"),
    include_str!("../assets/overview.css"),
    include_str!("../assets/samples.css"),
    include_str!("../assets/viewer.css"),
    include_str!("../assets/curves.css"),
    include_str!("../assets/runs.css"),
    include_str!("../assets/config.css"),
    include_str!("../assets/print.css"),
);

/// The page's own scripts, joined into one module.
pub(crate) const SCRIPT: &str = concat!(
    include_str!("../assets/state.js"),
    include_str!("../assets/color.js"),
    include_str!("../assets/filter.js"),
    include_str!("../assets/table.js"),
    include_str!("../assets/range.js"),
    include_str!("../assets/layout.js"),
    include_str!("../assets/chart.js"),
    include_str!("../assets/curves.js"),
    include_str!("../assets/images.js"),
    include_str!("../assets/timeline.js"),
    include_str!("../assets/samples.js"),
    include_str!("../assets/viewer.js"),
    include_str!("../assets/main.js"),
);

/// Plotly as the `plotly` crate embeds it, without `MathJax`, which comes first in the same text: the page
/// has no formulas, and `MathJax` would add two megabytes.
pub(crate) fn charting_library() -> String {
    const END: &str = "</script>";
    let all = plotly::Plot::offline_js_sources();
    match all.find(END) {
        Some(end) => all[..end + END.len()].to_owned(),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charting_library_is_one_script_that_defines_plotly() {
        let script = charting_library();
        assert!(script.starts_with("<script") && script.ends_with("</script>"));
        assert_eq!(script.matches("<script").count(), 1);
        assert!(script.contains("plotly.js v"));
    }
}
