//! Numbers, durations and panics as text. The command line, the page and the labels of runs share these
//! formats.

use std::any::Any;
use std::borrow::Cow;

/// A configured number with all of its digits, in plain or scientific form, whichever is shorter: `0.5`,
/// `1e-4`. A number from 1 to below 100,000 always has its plain form: `1000`.
pub fn exact(number: f64) -> String {
    let plain = number.to_string();
    let scientific = format!("{number:e}");
    let familiar = (1.0..1e5).contains(&number.abs());
    if scientific.len() < plain.len() && !familiar { scientific } else { plain }
}

/// A measured number with four significant digits: `0.6931`, `48211`, `1.235e-7`, `NaN`.
pub fn measured(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if !number.is_finite() {
        return number.to_string();
    }
    let size = number.abs();
    if !(1e-3..1e6).contains(&size) {
        let text = format!("{number:.3e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", without_zeros(mantissa));
    }
    let decimals = (3 - size.log10().floor() as i32).max(0) as usize;
    without_zeros(&format!("{number:.decimals$}")).to_owned()
}

fn without_zeros(decimal: &str) -> &str {
    if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal }
}

/// A duration in its two largest units: `4.2 s`, `45 s`, `3 min 20 s`, `1 h 02 min`.
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `1 run`, `2 runs`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The message of a panic; empty if its payload is not text.
pub fn panic(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default()
}

/// Quotes a text as one word for a POSIX shell. Only a zero byte cannot be quoted, and no program
/// argument contains one.
pub fn shell_word(text: &str) -> String {
    shlex::try_quote(text).unwrap_or(Cow::Borrowed(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn configured_numbers_take_the_shorter_form() {
        let numbers = [0.0, 1e-4, 2e-4, 0.001, 0.01, 0.5, 0.999, 1.5e-5, 123.25, 1e3, 1e6];
        let expected =
            ["0", "1e-4", "2e-4", "1e-3", "0.01", "0.5", "0.999", "1.5e-5", "123.25", "1000", "1e6"];
        assert_eq!(numbers.map(exact), expected);
    }

    #[test]
    fn measured_numbers_keep_four_digits() {
        let numbers = [2e-4, 0.005, 0.693_123, -0.5, 1.0, 1875.0, 12.3456, 48_211.4, 123_456.7, 1e6];
        let expected = ["2e-4", "0.005", "0.6931", "-0.5", "1", "1875", "12.35", "48211", "123457", "1e6"];
        assert_eq!(numbers.map(measured), expected);
        assert_eq!(measured(1.234_567_8e-7), "1.235e-7");
        assert_eq!([0.0, -0.0].map(measured), ["0", "0"]);
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(measured), ["NaN", "inf", "-inf"]);
    }

    #[test]
    fn spans_of_time_name_their_two_largest_units() {
        let spans = [0.0, 4.2, 10.0, 59.4, 59.6, 200.0, 3725.0, 7500.0];
        let expected =
            ["0.0 s", "4.2 s", "10 s", "59 s", "1 min 00 s", "3 min 20 s", "1 h 02 min", "2 h 05 min"];
        assert_eq!(spans.map(seconds), expected);
        assert_eq!(seconds(f64::NAN), "NaN s");
    }

    #[test]
    fn one_is_named_by_its_name() {
        assert_eq!([0, 1, 2].map(|number| count(number, "run")), ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn a_panic_is_quoted() {
        let caught = |body: fn()| std::panic::catch_unwind(body).unwrap_err();
        assert_eq!(panic(&*caught(|| panic!("as it stands"))), "as it stands");
        assert_eq!(panic(&*caught(|| panic!("{} values", 2))), "2 values");
        assert_eq!(panic(&*caught(|| std::panic::panic_any(2))), "");
    }

    proptest! {
        #[test]
        fn configured_numbers_lose_nothing_and_measured_ones_little(number in any::<f64>()) {
            prop_assume!(number.is_finite());
            prop_assert_eq!(exact(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
            let read: f64 = measured(number).parse().unwrap();
            prop_assert!((read - number).abs() <= number.abs() * 6e-4, "{number} reads {read}");
        }
    }
}
