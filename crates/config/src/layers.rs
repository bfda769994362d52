//! The layers of an experiment: where each is read from.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::Document;
use crate::given::{Given, Reader};
use crate::schema::{self, PROFILE, keys};
use crate::{Fault, Faults, Layer, LoadOptions, Place, Problem, recipes};

/// Environment variables with this prefix may spell keys.
const PREFIX: &str = "GANSWEEP_";
/// Variables that speak to the program and are no keys.
pub const PROGRAM_VARIABLES: [&str; 5] = [
    "GANSWEEP_DATA_DIR",
    "GANSWEEP_LIBTORCH_PROGRAM",
    "GANSWEEP_LOG",
    "GANSWEEP_OFFLINE",
    "GANSWEEP_RESULTS",
];

/// The built-in defaults.
pub(crate) fn defaults(faults: &mut Vec<Fault>) -> Given {
    let mut given = Given::new(Layer::Default);
    for key in keys() {
        if let Some(default) = key.default {
            let document = Document::of_value(Place::Builtin, default);
            read_text(&document, key.path, &mut given, faults);
        }
    }
    given
}

/// A recipe; empty for a name that is none.
pub(crate) fn recipe(name: &str, faults: &mut Vec<Fault>) -> Given {
    let mut given = Given::new(Layer::Recipe(name.to_owned()));
    let text = recipes::get(name).unwrap_or_default();
    let document = Document::of_file(&PathBuf::from(format!("recipes/{name}.toml")), text);
    match document.parse(&given.layer) {
        Ok(table) => Reader { document: &document, given: &mut given, faults }.read_table(&table),
        Err(errors) => faults.extend_from_slice(errors.as_slice()),
    }
    given
}

/// The file, and the profile that was asked for. All profiles are checked.
pub(crate) fn file(
    path: &Path,
    text: &str,
    profile: Option<&str>,
    faults: &mut Vec<Fault>,
) -> Result<Vec<Given>, Faults> {
    let document = Document::of_file(path, text);
    let mut table = document.parse(&Layer::File)?;
    let profiles = table.remove(PROFILE);
    let mut file = Given::new(Layer::File);
    Reader { document: &document, given: &mut file, faults }.read_table(&table);
    let mut profiles = read_profiles(&document, profiles.as_ref(), faults);
    let Some(wanted) = profile else { return Ok(vec![file]) };
    let names: Vec<String> = profiles.iter().filter_map(profile_name).map(str::to_owned).collect();
    profiles.retain(|given| profile_name(given) == Some(wanted));
    if profiles.is_empty() {
        faults.push(no_such_profile(path, wanted, &names));
    }
    Ok([vec![file], profiles].concat())
}

fn profile_name(given: &Given) -> Option<&str> {
    match &given.layer {
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
    let nearest = schema::nearest(wanted, names.iter().map(String::as_str));
    Fault::new(place, None, key, Problem::UnknownProfile).expected(expected).nearest(nearest)
}

fn read_profiles(
    document: &Document<'_>,
    profiles: Option<&Spanned<DeValue<'_>>>,
    faults: &mut Vec<Fault>,
) -> Vec<Given> {
    let Some(profiles) = profiles else { return Vec::new() };
    let Some(table) = profile_table(document, PROFILE, profiles, faults) else { return Vec::new() };
    let mut all = Vec::new();
    for (name, profile) in table {
        let path = format!("{PROFILE}.{}", name.get_ref());
        let Some(table) = profile_table(document, &path, profile, faults) else { continue };
        let mut given = Given::new(Layer::Profile(name.get_ref().to_string()));
        Reader { document, given: &mut given, faults }.read_table(table);
        all.push(given);
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

/// Environment variables that spell keys: `GANSWEEP_TRAIN__EPOCHS` is `train.epochs`.
pub(crate) fn environment(variables: &[(String, String)], faults: &mut Vec<Fault>) -> Given {
    let mut given = Given::new(Layer::Environment);
    for (name, value) in variables {
        let Some(spelt) = name.strip_prefix(PREFIX) else { continue };
        if PROGRAM_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        let path = path_of_variable(spelt);
        if spells_a_key(spelt) {
            let document = Document::of_value(Place::Variable(name.clone()), value);
            read_text(&document, &path, &mut given, faults);
        } else if let Some(meant) = misspelt_variable(spelt) {
            let fault = Fault::new(
                Place::Variable(name.clone()),
                Some(Layer::Environment),
                path,
                Problem::UnknownKey,
            );
            faults.push(fault.nearest(Some(meant)));
        }
    }
    given
}

/// Those of some environment variables that give values to keys.
pub(crate) fn spelling_keys(variables: &[(String, String)]) -> Vec<(String, String)> {
    let spells = |name: &str| {
        name.strip_prefix(PREFIX).is_some_and(spells_a_key) && !PROGRAM_VARIABLES.contains(&name)
    };
    variables.iter().filter(|(name, _)| spells(name)).cloned().collect()
}

fn path_of_variable(spelt: &str) -> String {
    spelt.to_lowercase().replace("__", ".")
}

/// Whether a variable, its prefix left out, is meant for a key: it names one or a table of keys, or
/// has the two underscores that stand for a dot.
fn spells_a_key(spelt: &str) -> bool {
    let path = path_of_variable(spelt);
    schema::find(&path).is_some() || schema::is_table(&path) || spelt.contains("__")
}

/// The variable that was meant by one without the two underscores that stand for a dot; `None` for
/// one that does not look like a key, which may be another program's.
fn misspelt_variable(spelt: &str) -> Option<String> {
    let bare = |name: &str| name.replace(['_', '.'], "").to_lowercase();
    let meant = keys().find(|key| strsim::damerau_levenshtein(&bare(key.path), &bare(spelt)) <= 1)?;
    Some(format!("{PREFIX}{}", meant.path.replace('.', "__").to_uppercase()))
}

/// `KEY=VALUE` arguments; of two on one key the later wins.
pub(crate) fn sets(arguments: &[String], faults: &mut Vec<Fault>) -> Given {
    let mut given = Given::new(Layer::Set);
    for argument in arguments {
        let place = Place::Option(format!("--set {argument}"));
        let assignment = argument.split_once('=').map(|(key, value)| (key.replace('"', ""), value));
        match assignment {
            Some((key, value)) if !key.trim().is_empty() => {
                let document = Document::of_value(place, value.trim());
                read_text(&document, key.trim(), &mut given, faults);
            }
            _ => {
                let fault = Fault::new(place, Some(Layer::Set), "", Problem::NotAnAssignment);
                faults.push(fault.expected("KEY=VALUE, such as `train.epochs=5`"));
            }
        }
    }
    given
}

/// Reads a document that is one value: TOML, or else a text without quotes.
fn read_text(document: &Document<'_>, path: &str, given: &mut Given, faults: &mut Vec<Fault>) {
    let bare = || Spanned::new(0..document.text.len(), DeValue::String(Cow::Borrowed(document.text)));
    let value = DeValue::parse(document.text).unwrap_or_else(|_| bare());
    Reader { document, given, faults }.read_entry(path, &value);
}

/// All layers but the recipe, the lowest first.
pub(crate) fn all(
    path: &Path,
    text: &str,
    options: &LoadOptions,
    faults: &mut Vec<Fault>,
) -> Result<Vec<Given>, Faults> {
    let mut layers = vec![defaults(faults)];
    layers.extend(file(path, text, options.profile.as_deref(), faults)?);
    layers.push(environment(&options.env, faults));
    layers.push(sets(&options.sets, faults));
    Ok(layers)
}
