//! The arithmetic of repeated measurements: the median of the slices and how far it can be trusted.
//! Pure; owns no unit and no clock.

use serde::Serialize;

/// The chance that the interval of an [`Estimate`] does not hold the true median, at most.
const RISK: f64 = 0.05;

/// A median with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The median of the slices.
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
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let (count, middle) = (sorted.len(), sorted.len() / 2);
        let median = if count % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) };
        let cut = cut(count);
        Self { median, low: at(cut), high: at(count.wrapping_sub(cut + 1)) }
    }

    /// Of what each pair of slices, taken one after the other, comes to.
    pub fn of_pairs(one: &[f64], other: &[f64], compare: impl Fn(f64, f64) -> f64) -> Self {
        Self::of(one.iter().zip(other).map(|(one, other)| compare(*one, *other)))
    }
}

/// How many values the interval leaves out at each end: one less than the k of the sign test.
fn cut(count: usize) -> usize {
    rank(count).saturating_sub(1)
}

/// The largest k for which the k-th smallest and the k-th largest value hold the true median between
/// them with all but [`RISK`]; 0 where there is none.
fn rank(count: usize) -> usize {
    // The chance that at most `rank` of the values lie below the true median, as each does with 1/2.
    let mut term = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut chance = term;
    let mut rank = 0;
    for (number, from_top) in (1_u32..).zip((1..=u32::try_from(count).unwrap_or(u32::MAX)).rev()) {
        if 2.0 * chance > RISK {
            break;
        }
        rank += 1;
        term *= f64::from(from_top) / f64::from(number);
        chance += term;
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
            assert_eq!(rank(count), k, "{count} values");
        }
    }

    #[test]
    fn few_values_give_their_whole_range() {
        assert_eq!(Estimate::of([3.0, 1.0]), Estimate { median: 2.0, low: 1.0, high: 3.0 });
        assert_eq!(Estimate::of([3.0]), Estimate { median: 3.0, low: 3.0, high: 3.0 });
        assert!(Estimate::of([]).median.is_nan());
    }

    #[test]
    fn pairs_are_compared_slice_by_slice() {
        let ratio = Estimate::of_pairs(&[2.0, 9.0, 8.0], &[1.0, 3.0, 2.0], |one, other| one / other);
        assert_eq!(ratio, Estimate { median: 3.0, low: 2.0, high: 4.0 });
    }
}
