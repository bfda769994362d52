//! Summary of the points of one run and metric.

use gansweep_protocol::{Direction, Metric};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{
    SummaryRow,
    fault::Fault,
    value::{join, split},
};

/// A row of `summaries`; counts are zero before the first point.
#[derive(Debug, Default, Clone)]
pub(crate) struct Summary {
    pub(crate) count: i64,
    pub(crate) finite: i64,
    pub(crate) last_step: i64,
    pub(crate) last: f64,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) best: Option<(f64, i64)>,
    /// Sum of a hash of each point, which shows a changed one; `None` where an older version of the program stored the
    /// row.
    pub(crate) checksum: Option<i64>,
}

/// The columns of a summary in the table `s`, as [`Summary::read`] reads them.
pub(crate) const COLUMNS: &str =
    "s.count, s.finite, s.last_step, s.last_value, s.last_kind, s.min, s.max, s.best, s.best_step,
     s.checksum";

impl Summary {
    /// Reads [`COLUMNS`] from column `first` on.
    pub(crate) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let best: Option<f64> = row.get(first + 7)?;
        let best_step: Option<i64> = row.get(first + 8)?;
        Ok(Self {
            count: row.get(first)?,
            finite: row.get(first + 1)?,
            last_step: row.get(first + 2)?,
            last: join(row.get(first + 3)?, row.get(first + 4)?),
            min: row.get(first + 5)?,
            max: row.get(first + 6)?,
            best: best.zip(best_step),
            checksum: row.get(first + 9)?,
        })
    }

    /// Adds a point with a larger step than all others.
    pub(crate) fn append(&mut self, step: i64, value: f64, direction: Direction) {
        self.checksum = Some(self.checksum.unwrap_or(0).wrapping_add(hash(step, value)));
        self.count += 1;
        self.last_step = step;
        self.last = value;
        if !value.is_finite() {
            return;
        }
        self.finite += 1;
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        let better = match direction {
            Direction::Lower => self.best.is_none_or(|(best, _)| value < best),
            Direction::Higher => self.best.is_none_or(|(best, _)| value > best),
            Direction::Neither => false,
        };
        if better {
            self.best = Some((value, step));
        }
    }

    /// Whether all is the same to the last bit.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        let key = |it: &Self| {
            let best = it.best.map(|(value, step)| (value.to_bits(), step));
            let counts = (it.count, it.finite, it.last_step);
            (
                counts,
                split(it.last).0.map(f64::to_bits),
                split(it.last).1,
                bits(it.min),
                bits(it.max),
                best,
                it.checksum,
            )
        };
        key(self) == key(other)
    }

    /// Converts to the reader's row type.
    pub(crate) fn row(&self, metric: Metric) -> SummaryRow {
        SummaryRow {
            metric,
            count: self.count.cast_unsigned(),
            finite: self.finite.cast_unsigned(),
            last: self.last,
            last_step: self.last_step.cast_unsigned(),
            best: self.best.map(|(value, _)| value),
            best_step: self.best.map(|(_, step)| step.cast_unsigned()),
            min: self.min,
            max: self.max,
        }
    }
}

/// Hash of a point (`SplitMix64` of the bits). The order of points does not matter to their sum.
fn hash(step: i64, value: f64) -> i64 {
    let (real, kind) = split(value);
    let bits = real.map_or(kind as u64, f64::to_bits);
    let mut mixed =
        step.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(bits).wrapping_add(kind as u64);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)).cast_signed()
}

/// The points of one run and one metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Series {
    pub(crate) run_id: i64,
    pub(crate) metric_id: i64,
    pub(crate) direction: Direction,
}

impl Series {
    /// The stored row, which covers all points.
    pub(crate) fn stored(self, connection: &Connection) -> Result<Option<Summary>, Fault> {
        let sql = format!("SELECT {COLUMNS} FROM summaries s WHERE s.run_id = ?1 AND s.metric_id = ?2");
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_row([self.run_id, self.metric_id], |row| Summary::read(row, 0)).optional()?)
    }

    /// Computes the summary of the points up to a step; `None` without points.
    pub(crate) fn compute(self, connection: &Connection, until_step: i64) -> Result<Option<Summary>, Fault> {
        let mut statement = connection.prepare_cached(
            "SELECT step, value, kind FROM points WHERE run_id = ?1 AND metric_id = ?2 AND step <= ?3
             ORDER BY step",
        )?;
        let mut rows = statement.query([self.run_id, self.metric_id, until_step])?;
        let mut summary = Summary::default();
        while let Some(row) = rows.next()? {
            summary.append(row.get(0)?, join(row.get(1)?, row.get(2)?), self.direction);
        }
        Ok((summary.count > 0).then_some(summary))
    }
}
