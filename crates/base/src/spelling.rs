//! Which of some names a misspelt one was meant to be.

use strsim::normalized_damerau_levenshtein as similarity;

/// The least similarity of a suggestion. Below it, the name is probably no misspelling.
pub const ALIKE: f64 = 0.6;

/// How similar a name is at least that is `wrong` with something behind it.
const BEGINS_ALIKE: f64 = 0.8;
/// The fewest letters of such a beginning.
const LETTERS: usize = 3;

/// The most similar name. Capitals count as the letters they are of. The beginning of a name counts as similar: `wgan` finds
/// `wgan-gp`, and not `lsgan`.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let wrong = wrong.to_lowercase();
    let score = |name: &str| {
        let name = name.to_lowercase();
        let begins = wrong.len() >= LETTERS && name.starts_with(&wrong);
        similarity(&wrong, &name).max(if begins { BEGINS_ALIKE } else { 0.0 })
    };
    best(names.into_iter().map(|name| (name, score(name))))
}

/// The first name with the highest score, if the score is at least [`ALIKE`].
pub fn best<'n>(scored: impl Iterator<Item = (&'n str, f64)>) -> Option<String> {
    let mut best: Option<(&str, f64)> = None;
    for (name, score) in scored {
        if score >= ALIKE && best.is_none_or(|(_, highest)| score > highest) {
            best = Some((name, score));
        }
    }
    best.map(|(name, _)| name.to_owned())
}

/// The end of a message about a wrong name: `` ; did you mean `fd`? ``, or nothing if no name is similar.
pub fn did_you_mean<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    nearest(wrong, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_name_is_suggested_and_no_other() {
        let names = ["fd", "kid", "recall", "epoch_g_loss"];
        assert_eq!(did_you_mean("fdd", names), "; did you mean `fd`?");
        assert_eq!(did_you_mean("FD", names), "; did you mean `fd`?");
        assert_eq!(did_you_mean("recal", names), "; did you mean `recall`?");
        assert_eq!(did_you_mean("accuracy", names), "");
        assert_eq!(did_you_mean("fd", []), "");
        let recipes = ["lsgan", "wgan-gp", "dcgan"];
        assert_eq!(did_you_mean("wgan", recipes), "; did you mean `wgan-gp`?");
        assert_eq!(did_you_mean("WGAN-G", recipes), "; did you mean `wgan-gp`?");
        assert_eq!(did_you_mean("dcgan", recipes), "; did you mean `dcgan`?");
    }
}
