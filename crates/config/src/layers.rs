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
    /// Environment variables, of which those that name keys (`GANSWEEP_TRAIN__EPOCHS`) apply.
    pub env: Vec<(String, String)>,
}

/// Environment variables with this prefix may name keys.
const PREFIX: &str = "GANSWEEP_";
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
        if PROGRAM_VARIABLES.contains(&name.as_str()) || value.is_empty() {
            continue;
        }
        let path = path_of_variable(name_part);
        if names_a_key(name_part) {
            let document = Document::of_value(Place::Variable(name.clone()), value);
            read_value(&document, &path, &mut parsed, faults);
        } else if let Some(meant) = misname_part_variable(name_part) {
            let fault = Fault::new(
                Place::Variable(name.clone()),
                Some(Layer::Environment),
                path,
                Problem::UnknownKey,
            );
            faults.push(fault.nearest(Some(meant)));
        }
    }
    parsed
}

/// Those of some environment variables that give values to keys.
pub(crate) fn naming_keys(variables: &[(String, String)]) -> Vec<(String, String)> {
    let names =
        |name: &str| name.strip_prefix(PREFIX).is_some_and(names_a_key) && !PROGRAM_VARIABLES.contains(&name);
    variables.iter().filter(|(name, value)| names(name) && !value.is_empty()).cloned().collect()
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

/// The right name of a variable that has one underscore in place of two; `None` for a variable that does
/// not look like a key and may belong to another program.
fn misname_part_variable(name_part: &str) -> Option<String> {
    let bare = |name: &str| name.replace(['_', '.'], "").to_lowercase();
    let meant = keys().find(|key| strsim::damerau_levenshtein(&bare(key.path), &bare(name_part)) <= 1)?;
    Some(format!("{PREFIX}{}", meant.path.replace('.', "__").to_uppercase()))
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
