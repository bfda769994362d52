//! Which of some names a misspelt one was meant to be.

use strsim::normalized_damerau_levenshtein as similarity;

/// The least similarity of a suggestion. Below it, the name is probably no misspelling.
pub(crate) const ALIKE: f64 = 0.6;

/// The most similar name.
pub(crate) fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    best(names.into_iter().map(|name| (name, similarity(wrong, name))))
}

/// The first name with the highest score, if the score is at least [`ALIKE`].
pub(crate) fn best<'n>(scored: impl Iterator<Item = (&'n str, f64)>) -> Option<String> {
    let mut best: Option<(&str, f64)> = None;
    for (name, score) in scored {
        if score >= ALIKE && best.is_none_or(|(_, highest)| score > highest) {
            best = Some((name, score));
        }
    }
    best.map(|(name, _)| name.to_owned())
}
