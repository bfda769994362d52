//! The layers of an experiment, each read from its source: defaults, recipe, file, profile,
//! environment, `--set`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use gansweep_base::spelling;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::Document;
use crate::parsed_layer::ParsedLayer;
use crate::schema::{self, PROFILE, keys};
use crate::{Fault, Faults, Layer, Place, Problem, recipes};

/// What besides the file decides an experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadOptions {
    /// The profile of the file to apply.
    pub profile: Option<String>,
    /// `KEY=VALUE` from the command line; of two on one key the later wins.
    pub sets: Vec<String>,
    /// Environment variables, of which those that name keys (`GANSWEEP_TRAIN__EPOCHS`) apply. Others that begin with
    /// `GANSWEEP_` are faults, except for the program's own.
    pub env: Vec<(String, String)>,
}

/// Environment variables with this prefix name keys, or are the program's own.
const PREFIX: &str = "GANSWEEP_";
/// Variables that control the program's tests. They are set for whatever the tests start, sweeps among it.
const TEST_PREFIXES: [&str; 2] = ["GANSWEEP_TEST_", "GANSWEEP_FAULTS_"];
/// Variables with that prefix that are options of the program and no keys.
pub const PROGRAM_VARIABLES: [&str; 5] = [
    "GANSWEEP_DATA_DIR",
    "GANSWEEP_LIBTORCH_PROGRAM",
    "GANSWEEP_LOG",
    "GANSWEEP_OFFLINE",
    "GANSWEEP_RESULTS",
];

/// The built-in defaults.
pub(crate) fn defaults(faults: &mut Vec<Fault>) -> ParsedLayer {
    let mut parsed = ParsedLayer::new(Layer::Default);
    for key in keys() {
        if let Some(default) = key.default {
            let document = Document::of_value(Place::Builtin, default);
            read_value(&document, key.path, &mut parsed, faults);
        }
    }
    parsed
}

/// The values of a recipe; none for an unknown name.
pub(crate) fn recipe(name: &str, faults: &mut Vec<Fault>) -> ParsedLayer {
    let mut parsed = ParsedLayer::new(Layer::Recipe(name.to_owned()));
    let text = recipes::get(name).unwrap_or_default();
    let document = Document::of_file(&PathBuf::from(format!("recipes/{name}.toml")), text);
    match document.parse(&parsed.layer) {
        Ok(table) => parsed.read_table(&document, &table, faults),
        Err(errors) => faults.extend_from_slice(errors.as_slice()),
    }
    parsed
}

/// The file, and the chosen profile. All profiles are checked, so that a mistake in one is found before it
/// is used.
pub(crate) fn file(
    path: &Path,
    text: &str,
    profile: Option<&str>,
    faults: &mut Vec<Fault>,
) -> Result<Vec<ParsedLayer>, Faults> {
    let document = Document::of_file(path, text);
    let mut table = document.parse(&Layer::File)?;
    let profiles = table.remove(PROFILE);
    let mut file = ParsedLayer::new(Layer::File);
    file.read_table(&document, &table, faults);
    let mut profiles = read_profiles(&document, profiles.as_ref(), faults);
    let Some(wanted) = profile else { return Ok(vec![file]) };
    let names: Vec<String> = profiles.iter().filter_map(profile_name).map(str::to_owned).collect();
    profiles.retain(|parsed| profile_name(parsed) == Some(wanted));
    if profiles.is_empty() {
        faults.push(no_such_profile(path, wanted, &names));
    }
    Ok([vec![file], profiles].concat())
}

fn profile_name(parsed: &ParsedLayer) -> Option<&str> {
    match &parsed.layer {
        Layer::Profile(name) => Some(name),
        _ => None,
    }
}

fn no_such_profile(path: &Path, wanted: &str, names: &[String]) -> Fault {
    let place = Place::File(path.to_owned());
    let key = format!("{PROFILE}.{wanted}");
    if names.is_empty() {
        return Fault::new(place, None, key, Problem::NoProfiles)
            .expected(format_args!("a table `[{PROFILE}.{wanted}]`"));
    }
    let expected = format!("one of {}", names.join(", "));
    let nearest = spelling::nearest(wanted, names.iter().map(String::as_str));
    Fault::new(place, None, key, Problem::UnknownProfile).expected(expected).nearest(nearest)
}

fn read_profiles(
    document: &Document<'_>,
    profiles: Option<&Spanned<DeValue<'_>>>,
    faults: &mut Vec<Fault>,
) -> Vec<ParsedLayer> {
    let Some(profiles) = profiles else { return Vec::new() };
    let Some(table) = profile_table(document, PROFILE, profiles, faults) else { return Vec::new() };
    let mut all = Vec::new();
    for (name, profile) in table {
        let path = format!("{PROFILE}.{}", name.get_ref());
        let Some(table) = profile_table(document, &path, profile, faults) else { continue };
        let mut parsed = ParsedLayer::new(Layer::Profile(name.get_ref().to_string()));
        parsed.read_table(document, table, faults);
        all.push(parsed);
    }
    all
}

fn profile_table<'v>(
    document: &Document<'_>,
    path: &str,
    value: &'v Spanned<DeValue<'v>>,
    faults: &mut Vec<Fault>,
) -> Option<&'v DeTable<'v>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        let problem = Problem::WrongType(document.describe(value));
        let fault = Fault::new(document.place(&value.span()), Some(Layer::File), path, problem);
        faults.push(fault.expected("a table `[profile.NAME]` of keys"));
    }
    table
}

/// Environment variables that name keys: `GANSWEEP_TRAIN__EPOCHS` is `train.epochs`.
pub(crate) fn environment(variables: &[(String, String)], faults: &mut Vec<Fault>) -> ParsedLayer {
    let mut parsed = ParsedLayer::new(Layer::Environment);
    for (name, value) in variables {
        let Some(name_part) = name.strip_prefix(PREFIX) else { continue };
        // An empty variable counts as unset, as everywhere in the program.
        if is_of_program(name) || value.is_empty() {
            continue;
        }
        if names_a_key(name_part) {
            let document = Document::of_value(Place::Variable(name.clone()), value);
            read_value(&document, &path_of_variable(name_part), &mut parsed, faults);
        } else {
            faults.push(unknown_variable(name, name_part));
        }
    }
    parsed
}

/// Those of some environment variables that give values to keys.
pub(crate) fn naming_keys(variables: &[(String, String)]) -> Vec<(String, String)> {
    let names = |name: &str| name.strip_prefix(PREFIX).is_some_and(names_a_key) && !is_of_program(name);
    variables.iter().filter(|(name, value)| names(name) && !value.is_empty()).cloned().collect()
}

fn is_of_program(name: &str) -> bool {
    PROGRAM_VARIABLES.contains(&name) || TEST_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn path_of_variable(name_part: &str) -> String {
    name_part.to_lowercase().replace("__", ".")
}

/// Whether a variable, without its prefix, stands for a key: it names a key or a table of keys, or has the
/// two underscores that stand for a dot.
fn names_a_key(name_part: &str) -> bool {
    let path = path_of_variable(name_part);
    schema::find(&path).is_some() || schema::is_table(&path) || name_part.contains("__")
}

/// A sweep without the value that its user has set would be another one, so that a misspelt variable must not be ignored.
fn unknown_variable(name: &str, name_part: &str) -> Fault {
    let path = path_of_variable(name_part);
    let nearest = meant_variable(name, name_part, &path);
    let place = Place::Variable(name.to_owned());
    let fault = Fault::new(place, Some(Layer::Environment), path, Problem::UnknownKey);
    match nearest {
        Some(nearest) => fault.nearest(Some(nearest)),
        None => fault.expected(format_args!(
            "a key in capitals, such as `GANSWEEP_TRAIN__EPOCHS`, or one of {}",
            PROGRAM_VARIABLES.join(", ")
        )),
    }
}

/// The right name of a variable that has one underscore in place of two, is misspelt, or leaves out the table of its key.
fn meant_variable(name: &str, name_part: &str, path: &str) -> Option<String> {
    let bare = |name: &str| name.replace(['_', '.'], "").to_lowercase();
    let is_written_alike =
        |key: &&'static str| strsim::damerau_levenshtein(&bare(key), &bare(name_part)) <= 1;
    let variable = |key: &str| format!("{PREFIX}{}", key.replace('.', "__").to_uppercase());
    // Without the prefix, which all have in common and which would make any of them similar.
    let of_program = || {
        let names = PROGRAM_VARIABLES.iter().filter_map(|name| name.strip_prefix(PREFIX));
        spelling::nearest(name_part, names).map(|name| format!("{PREFIX}{name}"))
    };
    let written_alike = keys().map(|key| key.path).find(is_written_alike).map(variable);
    written_alike
        .or_else(of_program)
        .or_else(|| schema::nearest_key(path, |_| true).map(|key| variable(&key)))
        .filter(|meant| meant != name)
}

/// `KEY=VALUE` arguments; of two on one key the later wins.
pub(crate) fn sets(arguments: &[String], faults: &mut Vec<Fault>) -> ParsedLayer {
    let mut parsed = ParsedLayer::new(Layer::Set);
    for argument in arguments {
        let place = Place::Option(format!("--set {argument}"));
        let assignment = argument.split_once('=').map(|(key, value)| (key.replace('"', ""), value));
        match assignment {
            Some((key, value)) if !key.trim().is_empty() => {
                let document = Document::of_value(place, value.trim());
                read_value(&document, key.trim(), &mut parsed, faults);
            }
            _ => {
                let fault = Fault::new(place, Some(Layer::Set), "", Problem::NotAnAssignment);
                faults.push(fault.expected("KEY=VALUE, such as `train.epochs=5`"));
            }
        }
    }
    parsed
}

/// Reads a document that is one value: TOML, or if it is not TOML, a text without quotes.
fn read_value(document: &Document<'_>, path: &str, parsed: &mut ParsedLayer, faults: &mut Vec<Fault>) {
    let unquoted = || Spanned::new(0..document.text.len(), DeValue::String(Cow::Borrowed(document.text)));
    let value = DeValue::parse(document.text).unwrap_or_else(|_| unquoted());
    parsed.read_entry(document, path, &value, faults);
}

/// All layers but the recipe, the lowest first.
pub(crate) fn all(
    path: &Path,
    text: &str,
    options: &LoadOptions,
    faults: &mut Vec<Fault>,
) -> Result<Vec<ParsedLayer>, Faults> {
    let mut layers = vec![defaults(faults)];
    layers.extend(file(path, text, options.profile.as_deref(), faults)?);
    layers.push(environment(&options.env, faults));
    layers.push(sets(&options.sets, faults));
    Ok(layers)
}
