//! The static parts of every page: templates, style sheet, scripts and Plotly.

use std::io::Read as _;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::ZlibDecoder;
use gansweep_base::digest::sha256;

/// Templates by name. `page.html` includes the others.
pub(crate) const TEMPLATES: &[(&str, &str)] = &[
    ("page.html", include_str!("../assets/page.html")),
    ("macros.html", include_str!("../assets/macros.html")),
    ("bar.html", include_str!("../assets/bar.html")),
    ("overview.html", include_str!("../assets/overview.html")),
    ("findings.html", include_str!("../assets/findings.html")),
    ("rungs.html", include_str!("../assets/rungs.html")),
    ("search.html", include_str!("../assets/search.html")),
    ("by_config.html", include_str!("../assets/by_config.html")),
    ("samples.html", include_str!("../assets/samples.html")),
    ("curves.html", include_str!("../assets/curves.html")),
    ("space.html", include_str!("../assets/space.html")),
    ("compare.html", include_str!("../assets/compare.html")),
    ("runs.html", include_str!("../assets/runs.html")),
    ("config.html", include_str!("../assets/config.html")),
    ("record.html", include_str!("../assets/record.html")),
    ("index.html", include_str!("../assets/index.html")),
];

/// The style sheet.
pub(crate) const STYLE: &str = concat!(
    include_str!("../assets/base.css"),
    // The dark colours twice: where the system asks for them, and where the reader does.
    "@media (prefers-color-scheme: dark) {\n:root:not([data-theme=\"light\"]) {\n",
    include_str!("../assets/dark.css"),
    "}\n}\n:root[data-theme=\"dark\"] {\n",
    include_str!("../assets/dark.css"),
    "}\n:root[data-theme=\"light\"] {\ncolor-scheme: light;\n}\n",
    include_str!("../assets/controls.css"),
    include_str!("../assets/overview.css"),
    include_str!("../assets/findings.css"),
    include_str!("../assets/samples.css"),
    include_str!("../assets/wall.css"),
    include_str!("../assets/viewer.css"),
    include_str!("../assets/curves.css"),
    include_str!("../assets/runs.css"),
    include_str!("../assets/search.css"),
    include_str!("../assets/space.css"),
    include_str!("../assets/config.css"),
    include_str!("../assets/compare.css"),
    include_str!("../assets/live.css"),
    include_str!("../assets/print.css"),
);

/// The page's own modules, in an order in which each comes after those that it imports.
const MODULES: &[(&str, &str)] = &[
    ("numbers.js", include_str!("../assets/numbers.js")),
    ("statistics.js", include_str!("../assets/statistics.js")),
    ("range.js", include_str!("../assets/range.js")),
    ("series.js", include_str!("../assets/series.js")),
    ("query.js", include_str!("../assets/query.js")),
    ("report.js", include_str!("../assets/report.js")),
    ("state.js", include_str!("../assets/state.js")),
    ("dom.js", include_str!("../assets/dom.js")),
    ("pause.js", include_str!("../assets/pause.js")),
    ("paper.js", include_str!("../assets/paper.js")),
    ("viewport.js", include_str!("../assets/viewport.js")),
    ("canvas.js", include_str!("../assets/canvas.js")),
    ("shell.js", include_str!("../assets/shell.js")),
    ("theme.js", include_str!("../assets/theme.js")),
    ("dimensions.js", include_str!("../assets/dimensions.js")),
    ("color.js", include_str!("../assets/color.js")),
    ("filter.js", include_str!("../assets/filter.js")),
    ("commands.js", include_str!("../assets/commands.js")),
    ("long_table.js", include_str!("../assets/long_table.js")),
    ("table.js", include_str!("../assets/table.js")),
    ("summary.js", include_str!("../assets/summary.js")),
    ("configs.js", include_str!("../assets/configs.js")),
    ("columns.js", include_str!("../assets/columns.js")),
    ("layout.js", include_str!("../assets/layout.js")),
    ("library.js", include_str!("../assets/library.js")),
    ("heatmap.js", include_str!("../assets/heatmap.js")),
    ("parallel.js", include_str!("../assets/parallel.js")),
    ("space.js", include_str!("../assets/space.js")),
    ("roving.js", include_str!("../assets/roving.js")),
    ("trials.js", include_str!("../assets/trials.js")),
    ("epoch_mark.js", include_str!("../assets/epoch_mark.js")),
    ("pinch.js", include_str!("../assets/pinch.js")),
    ("save.js", include_str!("../assets/save.js")),
    ("chart.js", include_str!("../assets/chart.js")),
    ("curves.js", include_str!("../assets/curves.js")),
    ("images.js", include_str!("../assets/images.js")),
    ("timeline.js", include_str!("../assets/timeline.js")),
    ("arrange.js", include_str!("../assets/arrange.js")),
    ("wall.js", include_str!("../assets/wall.js")),
    ("strip.js", include_str!("../assets/strip.js")),
    ("aside.js", include_str!("../assets/aside.js")),
    ("samples.js", include_str!("../assets/samples.js")),
    ("viewer.js", include_str!("../assets/viewer.js")),
    ("address.js", include_str!("../assets/address.js")),
    ("compare.js", include_str!("../assets/compare.js")),
    ("live.js", include_str!("../assets/live.js")),
    ("main.js", include_str!("../assets/main.js")),
];

/// The page's scripts as one module. A page of one file cannot import: the modules are joined, and their
/// imports and exports, which stand on lines of their own, are taken out, and so are their types.
pub(crate) fn script() -> String {
    MODULES.iter().map(|(_, source)| joined(source)).collect()
}

/// The script of a server's index.
pub(crate) fn index_script() -> String {
    joined(include_str!("../assets/live.js")) + "followDatabase(() => []);\n"
}

fn joined(source: &str) -> String {
    let mut in_types = false;
    let is_code = |line: &&str| {
        let text = line.trim();
        let was_in_types = in_types;
        in_types = (in_types || text == "/**") && text != "*/";
        let is_types = was_in_types || in_types || text.starts_with("/**") && text.ends_with("*/");
        !is_types && text != "// @ts-check" && !line.starts_with("import ")
    };
    let lines = source.lines().filter(is_code);
    let mut kept: Vec<&str> = lines.map(|line| line.strip_prefix("export ").unwrap_or(line)).collect();
    kept.push("");
    kept.join("\n")
}

/// Plotly as base64, compressed (zlib) to a third of its size when the program was built. The page decompresses it.
pub(crate) const CHARTING_LIBRARY: &str = include_str!(concat!(env!("OUT_DIR"), "/plotly.txt"));

/// Plotly as a file of its own.
#[derive(Debug)]
pub(crate) struct Plotly {
    /// With a digest: browsers may keep a file of that name for ever.
    pub(crate) name: String,
    pub(crate) source: String,
}

/// Plotly, for pages that load it from elsewhere.
pub(crate) fn plotly() -> &'static Plotly {
    static PLOTLY: OnceLock<Plotly> = OnceLock::new();
    PLOTLY.get_or_init(|| {
        let mut source = String::new();
        // It was compressed when the program was built.
        let compressed = BASE64.decode(CHARTING_LIBRARY).unwrap_or_default();
        let _ = ZlibDecoder::new(compressed.as_slice()).read_to_string(&mut source);
        Plotly { name: format!("plotly-{}.js", &sha256(&source)[..16]), source }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_charting_library_is_one_script_that_defines_plotly() {
        let compressed = BASE64.decode(CHARTING_LIBRARY).unwrap();
        let mut source = String::new();
        ZlibDecoder::new(compressed.as_slice()).read_to_string(&mut source).unwrap();
        assert!(source.contains("plotly.js v") && !source.contains("<script"));
        assert!(compressed.len() < 1_600_000, "{} bytes", compressed.len());
    }

    #[test]
    fn modules_import_only_from_those_before_them() {
        let mut before = HashSet::new();
        for &(name, source) in MODULES {
            for line in source.lines().filter(|line| line.starts_with("import ")) {
                let from = line.split("\"./").nth(1).and_then(|rest| rest.strip_suffix("\";"));
                assert!(from.is_some_and(|from| before.contains(from)), "{name}: {line}");
            }
            before.insert(name);
        }
        let script = script();
        assert!(!script.lines().any(|line| line.starts_with("import ") || line.starts_with("export ")));
    }

    #[test]
    fn types_are_for_the_checker_and_not_for_the_page() {
        let source = "// @ts-check\n// Why.\n/**\n * @param {A} a\n */\nexport function f(a) {\n  /** @type {B} */\n  const b = /** @type {C} */ (a);\n}\n";
        assert_eq!(joined(source), "// Why.\nfunction f(a) {\n  const b = /** @type {C} */ (a);\n}\n");
    }

    #[test]
    fn no_two_modules_declare_the_same_name() {
        let mut names = HashSet::new();
        let script = script();
        for line in script.lines() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            let keyword = words.next().filter(|word| *word != "async").or_else(|| words.next());
            if matches!(keyword, Some("function" | "class" | "const" | "let")) {
                let name = words.next().unwrap();
                assert!(name.is_empty() || names.insert(name.to_owned()), "{name} is declared twice");
            }
        }
        assert!(names.contains("setUpTable") && names.contains("loadPlotly"));
    }
}
