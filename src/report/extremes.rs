//! Series that are longer than what shows them: thinned so that what is lowest and highest in each
//! part stays. May import: nothing of this crate.

use std::ops::Range;

/// The part of a series that a column of so many shows; with fewer values than columns, columns
/// share one.
pub(super) fn part(column: usize, columns: usize, values: usize) -> Range<usize> {
    let start = column * values / columns.max(1);
    let end = ((column + 1) * values / columns.max(1)).max(start + 1);
    start.min(values)..end.min(values)
}

/// At most so many values of a series, evenly apart: those of each part that are lowest and
/// highest, in the order in which they come.
pub(super) fn thinned(values: &[u32], most: usize) -> Vec<u32> {
    if values.len() <= most {
        return values.to_vec();
    }
    let parts = (most / 2).max(1);
    let mut out = Vec::with_capacity(2 * parts);
    for column in 0..parts {
        let part = values.get(part(column, parts, values.len())).unwrap_or_default();
        let low = part.iter().enumerate().min_by_key(|(_, n)| **n);
        // Of several that are as high, the first, as of the lowest.
        let high = part.iter().enumerate().rev().max_by_key(|(_, n)| **n);
        let (Some((at, low)), Some((then, high))) = (low, high) else { continue };
        out.extend(if at <= then { [*low, *high] } else { [*high, *low] });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn flapping_and_a_peak_are_seen_in_the_order_they_come() {
        assert_eq!(thinned(&[1, 2, 3], 10), [1, 2, 3]);
        assert_eq!(thinned(&[5, 5, 9, 5, 5, 2, 5, 5], 4), [5, 9, 5, 2]);
        assert_eq!(thinned(&[9, 1, 9, 1, 9, 1, 9, 1], 4), [9, 1, 9, 1]);
        assert_eq!(thinned(&[4; 100], 6), [4; 6]);
        assert_eq!(thinned(&[], 6), [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn whatever_the_series_its_extremes_stay(
            values in proptest::collection::vec(0u32..1000, 1..500), most in 2usize..120,
        ) {
            let shown = thinned(&values, most);
            prop_assert!(shown.len() <= most);
            prop_assert_eq!(shown.iter().max(), values.iter().max());
            prop_assert_eq!(shown.iter().min(), values.iter().min());
        }

        #[test]
        fn columns_cover_a_series_without_gaps(values in 1usize..500, columns in 1usize..200) {
            let mut next = 0;
            for column in 0..columns {
                let part = part(column, columns, values);
                prop_assert!(part.start <= next && part.end >= next && !part.is_empty());
                next = part.end;
            }
            prop_assert_eq!(next, values);
        }
    }
}
