//! Moments as people read them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::context::Moment;

const SECONDS_PER_DAY: i64 = 86_400;

/// The moment so many milliseconds after 1970-01-01T00:00:00Z.
pub(super) fn of_unix_ms(unix_ms: i64) -> Moment {
    let seconds = unix_ms.div_euclid(1000);
    let (year, month, day) = civil_date(seconds.div_euclid(SECONDS_PER_DAY));
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    Moment { unix_ms, utc: format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z") }
}

/// The moment of a clock's reading; a clock before 1970 reads as 1970.
pub(super) fn of_time(time: SystemTime) -> Moment {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    of_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Year, month and day (both from 1) of a count of days since 1970-01-01, in the proleptic
/// Gregorian calendar: whole 400-year cycles first, then the years of a calendar that begins in
/// March, whose leap day is its last.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_CYCLE: i64 = 146_097;
    const MARCH_FIRST_OF_YEAR_0: i64 = -719_468;
    let shifted = days - MARCH_FIRST_OF_YEAR_0;
    let cycle = shifted.div_euclid(DAYS_PER_CYCLE);
    let of_cycle = shifted.rem_euclid(DAYS_PER_CYCLE);
    let year_of_cycle = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_utc() {
        assert_eq!(of_unix_ms(0).utc, "1970-01-01T00:00:00Z");
        assert_eq!(of_unix_ms(951_782_400_000).utc, "2000-02-29T00:00:00Z");
        assert_eq!(of_unix_ms(1_767_225_599_999).utc, "2025-12-31T23:59:59Z");
        assert_eq!(of_unix_ms(-1).utc, "1969-12-31T23:59:59Z");
        assert_eq!(of_unix_ms(4_107_542_400_000).utc, "2100-03-01T00:00:00Z");
    }
}
