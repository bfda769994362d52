//! Quality figures, and which of them compare.

use std::collections::{BTreeMap, HashMap};

use gansweep_config::RunId;
use gansweep_protocol::{ClassFigures, Metric, SampleSource};
use rusqlite::Row;
use serde_json::{Map, Value};

use super::{Reader, signed, unsigned};
use crate::{EvaluationRow, StoreError, fault::Fault, status::parse_run};

impl Reader {
    /// The evaluations of a run up to a step, in the order of steps.
    pub fn evaluations(&self, run: &RunId, until_step: u64) -> Result<Vec<EvaluationRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT step, source, images, evaluator, is_curve, figures, classes FROM evaluations
                 WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1) AND step <= ?2
                 ORDER BY step, source = 'ema', images, evaluator",
            )?;
            let mut rows = statement.query((run.as_str(), signed(until_step)))?;
            let mut evaluations = Vec::new();
            while let Some(row) = rows.next()? {
                evaluations.push(evaluation(row)?);
            }
            Ok(evaluations)
        })
    }

    /// Of these runs, those whose points of quality figures compare with each other: they have the same evaluator and the
    /// same number of images, which is given. Of several such sets for the same data, the largest.
    pub fn with_comparable_figures(&self, runs: &[RunId]) -> Result<HashMap<RunId, u32>, StoreError> {
        let asked: Value = runs.iter().map(RunId::as_str).collect();
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT r.id, r.data_fingerprint, e.evaluator, e.images
                 FROM evaluations e JOIN runs r USING (run_id)
                 WHERE r.id IN (SELECT value FROM json_each(?1)) AND e.is_curve = 1",
            )?;
            let mut rows = statement.query([asked.to_string()])?;
            let mut sets: BTreeMap<String, BTreeMap<(String, u32), Vec<RunId>>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let run = parse_run(&row.get::<_, String>(0)?)?;
                let of_data = sets.entry(row.get(1)?).or_default();
                of_data.entry((row.get(2)?, row.get(3)?)).or_default().push(run);
            }
            let largest = sets
                .into_values()
                .filter_map(|sets| sets.into_iter().max_by(|a, b| (a.1.len(), &a.0).cmp(&(b.1.len(), &b.0))));
            let of_set = |((_, images), runs): ((String, u32), Vec<RunId>)| {
                runs.into_iter().map(move |run| (run, images))
            };
            Ok(largest.flat_map(of_set).collect())
        })
    }
}

fn evaluation(row: &Row<'_>) -> Result<EvaluationRow, Fault> {
    let source: String = row.get(1)?;
    let content = |detail: String| StoreError::Content { what: "an evaluation".to_owned(), detail };
    let figures: Map<String, Value> =
        serde_json::from_str(&row.get::<_, String>(5)?).map_err(|error| content(error.to_string()))?;
    // A later version of the program may have added a metric.
    let figure = |metric: Metric| Some((metric, figures.get(metric.name())?.as_f64().unwrap_or(f64::NAN)));
    let of_class = |class: usize| {
        let value = |metric| {
            Some(figures.get(&EvaluationRow::class_key(metric, class))?.as_f64().unwrap_or(f64::NAN))
        };
        Some(ClassFigures { fd: value(Metric::ClassFd)?, accuracy: value(Metric::ClassAccuracy)? })
    };
    let by_class: Vec<ClassFigures> = (0..).map_while(of_class).collect();
    let classes: Option<String> = row.get(6)?;
    let classes = classes.map(|json| serde_json::from_str(&json)).transpose();
    Ok(EvaluationRow {
        step: unsigned(row, 0)?,
        source: SampleSource::from_name(&source)
            .ok_or_else(|| content(format!("`{source}` is no source")))?,
        images: row.get(2)?,
        evaluator: row.get(3)?,
        is_curve: row.get(4)?,
        figures: Metric::figures().filter_map(figure).collect(),
        classes: classes.map_err(|error| content(error.to_string()))?,
        by_class: (!by_class.is_empty()).then_some(by_class),
    })
}
