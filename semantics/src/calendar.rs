//! Dates: RFC 3339 timestamps and days of the Gregorian calendar.
use crate::number::{Decimal, Rational, Rounding};

/// Days since 1970-01-01 of a date, or none if there is no such day.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9_999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) {
        return None;
    }
    // Years that begin in March end with the leap day.
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = month.checked_add(9)?.rem_euclid(12);
    let day_of_year = month.checked_mul(153)?.checked_add(2)?.div_euclid(5).checked_add(day)?.checked_sub(1)?;
    let leap_days = year_of_era.div_euclid(4).checked_sub(year_of_era.div_euclid(100))?;
    let day_of_era = year_of_era.checked_mul(365)?.checked_add(leap_days)?.checked_add(day_of_year)?;
    era.checked_mul(146_097)?.checked_add(day_of_era)?.checked_sub(719_468)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Unix milliseconds of an RFC 3339 timestamp, rounded half to even. A leap second counts as the second after it.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let field = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse().ok()
    };
    let mark = |at: usize, marks: &[u8]| bytes.get(at).filter(|byte| marks.contains(byte)).map(|_| ());
    let days = days_from_civil(field(0, 4)?, field(5, 7)?, field(8, 10)?)?;
    mark(4, b"-")?;
    mark(7, b"-")?;
    mark(10, b"Tt ")?;
    mark(13, b":")?;
    mark(16, b":")?;
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let millis = fraction_ms(fraction)?;
    let offset = zone_minutes(zone)?;
    let minutes = days.checked_mul(24)?.checked_add(hour)?.checked_mul(60)?.checked_add(minute)?.checked_sub(offset)?;
    minutes.checked_mul(60)?.checked_add(second)?.checked_mul(1_000)?.checked_add(millis)
}

fn fraction_ms(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix('.').filter(|digits| digits.len() <= 32 && !digits.is_empty())?;
    let number: Rational = Decimal::parse(&format!("0.{digits}")).ok()?.to_rational();
    i64::try_from(number.to_scaled(-3, Rounding::HalfEven).ok()?).ok()
}

/// Minutes east of Greenwich of `Z` or `+hh:mm`.
pub(crate) fn zone_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes() {
        [b'+', ..] => 1i64,
        [b'-', ..] => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let number = |text: &str, max: i64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|value: &i64| digits && *value <= max)
    };
    sign.checked_mul(number(hours, 23)?.checked_mul(60)?.checked_add(number(minutes, 59)?)?)
}

/// A timestamp of unix milliseconds, in UTC.
pub(crate) fn write_rfc3339(time_ms: u64) -> String {
    let (seconds, millis) = (time_ms / 1_000, time_ms % 1_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // The inverse of days_from_civil.
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let leaps = day_of_era / 1_460;
    let corrected = day_of_era.saturating_sub(leaps).saturating_add(day_of_era / 36_524);
    let year_of_era = corrected.saturating_sub(day_of_era / 146_096) / 365;
    let before = year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let day_of_year = day_of_era.saturating_sub(before);
    let shifted_month = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let day = day_of_year.saturating_sub(shifted_month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let month = if shifted_month < 10 { shifted_month.saturating_add(3) } else { shifted_month.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add(u64::from(month <= 2));
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_and_written() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2005-04-03T20:33:31.116000-06:00", 1_112_582_011_116),
            ("2020-02-29T23:59:60Z", 1_583_020_800_000),
            ("2019-10-07t15:00:00.0005z", 1_570_460_400_000),
            ("1969-12-31T23:00:00-01:00", 0),
        ] {
            assert_eq!(parse_rfc3339(text), Some(expected), "{text}");
        }
        for time in [0, 951_782_399_999, 951_868_800_000, 1_583_020_800_000, 4_102_444_799_001, 253_402_300_799_999] {
            assert_eq!(parse_rfc3339(&write_rfc3339(time)), Some(i64::try_from(time).unwrap()), "{time}");
        }
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in [
            "",
            "2020-01-01",
            "2020-13-01T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00+1:00",
            "2020-01-01T00:00:00+24:00",
            "2020-01-01X00:00:00Z",
            "２020-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
