//! Groups: runs with tensors of equal shapes, which can train together as the lanes of one batch.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::schema::{Key, Lanes, keys};
use crate::{Config, DatasetSpec, PlannedRun, Value, identity};

/// What all lanes of a group have in common: everything that decides a tensor's shape, which images a
/// step uses, or which operations it consists of.
///
/// These are the keys whose declarations say so ([`Lanes`]), and the fingerprint of the data. Budgets and
/// seeds may differ from lane to lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupKey(String);

impl GroupKey {
    /// The key of a config that is trained on data with that spec.
    pub fn of(config: &Config, spec: &DatasetSpec) -> Self {
        let mut config = config.clone();
        let mut common = String::new();
        for key in SHARED.iter() {
            let Some(value) = key.field.and_then(|field| field.get(&mut config)) else { continue };
            match (key.lanes, &value) {
                (Lanes::Presence, Value::Number(number)) => {
                    common.push(if *number > 0.0 { '+' } else { '0' });
                }
                (Lanes::Alike(words), Value::Text(word)) if words.contains(&word.as_str()) => {
                    common.push_str(words[0]);
                }
                _ => identity::put(&value, &mut common),
            }
            common.push('\n');
        }
        common.push_str(&spec.fingerprint);
        Self(common)
    }
}

/// The keys in which the lanes of a group must agree, entirely or in part.
static SHARED: LazyLock<Vec<&'static Key>> =
    LazyLock::new(|| keys().filter(|key| key.lanes != Lanes::Varies).collect());

/// Groups runs by their [`GroupKey`]. A group is a list of indices into `runs`.
///
/// Groups are in the order of their first runs, and the runs of a group in the order of `runs`.
pub fn group_runs<'a>(runs: impl IntoIterator<Item = &'a PlannedRun>) -> Vec<Vec<usize>> {
    let mut place_of: HashMap<GroupKey, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (position, run) in runs.into_iter().enumerate() {
        let next = groups.len();
        let place = *place_of.entry(GroupKey::of(&run.config, &run.spec)).or_insert(next);
        if place == next {
            groups.push(Vec::new());
        }
        groups[place].push(position);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkOptimizer;
    use crate::fixtures::{config, spec};

    #[test]
    fn lanes_of_a_group_have_one_kind_of_optimizer_for_each_network() {
        let key = |generator, discriminator| {
            let mut config = config();
            config.optimizer.generator = generator;
            config.optimizer.discriminator = discriminator;
            GroupKey::of(&config, &spec())
        };
        let all = NetworkOptimizer::examples();
        // Schedules may differ between lanes.
        let shape = |it: NetworkOptimizer| (it.kind, it.momentum > 0.0, it.clip_norm > 0.0);
        for &one in &all {
            for &other in &all {
                let same = shape(one) == shape(other);
                assert_eq!(key(one, all[0]) == key(other, all[0]), same, "{one:?} and {other:?}");
                assert_eq!(key(all[0], one) == key(all[0], other), same, "{one:?} and {other:?}");
            }
            assert_eq!(key(one, one), key(NetworkOptimizer { lr: 0.5, ..one }, one));
        }
    }
}
