//! A run's points in a form that is small in the page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gansweep_base::leb128;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::Number;

/// A run's points of one metric.
///
/// As JSON, `steps` is the first step, then pairs of a difference and how often it repeats: points at even intervals take
/// three numbers. Of points that were left out in between, the steps are irregular: `steps` is then base64 of the first step and
/// the differences, each as LEB128 (seven bits to a byte, the lowest first). `values` is base64 of three bytes for each value: a big-endian `f32` without its last byte. That is
/// four characters for five significant digits, more than a chart resolves, and it holds NaN and infinities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Completed steps at each point, ascending.
    pub steps: Vec<u64>,
    /// The value at each point.
    pub values: Vec<Number>,
}

/// With more numbers than these, steps are shorter as base64.
const MOST_NUMBERS: usize = 25;

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| packed(value.0)).collect();
        let mut series = serializer.serialize_struct("Series", 2)?;
        let pairs = differences(&self.steps);
        match pairs.len() {
            ..=MOST_NUMBERS => series.serialize_field("steps", &pairs)?,
            _ => series.serialize_field("steps", &BASE64.encode(leb128_differences(&self.steps)))?,
        }
        series.serialize_field("values", &BASE64.encode(bytes))?;
        series.end()
    }
}

fn differences(steps: &[u64]) -> Vec<u64> {
    let mut packed: Vec<u64> = steps.first().copied().into_iter().collect();
    for pair in steps.windows(2) {
        let difference = pair[1] - pair[0];
        match packed.as_mut_slice() {
            [_, .., last, times] if *last == difference => *times += 1,
            _ => packed.extend([difference, 1]),
        }
    }
    packed
}

/// The first step and the differences in LEB128.
fn leb128_differences(steps: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(steps.len());
    let mut before = 0;
    for &step in steps {
        leb128::append(&mut bytes, step - before);
        before = step;
    }
    bytes
}

fn packed(value: f64) -> [u8; 3] {
    // The largest number whose first three bytes are no infinity.
    const LARGEST: f32 = f32::from_bits(0x7f7f_ff00);
    let number = value as f32;
    let number = match value.is_finite() {
        true => number.clamp(-LARGEST, LARGEST),
        false => number,
    };
    // Half of the last kept bit rounds; a NaN must keep a bit that is set.
    let bits = if number.is_nan() { f32::NAN.to_bits() } else { number.to_bits() + 0x80 };
    let bits = if number.is_infinite() { number.to_bits() } else { bits };
    let [sign_and_exponent, middle, low, _] = bits.to_be_bytes();
    [sign_and_exponent, middle, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(bytes: [u8; 3]) -> f64 {
        f64::from(f32::from_be_bytes([bytes[0], bytes[1], bytes[2], 0]))
    }

    #[test]
    fn values_keep_five_digits_and_what_is_not_finite() {
        for value in [0.0, 1.0, -0.693_2, 1e-7, 59.25, 123_456.7, 3.4e38, -1e-30] {
            let back = unpacked(packed(value));
            assert!((back - value).abs() <= 1e-5 * value.abs(), "{value} {back}");
        }
        assert!(unpacked(packed(f64::NAN)).is_nan());
        assert_eq!(unpacked(packed(f64::INFINITY)).to_bits(), f64::INFINITY.to_bits());
        assert_eq!(unpacked(packed(f64::NEG_INFINITY)).to_bits(), f64::NEG_INFINITY.to_bits());
        assert!(unpacked(packed(1e300)).is_finite() && unpacked(packed(-1e300)) < -3e38);
    }

    #[test]
    fn even_steps_take_three_numbers() {
        assert_eq!(differences(&[50, 100, 150, 200]), [50, 50, 3]);
        assert_eq!(differences(&[1, 2, 4, 6, 7]), [1, 1, 1, 2, 2, 1, 1]);
        assert_eq!(differences(&[7]), [7]);
        assert_eq!(differences(&[]), [0; 0]);
    }

    #[test]
    fn irregular_steps_are_bytes_that_the_pages_scripts_read() {
        let steps: Vec<u64> = (0..20).map(|place: u64| 3 + 40 * place * place).collect();
        let json = serde_json::to_string(&Series { steps: steps.clone(), values: Vec::new() }).unwrap();
        assert_eq!(json, r#"{"steps":"Ayh4yAGYAugCuAOIBNgEqAX4BcgGmAfoB7gIiAnYCagK+ArICw==","values":""}"#);
    }

    #[test]
    fn the_json_is_what_the_pages_scripts_read() {
        let series =
            Series { steps: vec![10, 20, 30], values: vec![Number(1.0), Number(-0.5), Number(f64::NAN)] };
        let json = serde_json::to_string(&series).unwrap();
        assert_eq!(json, r#"{"steps":[10,10,2],"values":"P4AAvwAAf8AA"}"#);
    }
}
