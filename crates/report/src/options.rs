//! What the page shall hold.

use gansweep_base::host;

/// What the page shall hold.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// Names of the sweeps, in the order of the page; empty stands for all, the latest first.
    pub sweeps: Vec<String>,
    /// The most points of one curve. Large sweeps get fewer, so that a chart never holds more than
    /// [`ReportOptions::CHART_POINTS`] of them.
    pub max_points: usize,
    /// The most bytes of sample grids (as PNG) of one sweep. Where there are more, epochs are left
    /// out evenly; the first and the last stay.
    pub max_image_bytes: u64,
    /// When the page is made, for its footer: milliseconds since 1970-01-01T00:00:00Z.
    pub now_unix_ms: i64,
}

impl ReportOptions {
    /// The most points of all curves of one chart together: about what a browser pans smoothly.
    pub const CHART_POINTS: usize = 100_000;

    /// The most points of each curve where that many runs share a chart.
    pub(crate) fn points_per_curve(&self, runs: usize) -> usize {
        let share = Self::CHART_POINTS / runs.max(1);
        share.max(100).min(self.max_points).max(2)
    }
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { sweeps: Vec::new(), max_points: 1000, max_image_bytes: 48 << 20, now_unix_ms: host::unix_ms() }
    }
}
