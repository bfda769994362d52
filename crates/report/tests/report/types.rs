//! The types of the page's data for its scripts, from the Rust types, and the check of the scripts against them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gansweep_report::{ReportOptions, build};
use gansweep_store::Reader;
use quote::ToTokens as _;
use syn::{Attribute, Fields, GenericArgument, Item, PathArguments, Type};

use crate::npm;
use crate::support::Synthetic;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Types of other crates that the page's data contains, and where they are.
const OTHERS: [(&str, &str); 5] = [
    ("RunState", "../config/src/run.rs"),
    ("Palette", "../config/src/record.rs"),
    ("Direction", "../protocol/src/metric.rs"),
    ("TrialSource", "../store/src/rows.rs"),
    ("Geometry", "../protocol/src/event.rs"),
];

/// Types that write their JSON themselves; tests beside them hold it.
const OWN_JSON: &str = "\
/** A measured number. */
export type Measured = number | \"NaN\" | \"Infinity\" | \"-Infinity\";

/** Points of a run, packed; `lazySeries` unpacks them. */
export interface Series {
  steps: number[] | string;
  values: string;
}
";

#[test]
fn the_types_of_the_pages_data_are_those_of_the_program() {
    let path = Path::new(ROOT).join("assets/context.d.ts");
    let types = types();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &types).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), types, "write it with UPDATE_DOCS=1");
}

#[test]
fn the_scripts_of_the_page_and_its_data_fit_their_types() {
    let Some(modules) = npm::modules() else { return };
    let folder = tempfile::tempdir().unwrap();
    Synthetic { averaged: true, ..Synthetic::default() }.record(folder.path());
    let lone = Synthetic { rates: vec![3e-4], widths: vec![128], seeds: vec![1], ..Synthetic::default() };
    Synthetic { name: "lone", ..lone }.record(folder.path());
    Synthetic {
        name: "searched",
        drawn: Some(1),
        best: Some(2),
        rates: vec![4e-4, 5e-4],
        ..Synthetic::default()
    }
    .record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let context = serde_json::to_string(&build(&reader, &ReportOptions::default()).unwrap()).unwrap();
    let assets = Path::new(ROOT).join("assets");
    let data = format!(
        "import type {{ Context }} from {:?};\nexport const context: Context = {context};\n",
        assets.join("context")
    );
    fs::write(folder.path().join("data.ts"), data).unwrap();
    let config = serde_json::json!({
        "extends": assets.join("tsconfig.json"),
        "include": [assets.join("*.js"), assets.join("*.d.ts"), folder.path().join("data.ts")],
    });
    let config_path = folder.path().join("tsconfig.json");
    fs::write(&config_path, config.to_string()).unwrap();
    let output =
        Command::new("node").arg(modules.join("typescript/bin/tsc")).arg("-p").arg(&config_path).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Faults that types do not show: unused names, names of nothing, messages on the console, modules that import each other.
#[test]
fn the_scripts_of_the_page_are_free_of_lints() {
    let Some(modules) = npm::modules() else { return };
    let lint = |folder: &Path| {
        let config = Path::new(ROOT).join("tests/npm/oxlintrc.json");
        let mut command = Command::new("node");
        command.arg(modules.join("oxlint/bin/oxlint")).arg("--config").arg(config).arg(folder);
        command.output().unwrap()
    };
    let output = lint(&Path::new(ROOT).join("assets"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("bad.js"),
        "const unused = 1;\nexport const wrong = nowhere;\nconsole.log(wrong);\n",
    )
    .unwrap();
    let output = lint(folder.path());
    let said = String::from_utf8_lossy(&output.stdout);
    let rules = ["no-unused-vars", "no-undef", "no-console"];
    assert!(
        !output.status.success() && rules.iter().all(|rule| said.contains(rule)),
        "the linter finds nothing: {said}"
    );
}

#[test]
fn every_script_asks_to_be_checked() {
    for entry in fs::read_dir(Path::new(ROOT).join("assets")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "js") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("// @ts-check\n"), "{}", path.display());
        }
    }
}

fn types() -> String {
    let mut text = "// The page's data as the program writes it. Made by the tests from the Rust types: UPDATE_DOCS=1 writes it.\n\n"
        .to_owned();
    text.push_str(OWN_JSON);
    let folder = Path::new(ROOT).join("src/context");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for item in files.iter().flat_map(|file| items(file)) {
        text.push_str(&declaration(&item).unwrap_or_default());
    }
    for (name, file) in OTHERS {
        let is_it = |item: &Item| match item {
            Item::Struct(item) => item.ident == name,
            Item::Enum(item) => item.ident == name,
            _ => false,
        };
        let found = items(&Path::new(ROOT).join(file)).into_iter().find(is_it);
        text.push_str(&found.as_ref().and_then(declaration).unwrap_or_else(|| panic!("no {name} in {file}")));
    }
    text
}

fn items(file: &Path) -> Vec<Item> {
    syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap().items
}

/// The declaration of a type that derives `Serialize`.
fn declaration(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) if derives_serialize(&item.attrs) => {
            let Fields::Named(fields) = &item.fields else { return None };
            let mut text = format!("\n{}export interface {} {{\n", doc(&item.attrs, ""), item.ident);
            for field in &fields.named {
                let optional = if serde(&field.attrs).contains("skip_serializing_if") { "?" } else { "" };
                // What is left out is never null.
                let ty = match (optional, argument_of(&field.ty, "Option")) {
                    ("?", Some(inner)) => script_type(inner),
                    _ => script_type(&field.ty),
                };
                let name = field.ident.as_ref().unwrap();
                let _ = writeln!(text, "{}  {name}{optional}: {ty};", doc(&field.attrs, "  "));
            }
            Some(text + "}\n")
        }
        Item::Enum(item) if derives_serialize(&item.attrs) => {
            if !item.variants.iter().all(|variant| variant.fields.is_empty()) {
                return None;
            }
            let serde = serde(&item.attrs);
            let separator = if serde.contains("kebab-case") { "-" } else { "_" };
            let values = item.variants.iter().map(|variant| match serde.contains("into") {
                true => "number".to_owned(),
                false => format!("\"{}\"", separated(&variant.ident.to_string(), separator)),
            });
            let mut values: Vec<String> = values.collect();
            values.dedup();
            Some(format!("\n{}export type {} = {};\n", doc(&item.attrs, ""), item.ident, values.join(" | ")))
        }
        _ => None,
    }
}

/// `NotRanked` as `not_ranked`.
fn separated(name: &str, separator: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push_str(separator);
        }
        text.extend(letter.to_lowercase());
    }
    text
}

fn derives_serialize(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("derive")
            && attribute.meta.to_token_stream().to_string().contains("Serialize")
    })
}

/// The `serde` attributes as text.
fn serde(attributes: &[Attribute]) -> String {
    let own = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    own.map(|attribute| attribute.meta.to_token_stream().to_string()).collect()
}

/// The first paragraph of the documentation as a comment.
fn doc(attributes: &[Attribute], indent: &str) -> String {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).map(|attribute| {
        let text = attribute.meta.to_token_stream().to_string();
        let quoted = text.split_once('"').map_or("", |(_, rest)| rest);
        quoted.strip_suffix('"').unwrap_or(quoted).trim().replace("\\\"", "\"").replace("\\'", "'")
    });
    let first: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    if first.is_empty() { String::new() } else { format!("{indent}/** {} */\n", first.join(" ")) }
}

fn script_type(ty: &Type) -> String {
    if let Some(inner) = argument_of(ty, "Option") {
        return format!("{} | null", script_type(inner));
    }
    if let Some(inner) = argument_of(ty, "Vec") {
        let inner = script_type(inner);
        return if inner.contains(' ') { format!("({inner})[]") } else { format!("{inner}[]") };
    }
    match ty {
        Type::Array(array) => {
            let length: usize = array.len.to_token_stream().to_string().parse().unwrap();
            format!("[{}]", vec![script_type(&array.elem); length].join(", "))
        }
        Type::Path(path) => match path.path.segments.last().unwrap().ident.to_string().as_str() {
            "String" | "RunId" => "string".to_owned(),
            "bool" => "boolean".to_owned(),
            "u8" | "u16" | "u32" | "u64" | "usize" | "i64" | "f64" => "number".to_owned(),
            "Number" => "Measured".to_owned(),
            "Value" => "unknown".to_owned(),
            other => other.to_owned(),
        },
        other => panic!("there is no rule for {}", other.to_token_stream()),
    }
}

/// The argument of a generic type of that name.
fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) if segment.ident == name => Some(inner),
        _ => None,
    }
}
