//! Functions for the user's SQL that SQLite does not have as it is built here: roots, logarithms and spreads.

use gansweep_statistics::median;
use rusqlite::{
    Connection, Result,
    functions::{Aggregate, Context, FunctionFlags},
};

/// A function of one number.
type OfOne = fn(f64) -> f64;

/// Adds the functions to a connection. The result for NULL, and one that is not finite, is NULL.
pub(super) fn add(connection: &Connection) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    let of_one: [(&str, OfOne); 4] =
        [("sqrt", f64::sqrt), ("exp", f64::exp), ("ln", f64::ln), ("log10", f64::log10)];
    for (name, function) in of_one {
        connection.create_scalar_function(name, 1, flags, move |arguments| {
            Ok(arguments.get::<Option<f64>>(0)?.map(function).filter(|value| value.is_finite()))
        })?;
    }
    connection.create_scalar_function("pow", 2, flags, |arguments| {
        let (base, exponent) = (arguments.get::<Option<f64>>(0)?, arguments.get::<Option<f64>>(1)?);
        Ok(base.zip(exponent).map(|(base, exponent)| base.powf(exponent)).filter(|value| value.is_finite()))
    })?;
    connection.create_aggregate_function("median", 1, flags, OfValues(median))?;
    connection.create_aggregate_function("stddev", 1, flags, OfValues(deviation))
}

/// A function of the values of a group that are not NULL, ascending: so the order of the rows does not matter.
struct OfValues(fn(&[f64]) -> Option<f64>);

impl Aggregate<Vec<f64>, Option<f64>> for OfValues {
    fn init(&self, _: &mut Context<'_>) -> Result<Vec<f64>> {
        Ok(Vec::new())
    }

    fn step(&self, context: &mut Context<'_>, values: &mut Vec<f64>) -> Result<()> {
        values.extend(context.get::<Option<f64>>(0)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, values: Option<Vec<f64>>) -> Result<Option<f64>> {
        let mut values = values.unwrap_or_default();
        values.sort_by(f64::total_cmp);
        Ok((self.0)(&values))
    }
}

/// The standard deviation of a sample, with `n - 1`; none of fewer than two values.
fn deviation(values: &[f64]) -> Option<f64> {
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / freedom as f64).sqrt())
}
