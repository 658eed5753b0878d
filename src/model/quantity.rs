//! Kubernetes quantities: a decimal number and a suffix.
//!
//! Suffixes: the "Quantity" of the Kubernetes API reference (`resource.Quantity`). May import:
//! nothing of this crate.

const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// The value of a text with one of the suffixes; `None` where it has none, or is no quantity.
pub fn suffixed(text: &str) -> Option<f64> {
    let (digits, factor) = SUFFIXES.iter().find_map(|(s, f)| Some((text.strip_suffix(s)?, f)))?;
    let value: f64 = digits.parse().ok().filter(|_| is_plain(digits))?;
    // Dividing is exact where multiplying by 0.001 is not: 60250m is 60.25.
    let value = if *factor < 1.0 { value / (1.0 / factor).round() } else { value * factor };
    value.is_finite().then_some(value)
}

/// The value of a quantity, with a suffix or without.
pub fn parse(text: &str) -> Option<f64> {
    let exponent = |rest: &str| {
        let (digits, power) = rest.split_once(['e', 'E'])?;
        let number =
            is_plain(digits) && power.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit());
        rest.parse::<f64>().ok().filter(|v| number && v.is_finite())
    };
    match text.parse::<f64>() {
        Ok(value) if is_plain(text) && value.is_finite() => Some(value),
        _ => suffixed(text).or_else(|| exponent(text)),
    }
}

/// A value as a quantity, in thousandths where it is not whole, as the HPA counts; a value
/// between two thousandths is rounded up, as the API server does. The flag says whether
/// the quantity is the value (to one part in 10^9).
pub fn format(value: f64) -> (String, bool) {
    let milli = value * 1000.0;
    let near = milli.round();
    let exact = (milli - near).abs() <= near.abs() * 1e-9;
    let whole = if exact { near } else { milli.ceil() };
    if whole % 1000.0 == 0.0 { (format!("{}", whole / 1000.0), exact) } else { (format!("{whole}m"), exact) }
}

fn is_plain(digits: &str) -> bool {
    digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_and_print() {
        for (text, value) in [
            ("100", 100.0),
            ("0.6", 0.6),
            ("600m", 0.6),
            ("12500m", 12.5),
            ("2Gi", 2_147_483_648.0),
            ("1e3", 1000.0),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        for text in ["", "m", "ten", "1x", "inf", "NaN", "1e", "0x10"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(format(0.6), ("600m".into(), true));
        assert_eq!(format(120.0), ("120".into(), true));
        assert_eq!(format(1.5), ("1500m".into(), true));
        assert_eq!(format(0.0605), ("61m".into(), false));
    }
}
