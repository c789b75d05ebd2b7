//! The arithmetic of repeated measurements: the median of the slices, or a percentile, and how far it
//! can be trusted. Pure; owns no unit and no clock.

use serde::Serialize;

/// The chance that the interval of an [`Estimate`] does not hold the true value, at most.
const RISK: f64 = 0.05;

/// A median, or a percentile, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The median of the slices, or the percentile.
    pub median: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// Of the values of all slices; NaN where there are none.
    ///
    /// The interval is that of the sign test: the k-th smallest to the k-th largest value, with the
    /// largest k for which it holds the true median with a confidence of 95 %. It supposes nothing of
    /// how the values are spread. Fewer than six values allow no such k: then it is all of them.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let sorted = sorted(values);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let (count, middle) = (sorted.len(), sorted.len() / 2);
        let median = if count % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) };
        Self::within(median, &sorted, 0.5)
    }

    /// The value that so many of 100 do not exceed; NaN where there are none. The interval is found as that
    /// of a median is; too few values have no upper end for a high percentile: then it is the largest.
    pub fn percentile(percent: u8, values: impl IntoIterator<Item = f64>) -> Self {
        let sorted = sorted(values);
        let value = sorted.get(sorted.len() * usize::from(percent) / 100).or(sorted.last());
        Self::within(value.copied().unwrap_or(f64::NAN), &sorted, f64::from(percent) / 100.0)
    }

    /// Of something that was measured once.
    pub fn single(value: f64) -> Self {
        Self { median: value, low: value, high: value }
    }

    /// A value that a `share` of all lie below, with its interval.
    fn within(value: f64, sorted: &[f64], share: f64) -> Self {
        let count = sorted.len();
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let (below, above) = (cut(count, share), cut(count, 1.0 - share));
        Self { median: value, low: at(below), high: at(count.wrapping_sub(above + 1)) }
    }

    /// Of what each pair of slices, taken one after the other, comes to.
    pub fn of_pairs(one: &[f64], other: &[f64], compare: impl Fn(f64, f64) -> f64) -> Self {
        Self::of(one.iter().zip(other).map(|(one, other)| compare(*one, *other)))
    }
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// How many values the interval leaves out at an end: one less than the k of the sign test.
fn cut(count: usize, chance: f64) -> usize {
    rank(count, chance).saturating_sub(1)
}

/// The largest k for which the k-th value, counted from an end, lies on that side of the true value with all
/// but half of [`RISK`], where each lies there with `chance`; 0 where there is none.
fn rank(count: usize, chance: f64) -> usize {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    // The chance that at most `rank` of the values lie there; a summand by its logarithm, since the first may be
    // less than a number can be.
    let mut logarithm = f64::from(count) * (1.0 - chance).ln();
    let odds = (chance / (1.0 - chance)).ln();
    let mut sum = logarithm.exp();
    let mut rank = 0;
    for (number, from_top) in (1_u32..).zip((1..=count).rev()) {
        if 2.0 * sum > RISK {
            break;
        }
        rank += 1;
        logarithm += (f64::from(from_top) / f64::from(number)).ln() + odds;
        sum += logarithm.exp();
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_slices_give_the_second_smallest_to_the_second_largest() {
        let estimate = Estimate::of([9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0]);
        assert_eq!(estimate, Estimate { median: 5.0, low: 2.0, high: 8.0 });
    }

    #[test]
    fn the_interval_is_that_of_the_sign_test() {
        // As its published tables have it: 95 %, two-sided.
        for (count, k) in [(1, 0), (5, 0), (6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (20, 6), (30, 10)] {
            assert_eq!(rank(count, 0.5), k, "{count} values");
        }
    }

    #[test]
    fn few_values_give_their_whole_range() {
        assert_eq!(Estimate::of([3.0, 1.0]), Estimate { median: 2.0, low: 1.0, high: 3.0 });
        assert_eq!(Estimate::of([3.0]), Estimate { median: 3.0, low: 3.0, high: 3.0 });
        assert!(Estimate::of([]).median.is_nan());
    }

    #[test]
    fn a_percentile_has_the_interval_of_its_order_statistics() {
        // By the binomial distribution: 4 to 17 of 1,000 values lie above the 99th percentile.
        let estimate = Estimate::percentile(99, (1..=1000).map(f64::from));
        assert_eq!(estimate, Estimate { median: 991.0, low: 983.0, high: 997.0 });
        // Of 200 values, in 13 of 100 cases none does.
        let estimate = Estimate::percentile(99, (1..=200).map(f64::from));
        assert_eq!(estimate, Estimate { median: 199.0, low: 195.0, high: 200.0 });
        assert_eq!(Estimate::percentile(50, [3.0]), Estimate::single(3.0));
        assert!(Estimate::percentile(99, []).median.is_nan());
    }

    #[test]
    fn pairs_are_compared_slice_by_slice() {
        let ratio = Estimate::of_pairs(&[2.0, 9.0, 8.0], &[1.0, 3.0, 2.0], |one, other| one / other);
        assert_eq!(ratio, Estimate { median: 3.0, low: 2.0, high: 4.0 });
    }
}
