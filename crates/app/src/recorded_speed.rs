//! How long training takes, by how fast earlier runs trained.

use std::collections::HashMap;

use gansweep_config::{Config, DatasetSpec, GroupKey};
use gansweep_nn::cost;
use gansweep_store::SpeedRow;

/// The speeds of recorded runs on this machine, by device.
#[derive(Debug, Default)]
pub(crate) struct RecordedSpeeds {
    devices: HashMap<String, Speeds>,
}

/// The speeds on one device, of the runs that could train together, since they have the same shapes.
type Speeds = HashMap<GroupKey, Speed>;

/// A number of runs of the same shapes with the work that they did.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Speed {
    /// The number of runs.
    pub(crate) runs: usize,
    /// Floating-point operations of a step of one of them.
    step_flops: f64,
    flops: f64,
    seconds: f64,
}

/// How many times as many operations a step may have as one of the runs whose speed it is taken to have. Tiny networks reach a small
/// part of the operations a second of large ones, since other work takes most of their time.
const MOST_TIMES: f64 = 4.0;

impl RecordedSpeeds {
    /// Of runs that were recorded on this machine. Those of configs that this version of the program does not know are
    /// left out.
    pub(crate) fn of(rows: &[SpeedRow]) -> Self {
        let mut speeds = Self::default();
        for row in rows {
            if let Some((key, speed)) = Speed::of(row) {
                let device = speeds.devices.entry(row.device.clone()).or_default();
                device.entry(key).or_default().add(speed);
            }
        }
        speeds
    }

    /// Whether any run is recorded on that device.
    pub(crate) fn knows(&self, device: &str) -> bool {
        self.devices.contains_key(device)
    }

    /// The speed of a group of runs with that config, and the shapes of the runs that had it: the same, or else those that
    /// are the nearest in operations a step. `None` if no run on the device was of about that size.
    pub(crate) fn speed(
        &self,
        device: &str,
        config: &Config,
        spec: &DatasetSpec,
    ) -> Option<(&GroupKey, &Speed, Likeness)> {
        let speeds = self.devices.get(device)?;
        if let Some((key, speed)) = speeds.get_key_value(&GroupKey::of(config, spec)) {
            return Some((key, speed, Likeness::SameShapes));
        }
        let step_flops = cost::step_flops(config, spec).ok()?;
        let nearest = speeds
            .iter()
            .map(|(key, speed)| (key, speed, (speed.step_flops / step_flops).ln().abs()))
            .filter(|(_, _, distance)| *distance <= MOST_TIMES.ln())
            // Of equally near ones the slowest, so that the same one is taken each time.
            .min_by(|(_, one, a), (_, other, b)| {
                a.total_cmp(b).then(one.flops_per_second().total_cmp(&other.flops_per_second()))
            });
        nearest.map(|(key, speed, _)| (key, speed, Likeness::SimilarSize))
    }
}

/// How runs are alike whose speed others are taken to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Their networks, batches and images have the same shapes.
    SameShapes,
    /// Their steps have a similar number of floating-point operations.
    SimilarSize,
}

impl Speed {
    /// Floating-point operations a second.
    pub(crate) fn flops_per_second(&self) -> f64 {
        self.flops / self.seconds
    }

    fn of(row: &SpeedRow) -> Option<(GroupKey, Self)> {
        let config = Config::from_stored(&row.config).ok()?;
        let step_flops = cost::step_flops(&config, &row.spec).ok()?;
        // All lanes of a group train in the seconds of each.
        let flops = step_flops * f64::from(row.lanes) * row.steps as f64;
        let key = GroupKey::of(&config, &row.spec);
        (flops > 0.0 && row.seconds > 0.0)
            .then_some((key, Self { runs: 1, step_flops, flops, seconds: row.seconds }))
    }

    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.step_flops = other.step_flops;
        self.flops += other.flops;
        self.seconds += other.seconds;
    }
}

#[cfg(test)]
mod tests {
    use gansweep_fixtures::config::{config, like_mnist};

    use super::*;

    fn row(recipe: &str, device: &str, lanes: u32, steps_per_second: f64) -> SpeedRow {
        SpeedRow {
            config: serde_json::to_value(config(recipe, &[])).unwrap(),
            spec: like_mnist(),
            device: device.to_owned(),
            lanes,
            steps: 1000,
            seconds: 1000.0 / steps_per_second,
        }
    }

    /// Seconds that a step of the config takes on `cpu` by these rows, by which runs, and by how many; `None` if that is not known.
    fn step(rows: &[SpeedRow], config: &Config) -> Option<(f64, Likeness, usize)> {
        let (spec, speeds) = (like_mnist(), RecordedSpeeds::of(rows));
        let (_, speed, likeness) = speeds.speed("cpu", config, &spec)?;
        Some((cost::step_flops(config, &spec).unwrap() / speed.flops_per_second(), likeness, speed.runs))
    }

    fn is_step(found: Option<(f64, Likeness, usize)>, seconds: f64, likeness: Likeness, runs: usize) -> bool {
        found.is_some_and(|(it, by, of)| (it - seconds).abs() < 1e-9 && (by, of) == (likeness, runs))
    }

    #[test]
    fn runs_of_the_same_shapes_decide_where_there_are_any() {
        let rows =
            [row("fast", "cpu", 1, 100.0), row("jovian", "cpu", 1, 10.0), row("fast", "vulkan:0", 1, 1.0)];
        for (recipe, seconds) in [("fast", 0.01), ("jovian", 0.1)] {
            let found = step(&rows, &config(recipe, &[]));
            assert!(is_step(found, seconds, Likeness::SameShapes, 1), "{found:?}");
        }
        let speeds = RecordedSpeeds::of(&rows);
        assert_eq!(["cpu", "vulkan:0", "vulkan:1"].map(|device| speeds.knows(device)), [true, true, false]);
        assert!(speeds.speed("vulkan:1", &config("fast", &[]), &like_mnist()).is_none());
    }

    #[test]
    fn the_runs_nearest_in_operations_decide_within_a_factor_of_four() {
        let of = |hidden: u32| {
            let config = config("fast", &[&format!("model.hidden={hidden}")]);
            let flops = cost::step_flops(&config, &like_mnist()).unwrap();
            (config, flops)
        };
        let row = |hidden: u32, flops_per_second: f64| {
            let (config, flops) = of(hidden);
            let config = serde_json::to_value(config).unwrap();
            SpeedRow { config, ..row("fast", "cpu", 1, flops_per_second / flops) }
        };
        let rows = [row(8, 1e6), row(200, 1e9), row(350, 2e9), row(2000, 1e11)];
        let (asked, flops) = of(256);
        let found = step(&rows, &asked);
        assert!(is_step(found, flops / 1e9, Likeness::SimilarSize, 1), "{found:?}");
        // Without these, the others are too far away.
        assert_eq!(step(&[row(8, 1e6), row(2000, 1e11)], &asked), None);
    }

    #[test]
    fn a_group_does_the_work_of_all_its_lanes() {
        let found = step(&[row("fast", "cpu", 4, 100.0)], &config("fast", &[]));
        assert!(is_step(found, 0.0025, Likeness::SameShapes, 1), "{found:?}");
    }

    #[test]
    fn a_config_of_another_version_is_left_out() {
        let unknown =
            SpeedRow { config: serde_json::json!({"loss": {"kind": "new"}}), ..row("fast", "cpu", 1, 1.0) };
        assert!(!RecordedSpeeds::of(&[unknown]).knows("cpu"));
    }
}
