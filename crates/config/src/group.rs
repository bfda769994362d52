//! Groups: runs whose tensors have equal shapes, and which can therefore train as lanes of one batch.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::schema::{Key, Lanes, keys};
use crate::{Config, PlannedRun, Value, identity};

/// What all lanes of a group have in common: everything that decides a tensor's shape, which
/// images a step sees, or which operations it consists of.
///
/// Which keys those are, each key says itself ([`Lanes`]); beside them stand the data's bytes.
/// Budgets and seeds are each lane's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupKey(String);

impl GroupKey {
    /// Of a config on the data of that fingerprint.
    pub fn of(config: &Config, data_fingerprint: &str) -> Self {
        let mut config = config.clone();
        let mut common = String::new();
        for key in SHARED.iter() {
            let Some(value) = key.field.and_then(|field| field.get(&mut config)) else { continue };
            match (key.lanes, &value) {
                (Lanes::Presence, Value::Number(number)) => {
                    common.push(if *number > 0.0 { '+' } else { '0' });
                }
                _ => identity::put(&value, &mut common),
            }
            common.push('\n');
        }
        common.push_str(data_fingerprint);
        Self(common)
    }
}

/// The keys that lanes do not differ in freely.
static SHARED: LazyLock<Vec<&'static Key>> =
    LazyLock::new(|| keys().filter(|key| key.lanes != Lanes::Varies).collect());

/// Puts runs of equal [`GroupKey`] together, given as positions in `runs`.
///
/// Groups stand in the order of their first runs, and runs within a group in the order of `runs`.
pub fn group_runs<'a>(runs: impl IntoIterator<Item = &'a PlannedRun>) -> Vec<Vec<usize>> {
    let mut place_of: HashMap<GroupKey, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (position, run) in runs.into_iter().enumerate() {
        let next = groups.len();
        let place = *place_of.entry(GroupKey::of(&run.config, &run.data_fingerprint)).or_insert(next);
        if place == next {
            groups.push(Vec::new());
        }
        groups[place].push(position);
    }
    groups
}
