//! Suggestions for misspelt names of keys and tables.

use gansweep_base::spelling::{ALIKE, best, nearest};
use strsim::normalized_damerau_levenshtein as similarity;

use super::elsewhere::key_called;
use super::key::Key;
use super::keys::keys;
use super::lookup::{AXIS_TABLES, EXCLUDE, VARIANTS, find, is_table};

/// The most similar key of those that satisfy `wanted`. A key with the same last component in another
/// table counts as similar: `epochs` finds `train.epochs`. So does one that is made of initials: `learning_rate` finds `lr`.
pub(crate) fn nearest_key(wrong: &str, wanted: impl Fn(&Key) -> bool) -> Option<String> {
    let wrong = wrong.to_lowercase().replace('-', "_");
    let (table, last) = wrong.rsplit_once('.').unwrap_or(("", &wrong));
    // `prune.seeds` and `sweep.random.seed` are as similar, and whoever writes `seed` means the seeds of the runs.
    if matches!(last, "seed" | "seeds") {
        return Some(if table == "prune" { "prune.seeds" } else { "sweep.seeds" }.to_owned());
    }
    if let Some(axis) = axis_in_a_wrong_table(&wrong) {
        return Some(axis);
    }
    if let Some(key) = key_called(last, &wanted) {
        return Some(key.to_owned());
    }
    let initials: String = last.split('_').filter_map(|word| word.chars().next()).collect();
    let shortened = format!("{table}.{initials}");
    best(keys().filter(|key| wanted(key)).map(|key| {
        let (wrong, last) = match initials.len() > 1 && initials == key.last_component() {
            true => (&shortened, initials.as_str()),
            false => (&wrong, last),
        };
        let whole = similarity(wrong, key.path);
        // The last component weighs most; the rest decides between keys that end alike.
        (key.path, whole.max(0.9 * similarity(last, key.last_component()) + 0.1 * whole))
    }))
}

/// The table of a sweep that is written without `sweep` before it: `variants`, `grid`, `exclude`, with what is below it.
pub(crate) fn table_of_sweep(path: &str) -> Option<String> {
    let full = format!("sweep.{path}");
    let tables = AXIS_TABLES.into_iter().chain(["sweep.random", VARIANTS, EXCLUDE]);
    let is_it =
        |table: &str| full.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    tables.into_iter().any(is_it).then_some(full)
}

/// Where an axis belongs that is written in `[sweep]` or `[sweep.random]`.
fn axis_in_a_wrong_table(wrong: &str) -> Option<String> {
    let rest = wrong.strip_prefix("sweep.")?;
    let (table, key) = match rest.strip_prefix("random.") {
        Some(key) => ("sweep.random.keys", key),
        None => ("sweep.grid", rest),
    };
    let by_last = || keys().find(|wanted| wanted.last_component() == key);
    let found = find(key).or_else(by_last).filter(|key| key.is_sweepable());
    found.map(|key| format!("{table}.\"{}\"", key.path))
}

/// The most similar table of keys.
pub(crate) fn nearest_table(wrong: &str) -> Option<String> {
    let of_axes =
        wrong.strip_prefix("sweep.").filter(|table| is_table(table)).map(|_| "sweep.grid".to_owned());
    axis_in_a_wrong_table(wrong).or(of_axes).or_else(|| nearest(wrong, tables()))
}

/// Whether a misspelt name resembles a key more than a table of keys. Its value does not tell, because the
/// value of an axis may be a table too.
pub(crate) fn is_rather_a_key(wrong: &str) -> bool {
    let key = keys().map(|key| similarity(wrong, key.path)).fold(0.0, f64::max);
    let table = tables().map(|table| similarity(wrong, table)).fold(0.0, f64::max);
    key >= ALIKE && key > table
}

fn tables() -> impl Iterator<Item = &'static str> {
    let tables = keys().flat_map(|key| key.path.match_indices('.').map(|(dot, _)| &key.path[..dot]));
    tables.chain(AXIS_TABLES).chain([VARIANTS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_key_it_was_meant_to_be() {
        let meant = |wrong: &str| nearest_key(wrong, |_| true).unwrap_or_default();
        assert_eq!(meant("train.epoch"), "train.epochs");
        assert_eq!(meant("epochs"), "train.epochs");
        assert_eq!(meant("seed"), "sweep.seeds");
        assert_eq!(meant("train.seed"), "sweep.seeds");
        assert_eq!(meant("prune.seed"), "prune.seeds");
        assert_eq!(meant("model.z_dim"), "model.latent_dim");
        assert_eq!(meant("sweep.optimizer.lr"), "sweep.grid.\"optimizer.lr\"");
        assert_eq!(meant("sweep.random.optimizer.lr"), "sweep.random.keys.\"optimizer.lr\"");
        assert_eq!(meant("train.batchsize"), "train.batch_size");
        assert_eq!(meant("train.batch-size"), "train.batch_size");
        assert_eq!(meant("optimizer.genrator.lr"), "optimizer.generator.lr");
        assert_eq!(meant("lr"), "optimizer.lr");
        assert_eq!(meant("optimizer.learning_rate"), "optimizer.lr");
        assert_eq!(meant("optimizer.generator.learning_rate"), "optimizer.generator.lr");
        assert_eq!(meant("learning_rate"), "optimizer.lr");
        assert_eq!(meant("model.generator.lr"), "optimizer.generator.lr");
        assert_eq!(meant("quite.something.else"), "");
        assert_eq!(meant("optimizer.lr_d"), "optimizer.discriminator.lr");
        assert_eq!(meant("model.generator.ngf"), "model.generator.width");
        assert_eq!(meant("sweep.lr"), "sweep.grid.\"optimizer.lr\"");
        assert_eq!(meant("num_workers"), "execution.jobs");
        assert_ne!(nearest_key("num_workers", Key::is_sweepable).as_deref(), Some("execution.jobs"));
    }

    #[test]
    fn a_slip_finds_the_table_it_was_meant_to_be() {
        assert_eq!(nearest_table("trian").unwrap(), "train");
        assert_eq!(nearest_table("sweep.gird").unwrap(), "sweep.grid");
        assert_eq!(nearest_table("sweep.optimizer").unwrap(), "sweep.grid");
        assert_eq!(nearest_table("unrelated"), None);
    }

    #[test]
    fn a_table_of_a_sweep_is_known_without_its_beginning() {
        for path in ["grid", "zip", "random", "random.keys", "variants", "variants.a", "exclude"] {
            assert_eq!(table_of_sweep(path), Some(format!("sweep.{path}")));
        }
        for path in ["grids", "seeds", "sweep.grid", "data", "model.grid"] {
            assert_eq!(table_of_sweep(path), None);
        }
    }

    #[test]
    fn a_slip_in_a_key_is_told_from_one_in_a_table() {
        assert!(is_rather_a_key("optimizer.lrr") && is_rather_a_key("train.epoch"));
        for table in ["trian", "optimiser", "sweep.gird", "modle.generator", "unrelated"] {
            assert!(!is_rather_a_key(table), "{table}");
        }
    }
}
