//! The values that tool arguments are made of: text of bounded length, dates, e-mail addresses,
//! positive numbers. Each carries its own JSON Schema, so that what is advertised, what is
//! enforced and what the type can hold are one thing. Knows no tool and no storage.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bailiwick_core::UnixSeconds;
use jiff::Timestamp;
use jiff::tz::Offset;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Why a value is not what it should be, as the rest of a sentence: `must …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidField(pub(crate) &'static str);

/// What is said of a text that is too long, too short, blank or not printable.
const TEXT_EXPECTED: InvalidField = InvalidField("must be text of the advertised length without control characters");

/// The regular expression of a single line that is not blank. Control characters (NUL among them)
/// end lines, hide text or confuse whoever prints it.
const LINE_PATTERN: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";

/// The regular expression of text of several lines: of the control characters only tabs and line
/// ends.
const PROSE_PATTERN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";

/// The same, and not blank.
const FILLED_PROSE_PATTERN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";

/// One line of text, not blank, of at most `LONGEST` characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line<const LONGEST: usize>(String);

/// Text of `SHORTEST` to `LONGEST` characters, of several lines where it pleases; not blank unless
/// it may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prose<const SHORTEST: usize, const LONGEST: usize>(String);

/// The id of a record as a caller writes it; whether there is such a record only the data can tell.
pub type Id = Line<32>;

/// The name of a person, a place, a department or a trade.
pub type Name = Line<100>;

/// A phone number, in whatever way its country writes it.
pub type PhoneNumber = Line<40>;

/// Whatever else is to be said; may be empty.
pub type Notes = Prose<0, 2000>;

/// An e-mail address, as far as that can be seen: one `@`, something before it, a domain with a dot
/// after it, no white space, at most [`Email::LONGEST`] characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// A day of the calendar, written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(jiff::civil::Date);

/// A number above zero, at most [`LARGEST_NUMBER`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Positive(f64);

/// A number from zero to [`LARGEST_NUMBER`].
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct NotNegative(f64);

/// A number from zero to a hundred.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percentage(f64);

/// The largest number that is taken, whatever it counts. Up to here every whole number and its
/// hundredths are told apart, and no sum of a server's records runs out of what a number can hold.
pub const LARGEST_NUMBER: u64 = 10_000_000_000_000;

impl<const LONGEST: usize> Line<LONGEST> {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const LONGEST: usize> TryFrom<String> for Line<LONGEST> {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        let fits = text.chars().count() <= LONGEST;
        let is_line = !text.trim().is_empty() && !text.contains(char::is_control);
        if fits && is_line { Ok(Self(text)) } else { Err(TEXT_EXPECTED) }
    }
}

impl<const SHORTEST: usize, const LONGEST: usize> TryFrom<String> for Prose<SHORTEST, LONGEST> {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        let fits = (SHORTEST..=LONGEST).contains(&text.chars().count());
        let hides = |character: char| character.is_control() && !matches!(character, '\t' | '\n' | '\r');
        let is_filled = SHORTEST == 0 || !text.trim().is_empty();
        if fits && is_filled && !text.contains(hides) { Ok(Self(text)) } else { Err(TEXT_EXPECTED) }
    }
}

impl Email {
    /// The longest address, in characters (RFC 5321 section 4.5.3.1.3 as commonly read).
    pub const LONGEST: usize = 254;
    /// What is said of anything else.
    pub(crate) const EXPECTED: InvalidField = InvalidField("must be an e-mail address such as name@example.com");

    /// The address as it is compared: two that differ in case alone are one.
    #[must_use]
    pub fn caseless(&self) -> String {
        self.0.to_lowercase()
    }

    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` could be an e-mail address.
pub(crate) fn is_email(text: &str) -> bool {
    /// The longest part before the `@`, in bytes (RFC 5321 section 4.5.3.1.1).
    const LONGEST_LOCAL: usize = 64;
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = |character: char| !character.is_whitespace() && !character.is_control() && character != '@';
    let labels = || domain.split('.');
    (1..=LONGEST_LOCAL).contains(&local.len())
        && text.chars().count() <= Email::LONGEST
        && local.chars().chain(domain.chars()).all(plain)
        && labels().count() > 1
        && labels().all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
}

impl TryFrom<String> for Email {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        if is_email(&text) { Ok(Self(text)) } else { Err(Self::EXPECTED) }
    }
}

impl Date {
    /// What is said of anything else.
    pub(crate) const EXPECTED: InvalidField = InvalidField("must be a date that exists, written YYYY-MM-DD");

    /// The day that it is at `now` in UTC.
    #[must_use]
    pub fn at(now: UnixSeconds) -> Self {
        // Beyond the calendar only where a clock is broken; then the first day is as good as any.
        let timestamp = Timestamp::from_second(now.0).unwrap_or_default();
        Self(Offset::UTC.to_datetime(timestamp).date())
    }

    /// How many days there are from this one to `last`, both counted; `None` where `last` is
    /// earlier.
    #[must_use]
    pub fn days_through(self, last: Self) -> Option<i32> {
        let days = self.0.until(last.0).ok()?.get_days();
        (days >= 0).then_some(days + 1)
    }
}

impl FromStr for Date {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        // jiff reads other forms too (20240230, times, zones); this is the one that we write.
        let is_form = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let date = is_form.then(|| text.parse().ok()).flatten();
        date.map(Self).ok_or(Self::EXPECTED)
    }
}

impl TryFrom<String> for Date {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Positive {
    /// What is said of anything else.
    const EXPECTED: InvalidField = InvalidField("must be a number greater than 0");
}

impl NotNegative {
    /// What is said of anything else.
    const EXPECTED: InvalidField = InvalidField("must be a number, at least 0");
}

impl Percentage {
    /// What is said of anything else.
    const EXPECTED: InvalidField = InvalidField("must be a number from 0 to 100");
}

#[expect(clippy::cast_precision_loss, reason = "the number is far below 2^53")]
fn is_countable(number: f64) -> bool {
    number <= LARGEST_NUMBER as f64
}

impl TryFrom<f64> for Positive {
    type Error = InvalidField;

    fn try_from(number: f64) -> Result<Self, InvalidField> {
        if number > 0.0 && is_countable(number) { Ok(Self(number)) } else { Err(Self::EXPECTED) }
    }
}

impl TryFrom<f64> for NotNegative {
    type Error = InvalidField;

    fn try_from(number: f64) -> Result<Self, InvalidField> {
        // `abs` because the negative zero is a zero too.
        if number >= 0.0 && is_countable(number) { Ok(Self(number.abs())) } else { Err(Self::EXPECTED) }
    }
}

impl TryFrom<f64> for Percentage {
    type Error = InvalidField;

    fn try_from(number: f64) -> Result<Self, InvalidField> {
        if (0.0..=100.0).contains(&number) { Ok(Self(number.abs())) } else { Err(Self::EXPECTED) }
    }
}

impl<const LONGEST: usize> From<Line<LONGEST>> for String {
    fn from(line: Line<LONGEST>) -> Self {
        line.0
    }
}

impl<const SHORTEST: usize, const LONGEST: usize> From<Prose<SHORTEST, LONGEST>> for String {
    fn from(prose: Prose<SHORTEST, LONGEST>) -> Self {
        prose.0
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl From<Positive> for f64 {
    fn from(number: Positive) -> Self {
        number.0
    }
}

impl From<NotNegative> for f64 {
    fn from(number: NotNegative) -> Self {
        number.0
    }
}

impl From<Percentage> for f64 {
    fn from(number: Percentage) -> Self {
        number.0
    }
}

/// A schema that stands where it is used: errors then point at the field, not at a definition.
macro_rules! schema {
    ($name:literal, [$($generics:tt)*] $type:ty, $schema:expr) => {
        impl<$($generics)*> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema!(
    "Line", [const LONGEST: usize] Line<LONGEST>,
    json_schema!({"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": LINE_PATTERN})
);
schema!(
    "Prose", [const SHORTEST: usize, const LONGEST: usize] Prose<SHORTEST, LONGEST>,
    json_schema!({
        "type": "string",
        "minLength": SHORTEST,
        "maxLength": LONGEST,
        "pattern": if SHORTEST == 0 { PROSE_PATTERN } else { FILLED_PROSE_PATTERN },
    })
);
schema!("Email", [] Email, json_schema!({"type": "string", "format": "email", "maxLength": Email::LONGEST}));
schema!("Date", [] Date, json_schema!({"type": "string", "format": "date"}));
schema!(
    "Positive", [] Positive,
    json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": LARGEST_NUMBER})
);
schema!("NotNegative", [] NotNegative, json_schema!({"type": "number", "minimum": 0, "maximum": LARGEST_NUMBER}));
schema!("Percentage", [] Percentage, json_schema!({"type": "number", "minimum": 0, "maximum": 100}));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_of_the_calendar_in_one_form() {
        for right in ["2024-02-29", "2023-12-31", "1999-01-01"] {
            assert_eq!(right.parse::<Date>().map(|date| date.to_string()), Ok(right.to_owned()));
        }
        for wrong in
            ["2024-02-30", "2023-02-29", "2024-13-01", "20240229", "2024-2-29", "29-02-2024", "2024-02-29T00:00", ""]
        {
            assert_eq!(wrong.parse::<Date>(), Err(Date::EXPECTED), "{wrong:?}");
        }
    }

    #[test]
    fn both_ends_of_a_span_count() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        for (first, last, days) in [
            ("2024-02-15", "2024-02-20", Some(6)),
            ("2024-02-28", "2024-03-01", Some(3)),
            ("2024-05-05", "2024-05-05", Some(1)),
            ("2024-05-05", "2024-05-04", None),
            ("0001-01-01", "9999-12-31", Some(3_652_059)),
        ] {
            assert_eq!(date(first).days_through(date(last)), days, "{first} {last}");
        }
    }

    #[test]
    fn today_is_the_day_in_utc() {
        assert_eq!(Date::at(UnixSeconds(1_700_006_399)).to_string(), "2023-11-14");
        assert_eq!(Date::at(UnixSeconds(1_700_006_400)).to_string(), "2023-11-15");
    }

    #[test]
    fn an_email_address_is_plausible_or_refused() {
        for right in ["a@b.co", "john.smith+x@company.com", "jürgen@müller.example"] {
            assert!(is_email(right), "{right:?}");
        }
        let long = format!("{}@example.com", "x".repeat(65));
        for wrong in [
            "", "a", "@b.co", "a@", "a@b", "a@b..co", "a@.co", "a@b.co.", "a b@c.de", "a@b@c.de", "a@-b.co",
            "a\0@b.co", &long,
        ] {
            assert!(!is_email(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_number_keeps_to_its_range() {
        let positive = |number| Positive::try_from(number).is_ok();
        assert!(positive(0.01) && positive(1e13));
        assert!(!positive(0.0) && !positive(-1.0) && !positive(1.1e13) && !positive(f64::NAN));
        let not_negative = |number| NotNegative::try_from(number).map(f64::from).ok();
        assert_eq!(not_negative(-0.0).map(f64::is_sign_negative), Some(false));
        assert!(not_negative(1e13).is_some() && not_negative(-0.01).is_none() && not_negative(f64::INFINITY).is_none());
        let percentage = |number| Percentage::try_from(number).is_ok();
        assert!(percentage(0.0) && percentage(100.0));
        assert!(!percentage(-0.1) && !percentage(100.1) && !percentage(f64::NAN));
    }

    #[test]
    fn text_keeps_to_its_length_and_hides_nothing() {
        let line = |text: &str| Line::<5>::try_from(text.to_owned()).is_ok();
        assert!(line("abcde") && line("äöüßé"));
        assert!(!line("abcdef") && !line("") && !line("  ") && !line("a\0") && !line("a\nb"));
        let prose = |text: &str| Prose::<0, 5>::try_from(text.to_owned()).is_ok();
        assert!(prose("") && prose("a\r\n\tb"));
        assert!(!prose("abcdef") && !prose("a\0") && !prose("\u{85}"));
    }
}
