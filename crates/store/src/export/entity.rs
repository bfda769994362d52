//! What can be exported as rows.

/// Rows that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// One row per sweep: `sweep_overview`.
    Sweeps,
    /// One row per run and sweep: `run_overview`.
    Runs,
    /// One row per run, metric and step: `points_named`.
    Points,
    /// One row per run and metric: `summaries_named`.
    Summaries,
    /// One row per attempt: `attempts_named`.
    Attempts,
    /// One row per evaluation and quality figure: `evaluations_named`.
    Evaluations,
    /// One row per trial of a search: `trials_named`.
    Trials,
}

impl Entity {
    /// Every entity.
    pub const ALL: [Self; 7] = [
        Self::Sweeps,
        Self::Runs,
        Self::Points,
        Self::Summaries,
        Self::Attempts,
        Self::Evaluations,
        Self::Trials,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sweeps => "sweeps",
            Self::Runs => "runs",
            Self::Points => "points",
            Self::Summaries => "summaries",
            Self::Attempts => "attempts",
            Self::Evaluations => "evaluations",
            Self::Trials => "trials",
        }
    }

    /// The entity of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// The SQL statement for its rows: all, or those of the runs in one sweep's latest plan, up to the budgets
    /// there. An unknown sweep gives no rows.
    pub fn sql(self, sweep: Option<&str>) -> String {
        let name = sweep.map(|name| format!("'{}'", name.replace('\'', "''")));
        let name = name.as_deref();
        match self {
            Self::Sweeps => select("sweep_overview", name.map(named), "updated"),
            Self::Runs => select("run_overview", name.map(named), "sweep, position, id"),
            Self::Points => points(name),
            Self::Summaries => name.map_or_else(|| select("summaries_named", None, "run, metric"), summaries),
            Self::Attempts => select("attempts_named", name.map(members), "run, attempt"),
            Self::Evaluations => {
                select("evaluations_named", name.map(members), "run, step, source, images, metric")
            }
            Self::Trials => select("trials_named", name.map(named), "sweep, trial"),
        }
    }
}

fn named(name: &str) -> String {
    format!("sweep = {name}")
}

fn select(view: &str, condition: Option<String>, order: &str) -> String {
    let condition = condition.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
    format!("SELECT * FROM {view}{condition} ORDER BY {order}")
}

/// The columns of `points_named`, in the order of the table's primary key: exporting needs no sorting and no
/// memory, whatever the number of points.
fn points(name: Option<&str>) -> String {
    let (with, join, condition) = match name {
        Some(name) => (
            format!("{} ", asked(name)),
            " CROSS JOIN asked a ON a.run_id = p.run_id AND p.step <= a.until_step",
            " WHERE p.run_id IN (SELECT run_id FROM asked)",
        ),
        None => (String::new(), "", ""),
    };
    format!(
        "{with}SELECT r.id AS run, m.name AS metric, p.step, p.value, k.name AS kind, p.attempt \
         FROM points p{join} CROSS JOIN runs r ON r.run_id = p.run_id CROSS JOIN metrics m USING (metric_id) \
         CROSS JOIN value_kinds k ON k.kind = p.kind{condition} ORDER BY p.run_id, p.metric_id, p.step"
    )
}

/// The columns of `summaries_named`, computed from the points up to the sweep's budgets.
fn summaries(name: &str) -> String {
    format!(
        "{} SELECT r.id AS run, m.name AS metric, s.count, s.finite, s.last_step, l.value AS last_value, \
         k.name AS last_kind, s.min, s.max, s.best, (SELECT b.step FROM points b WHERE b.run_id = s.run_id \
         AND b.metric_id = s.metric_id AND b.value = s.best ORDER BY b.step LIMIT 1) AS best_step, m.unit \
         FROM (SELECT p.run_id, p.metric_id, count(*) AS count, count(p.value) AS finite, \
         max(p.step) AS last_step, min(p.value) AS min, max(p.value) AS max, CASE d.direction \
         WHEN 'lower' THEN min(p.value) WHEN 'higher' THEN max(p.value) END AS best \
         FROM asked a JOIN points p ON p.run_id = a.run_id AND p.step <= a.until_step \
         JOIN metrics d USING (metric_id) GROUP BY p.run_id, p.metric_id) s \
         JOIN points l ON (l.run_id, l.metric_id, l.step) = (s.run_id, s.metric_id, s.last_step) \
         JOIN value_kinds k ON k.kind = l.kind JOIN runs r ON r.run_id = s.run_id \
         JOIN metrics m ON m.metric_id = s.metric_id ORDER BY run, metric",
        asked(name)
    )
}

/// The runs of a sweep's latest plan with the step of their largest budget.
fn asked(name: &str) -> String {
    format!(
        "WITH asked AS MATERIALIZED (SELECT run_id, max(total_steps) AS until_step \
         FROM sweeps JOIN entries USING (sweep_id) WHERE name = {name} GROUP BY run_id)"
    )
}

fn members(name: &str) -> String {
    format!(
        "run IN (SELECT id FROM sweeps JOIN sweep_runs USING (sweep_id) JOIN runs USING (run_id) \
         WHERE name = {name} AND current = 1)"
    )
}
