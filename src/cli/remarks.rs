//! What does not cross over to another autoscaler, for people. May import: everything.

use crate::interop::Remark;

/// A line a remark, what is lost first.
pub fn text(from: &str, to: &str, whole: bool, remarks: &[Remark]) -> String {
    let (lost, notes): (Vec<&Remark>, Vec<&Remark>) = remarks.iter().partition(|r| r.lost);
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let head = match (whole, lost.len()) {
        (false, _) => format!("✗ {from}  cannot be expressed as {to}"),
        (true, 0) => format!("✓ {from}  decides the same as {to}"),
        (true, n) => format!("✗ {from}  {n} field{} lost as {to}", s(n)),
    };
    let mut out = vec![head];
    for (mark, list) in [("lost", lost), ("check", notes)] {
        let width = list.iter().map(|r| r.field.chars().count()).max().unwrap_or(0).min(32);
        for remark in list {
            let instead = if remark.instead.is_empty() {
                String::new()
            } else {
                format!("\n           → {}", remark.instead)
            };
            out.push(format!("  {mark:<5}  {:<width$}  {}{instead}", remark.field, remark.why));
        }
    }
    out.join("\n")
}
