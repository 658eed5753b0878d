//! Rounding to counts of replicas. May import: nothing of this crate.

/// Relative slack of comparisons and roundings: 2 x 1.05 / 0.3 is 7, whatever the last bit says.
pub(super) const SLACK: f64 = 1e-9;

/// The largest count, that of a 32-bit signed number, as Kubernetes has it.
pub(super) const MOST: u32 = i32::MAX as u32;

/// Rounds up, with the relative slack, and saturates at 0 and [`MOST`]. NaN is 0.
pub(super) fn ceil(x: f64) -> u32 {
    let near = x.round();
    saturate(if (x - near).abs() <= SLACK * x.abs() { near } else { x.ceil() })
}

/// Rounds down, with the relative slack, and saturates at 0 and [`MOST`]. NaN is 0.
pub(super) fn floor(x: f64) -> u32 {
    let near = x.round();
    saturate(if (x - near).abs() <= SLACK * x.abs() { near } else { x.floor() })
}

fn saturate(x: f64) -> u32 {
    // `as` saturates and turns NaN into 0.
    (x as u32).min(MOST)
}

/// Whether a ratio of value to target is within the tolerance, both ends inside. `below` and
/// `above` are the tolerances under and over 1.
pub(super) fn within(ratio: f64, below: f64, above: f64) -> bool {
    let slack = SLACK * ratio.abs();
    1.0 - below <= ratio + slack && ratio - slack <= 1.0 + above
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roundings_forgive_the_last_bit_and_saturate() {
        // In floating point 2 * 1.05 / 0.3 is 7.000000000000001.
        assert_eq!(ceil(2.0 * 1.05 / 0.3), 7);
        assert_eq!(ceil(7.001), 8);
        assert_eq!(floor(72.0 * 0.9), 64);
        // 10 * (1 - 0.9) is 0.9999999999999998.
        assert_eq!(floor(10.0 * (1.0 - 0.9)), 1);
        assert_eq!((ceil(-3.0), ceil(f64::NAN), ceil(f64::INFINITY), ceil(1e300)), (0, 0, MOST, MOST));
    }

    #[test]
    fn both_ends_of_the_tolerance_are_inside() {
        assert!(within(0.9, 0.1, 0.1) && within(1.1, 0.1, 0.1) && within(0.66 / 0.6, 0.1, 0.1));
        assert!(!within(0.8999, 0.1, 0.1) && !within(1.1001, 0.1, 0.1));
        assert!(within(1.0, 0.0, 0.0) && !within(1.01, 0.0, 0.0));
    }
}
