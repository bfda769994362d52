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

/// The speeds on one device.
#[derive(Debug, Default)]
struct Speeds {
    all: Speed,
    /// Of the runs that could train together, since they have the same shapes.
    alike: HashMap<GroupKey, Speed>,
}

/// A number of runs with the work that they did.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Speed {
    runs: usize,
    flops: f64,
    seconds: f64,
}

impl RecordedSpeeds {
    /// Of runs that were recorded on this machine. Those of configs that this version of the program does not know are
    /// left out.
    pub(crate) fn of(rows: &[SpeedRow]) -> Self {
        let mut speeds = Self::default();
        for row in rows {
            if let Some((key, speed)) = Speed::of(row) {
                let device = speeds.devices.entry(row.device.clone()).or_default();
                device.all.add(speed);
                device.alike.entry(key).or_default().add(speed);
            }
        }
        speeds
    }

    /// Floating-point operations a second of a group of runs with that config, by runs of the same shapes where there are
    /// any; `None` if nothing is recorded of the device.
    pub(crate) fn flops_per_second(&self, device: &str, config: &Config, spec: &DatasetSpec) -> Option<f64> {
        let speeds = self.devices.get(device)?;
        let alike = speeds.alike.get(&GroupKey::of(config, spec));
        let speed = alike.unwrap_or(&speeds.all);
        Some(speed.flops / speed.seconds)
    }

    /// Number of runs whose speed is known on that device.
    pub(crate) fn runs(&self, device: &str) -> usize {
        self.devices.get(device).map_or(0, |speeds| speeds.all.runs)
    }
}

impl Speed {
    fn of(row: &SpeedRow) -> Option<(GroupKey, Self)> {
        let config = Config::from_stored(&row.config).ok()?;
        let step_flops = cost::step_flops(&config, &row.spec).ok()?;
        // All lanes of a group train in the seconds of each.
        let flops = step_flops * f64::from(row.lanes) * row.steps as f64;
        let key = GroupKey::of(&config, &row.spec);
        (flops > 0.0 && row.seconds > 0.0).then_some((key, Self { runs: 1, flops, seconds: row.seconds }))
    }

    fn add(&mut self, other: Self) {
        self.runs += other.runs;
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

    /// Seconds that a step of the recipe takes on `cpu` by these rows.
    fn seconds_per_step(rows: &[SpeedRow], recipe: &str) -> f64 {
        let (config, spec) = (config(recipe, &[]), like_mnist());
        let flops_per_second = RecordedSpeeds::of(rows).flops_per_second("cpu", &config, &spec).unwrap();
        cost::step_flops(&config, &spec).unwrap() / flops_per_second
    }

    #[test]
    fn runs_of_the_same_shapes_decide_where_there_are_any() {
        let rows =
            [row("fast", "cpu", 1, 100.0), row("jovian", "cpu", 1, 10.0), row("fast", "vulkan:0", 1, 1.0)];
        assert!((seconds_per_step(&rows, "fast") - 0.01).abs() < 1e-9);
        assert!((seconds_per_step(&rows, "jovian") - 0.1).abs() < 1e-9);
        let speeds = RecordedSpeeds::of(&rows);
        assert_eq!(["cpu", "vulkan:0", "vulkan:1"].map(|device| speeds.runs(device)), [2, 1, 0]);
        assert_eq!(speeds.flops_per_second("vulkan:1", &config("fast", &[]), &like_mnist()), None);
    }

    #[test]
    fn other_runs_give_the_operations_a_second() {
        let (spec, [fast, jovian]) = (like_mnist(), ["fast", "jovian"].map(|recipe| config(recipe, &[])));
        let ratio = cost::step_flops(&jovian, &spec).unwrap() / cost::step_flops(&fast, &spec).unwrap();
        let seconds = seconds_per_step(&[row("fast", "cpu", 1, 100.0)], "jovian");
        assert!((seconds - 0.01 * ratio).abs() < 1e-9, "{seconds}");
    }

    #[test]
    fn a_group_does_the_work_of_all_its_lanes() {
        let seconds = seconds_per_step(&[row("fast", "cpu", 4, 100.0)], "fast");
        assert!((seconds - 0.0025).abs() < 1e-9, "{seconds}");
    }

    #[test]
    fn a_config_of_another_version_is_left_out() {
        let unknown =
            SpeedRow { config: serde_json::json!({"loss": {"kind": "new"}}), ..row("fast", "cpu", 1, 1.0) };
        assert_eq!(RecordedSpeeds::of(&[unknown]).runs("cpu"), 0);
    }
}
