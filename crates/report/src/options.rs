//! Options of the page.

use gansweep_base::host;
use gansweep_protocol::Metric;

/// Which sweeps the page shows, and how much of them.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// Names of the sweeps, in page order; empty for all sweeps, newest first.
    pub sweeps: Vec<String>,
    /// What configs are compared by; `None` for the first recorded metric that says which run is better.
    pub objective: Option<Metric>,
    /// Maximum number of points per curve. In large sweeps curves have fewer, so that a chart has at most
    /// [`ReportOptions::CHART_POINTS`].
    pub max_points: usize,
    /// Maximum size in bytes of one sweep's sample grids in the page. Above it, epochs are left out at even
    /// intervals, and the page says how many. 0 for a page without images.
    pub max_image_bytes: u64,
    /// What is damaged in the database, for a notice at the top of the page.
    pub damage: Vec<String>,
    /// Time stamp of the page, in its footer: milliseconds since 1970-01-01T00:00:00Z.
    pub now_unix_ms: i64,
}

impl ReportOptions {
    /// Maximum number of points per chart, all curves together: about what browsers pan smoothly.
    pub const CHART_POINTS: usize = 100_000;

    /// Maximum size in bytes of one sweep's sample grids, unless the reader asks for another.
    pub(crate) const IMAGE_BYTES: u64 = 36 << 20;

    /// Maximum number of points per curve in charts with that many runs.
    pub(crate) fn points_per_curve(&self, runs: usize) -> usize {
        let share = Self::CHART_POINTS / runs.max(1);
        share.max(100).min(self.max_points).max(2)
    }
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            sweeps: Vec::new(),
            objective: None,
            max_points: 1000,
            max_image_bytes: Self::IMAGE_BYTES,
            damage: Vec::new(),
            now_unix_ms: host::unix_ms(),
        }
    }
}
