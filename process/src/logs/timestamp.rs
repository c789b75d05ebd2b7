//! The time in a line: RFC 3339, in UTC, with microseconds. Owns its form. There is only this one, written at every
//! call: the library's printer, which has many, takes nearly twice as many instructions.

use jiff::Timestamp;
use jiff::tz::Offset;

/// Where the pairs of digits stand.
const PLACES: [usize; 10] = [0, 2, 5, 8, 11, 14, 17, 20, 22, 24];

/// Adds `time` to `line`, what is less than a microsecond dropped. Years are those of four digits.
pub(super) fn push(line: &mut String, time: Timestamp) {
    let time = Offset::UTC.to_datetime(time);
    let (year, microsecond) = (time.year().unsigned_abs(), time.subsec_nanosecond().unsigned_abs() / 1000);
    let small = [time.month(), time.day(), time.hour(), time.minute(), time.second()];
    let [month, day, hour, minute, second] = small.map(|part| u32::from(part.unsigned_abs()));
    let pairs = [u32::from(year / 100), u32::from(year), month, day, hour, minute, second];
    let pairs = pairs.into_iter().chain([microsecond / 10_000, microsecond / 100, microsecond]);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (place, pair) in PLACES.into_iter().zip(pairs) {
        text[place] = digit(pair / 10);
        text[place + 1] = digit(pair);
    }
    line.extend(str::from_utf8(&text));
}

/// The last digit of `number`.
fn digit(number: u32) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(time: Timestamp) -> String {
        let mut line = String::new();
        push(&mut line, time);
        line
    }

    #[test]
    fn the_ends_of_seconds_and_years_are_where_they_are() {
        for (nanoseconds, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (999_999_999, "1970-01-01T00:00:00.999999Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_868_799_000_001_000, "2000-02-29T23:59:59.000001Z"),
        ] {
            assert_eq!(text(Timestamp::from_nanosecond(nanoseconds).unwrap()), expected);
        }
    }

    proptest! {
        #[test]
        fn any_time_is_written_as_the_library_writes_it(second in 0_i64..253_402_207_200, nano in 0_i32..1_000_000_000) {
            let time = Timestamp::new(second, nano).unwrap();
            prop_assert_eq!(text(time), format!("{time:.6}"));
        }
    }
}
