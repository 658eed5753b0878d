//! What does not cross over to another autoscaler, for people. May import: everything.

use crate::interop::Remark;
use crate::report::line;

/// A line a remark, what is lost first.
pub fn text(from: &str, to: &str, whole: bool, remarks: &[Remark]) -> String {
    let from = line(from);
    let (lost, notes): (Vec<&Remark>, Vec<&Remark>) = remarks.iter().partition(|r| r.lost);
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let head = match (whole, lost.len()) {
        (false, _) => format!("✗ {from}  cannot be expressed as {to}"),
        (true, 0) => format!("✓ {from}  decides the same as {to}"),
        (true, n) => format!("✗ {from}  {n} field{} lost as {to}", s(n)),
    };
    let mut out = vec![head];
    for (mark, list) in [("lost", lost), ("check", notes)] {
        let width = list.iter().map(|r| line(&r.field).chars().count()).max().unwrap_or(0).min(32);
        for remark in list {
            let (field, why) = (line(&remark.field), line(&remark.why));
            out.push(format!("  {mark:<5}  {field:<width$}  {why}"));
            if !remark.instead.is_empty() {
                out.push(format!("           → {}", line(&remark.instead)));
            }
        }
    }
    out.join("\n")
}
