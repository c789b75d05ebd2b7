//! What a case reports: a table, targets with their verdicts, a chart, and the figures of every
//! slice. Owns how figures are written; where they go is its submodules'.

use serde::Serialize;

use crate::run::Measured;
use crate::statistics::Estimate;

pub mod chart;
pub mod document;
pub mod terminal;

/// What one case came to.
#[derive(Debug, Serialize)]
pub struct Section {
    /// Its name on the command line.
    pub case: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What was done, in a sentence or two.
    pub about: String,
    /// Its figures for people.
    pub table: Table,
    /// What was to be reached.
    pub targets: Vec<Target>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// Its chart, if it has one.
    #[serde(skip)]
    pub chart: Option<Chart>,
    /// Its loads, for programs.
    pub measured: Vec<Measured>,
    /// What else it measured, for programs.
    pub samples: Vec<Samples>,
}

/// Something that was measured once or again and again, without a load.
#[derive(Debug, Serialize)]
pub struct Samples {
    /// What it is.
    pub name: String,
    /// The unit of the values.
    pub unit: &'static str,
    /// The values, in the order in which they were taken.
    pub values: Vec<f64>,
}

impl Samples {
    /// Their median with its interval.
    pub fn estimate(&self) -> Estimate {
        Estimate::of(self.values.iter().copied())
    }

    /// The value that so many of 100 do not exceed.
    pub fn percentile(&self, percent: u8) -> Estimate {
        Estimate::percentile(percent, self.values.iter().copied())
    }
}

/// A table of texts; the first column names the row.
#[derive(Debug, Serialize)]
pub struct Table {
    /// The headings.
    pub heading: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The figures that every contender has, and a last column of the case's own.
    pub fn of(measured: &[Measured], own: &str, column: impl Fn(&Measured) -> Option<String>) -> Self {
        let heading = ["", "per CPU-second", "interval", "per second", "p50", "p99", "peak", own];
        let row = |one: &Measured| {
            let rate = one.per_cpu_second();
            let has_server = one.peak_mebibytes.is_some();
            let of_server = |figure: String| if has_server { figure } else { String::new() };
            vec![
                one.name.clone(),
                number(rate.median),
                format!("{}-{}", number(rate.low), number(rate.high)),
                number(one.estimate(crate::load::Slice::per_second).median),
                of_server(milliseconds(one.estimate(|slice| slice.p50_ms).median)),
                of_server(milliseconds(one.estimate(|slice| slice.p99_ms).median)),
                one.peak_mebibytes.map_or_else(String::new, mebibytes),
                column(one).unwrap_or_default(),
            ]
        };
        Self { heading: heading.map(str::to_owned).to_vec(), rows: measured.iter().map(row).collect() }
    }
}

/// What was to be reached.
#[derive(Debug, Serialize)]
pub struct Target {
    /// What it is, without the number.
    pub what: String,
    /// The number.
    pub bound: Bound,
    /// The unit of the number: empty for a ratio.
    pub unit: &'static str,
    /// What was measured; `None` where it could not be.
    pub measured: Option<Estimate>,
    /// The verdict: it is the median that counts.
    pub verdict: Verdict,
}

impl Target {
    /// Holds what was measured to a bound. A quick run is held to nothing.
    pub fn new(
        what: impl Into<String>,
        bound: Bound,
        unit: &'static str,
        measured: Option<Estimate>,
        is_quick: bool,
    ) -> Self {
        let verdict = match measured {
            Some(measured) if !is_quick => {
                if bound.holds(measured.median) {
                    Verdict::Met
                } else {
                    Verdict::Missed
                }
            }
            _ => Verdict::NotMeasured,
        };
        Self { what: what.into(), bound, unit, measured, verdict }
    }

    /// The target with its number.
    pub fn sentence(&self) -> String {
        let (word, number) = match self.bound {
            Bound::AtLeast(number) => ("at least", number),
            Bound::AtMost(number) => ("at most", number),
        };
        format!("{}: {word} {}{}", self.what, figure(number), self.unit)
    }

    /// What was measured, with its interval.
    pub fn found(&self) -> String {
        self.measured.map_or_else(
            || "not measured".to_owned(),
            |estimate| format!("{}{} ({})", figure(estimate.median), self.unit, interval(estimate)),
        )
    }
}

/// A number that is to be reached or kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// What came of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// It is reached.
    #[serde(rename = "met")]
    Met,
    /// It is not.
    #[serde(rename = "missed")]
    Missed,
    /// Nobody knows: a peer is not installed, or the run was a quick one.
    #[serde(rename = "not measured")]
    NotMeasured,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::NotMeasured => "not measured",
        }
    }
}

/// Bars of one unit.
#[derive(Debug)]
pub struct Chart {
    /// What the bars show, with the unit.
    pub title: &'static str,
    /// The bars, from the top.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug)]
pub struct Bar {
    /// Its label.
    pub label: String,
    /// Its length.
    pub value: f64,
    /// Whether it is one of ours.
    pub is_ours: bool,
    /// The most that is possible, where that is known.
    pub limit: Option<f64>,
}

impl Bar {
    /// The bar of a contender's requests for each second of CPU.
    pub fn rate(measured: &Measured, is_ours: bool, limit: Option<&Measured>) -> Self {
        Self {
            label: measured.name.clone(),
            value: measured.per_cpu_second().median,
            is_ours,
            limit: limit.map(|limit| limit.per_cpu_second().median),
        }
    }
}

/// A whole number with commas: `12,345`.
pub fn number(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digit.is_ascii_digit() && (digits.len() - place).is_multiple_of(3) && text != "-" {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure with as many digits as it deserves: `12,345`, `27.3`, `0.86`.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => number(value),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The interval of an estimate: `27.3-28.1`, and `-0.40 to 1.10` where a minus would be lost in a hyphen.
pub fn interval(Estimate { low, high, .. }: Estimate) -> String {
    let between = if low < 0.0 { " to " } else { "-" };
    format!("{}{between}{}", figure(low), figure(high))
}

/// A time, given in milliseconds.
pub fn milliseconds(value: f64) -> String {
    format!("{} ms", figure(value))
}

/// An amount of memory, given in MiB.
pub fn mebibytes(value: f64) -> String {
    format!("{value:.0} MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_as_many_digits_as_they_deserve() {
        for (value, text) in [
            (1_234_567.8, "1,234,568"),
            (999.6, "1,000"),
            (-123_456.0, "-123,456"),
            (-123.0, "-123"),
            (27.34, "27.3"),
            (0.857, "0.86"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn an_interval_reads_well_below_zero_too() {
        let between = |low, high| interval(Estimate { median: 0.0, low, high });
        assert_eq!((between(0.5, 12.0), between(-0.4, 1.1)), ("0.50-12.0".to_owned(), "-0.40 to 1.10".to_owned()));
    }

    #[test]
    fn the_median_decides_and_a_quick_run_decides_nothing() {
        let measured = Some(Estimate { median: 0.85, low: 0.8, high: 0.9 });
        let verdict = |bound, is_quick| Target::new("it", bound, "", measured, is_quick).verdict;
        assert_eq!(verdict(Bound::AtLeast(0.85), false), Verdict::Met);
        assert_eq!(verdict(Bound::AtLeast(0.86), false), Verdict::Missed);
        assert_eq!(verdict(Bound::AtMost(0.84), false), Verdict::Missed);
        assert_eq!(verdict(Bound::AtLeast(0.1), true), Verdict::NotMeasured);
        assert_eq!(Target::new("it", Bound::AtMost(1.0), "", None, false).verdict, Verdict::NotMeasured);
    }
}
