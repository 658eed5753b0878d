//! Writes the Luau text that runs a policy's functions: one call into the VM a tick.
//!
//! Metrics go in as numeric arguments and the answers come back as two bit masks, since making
//! a table a tick costs forty times as much under a memory limit. A missing metric is absent
//! from the table behind `m`, so that reading it calls a function that notes it and gives NaN;
//! a metric that is there costs two table look-ups. May import: `sandbox`.

use super::sandbox::Compiled;
use std::fmt::Write as _;

/// Most metrics that are passed as arguments: a function has 255 registers.
pub(super) const MOST_METRICS: usize = 150;
/// Rules of one driver: bits of a mask that a number holds exactly.
pub(super) const RULES: usize = 48;

/// What the text is made for.
pub(super) struct Shape<'a> {
    /// Names of the metrics, in the order of their values.
    pub(super) metrics: Vec<&'a str>,
    /// Rules of scale_out.
    pub(super) out: usize,
    /// Rules of both directions.
    pub(super) rules: usize,
}

/// The part that is the same for all policies: most of the text, and compiled once.
pub(super) static BASE: Compiled = Compiled::new(include_str!("driver.luau"));

/// What a policy's own text begins with. The flag (see driver.luau) is a local of this text,
/// since its functions look at it most.
const HEAD: &str = "\
local base, fns, more, names, host, G = ...
local flag, now_at = 0, 0
local function note(at) if flag == 0 then flag = at end end
local function flagged() return flag end
local function clear() flag = 0 end
local D, data, m, ctx = base(note, flagged, clear, fns, more, names, host, G)
local xpcall, handler = host.lib.xpcall, host.handler
local miss, fine, got = {}, {}, {}

-- The rule that ran when a driver was ended from outside.
D.at = function() return now_at end

-- How the rule at a set bit of the second mask ended.
D.detail = function(at) return miss[at], fine[at], got[at] end

";

/// The driver's text. It is called with the function of [`BASE`], the rules' `when` functions,
/// further functions, and the host, and returns a table of functions; see driver.luau for those
/// that are the same for all.
pub(super) fn text(shape: &Shape<'_>) -> String {
    let mut out = String::from(HEAD);
    let values: Vec<String> = (1..=shape.metrics.len()).map(|i| format!("v{i}")).collect();
    let arguments =
        std::iter::once("all").chain(values.iter().map(String::as_str)).collect::<Vec<_>>().join(", ");
    let mut set = String::new();
    // Formatting into a String cannot fail; the results are dropped for that reason.
    for (name, value) in shape.metrics.iter().zip(&values) {
        let key = quoted(name);
        let _ = writeln!(set, "\tdata[{key}] = if {value} == {value} then {value} else nil");
    }
    let _ = writeln!(out, "D.set = function({arguments})\n{set}end");
    out.push_str("D.drives = {}\n");
    for first in (0..shape.rules).step_by(RULES) {
        let rules = first..shape.rules.min(first + RULES);
        out.push_str("do\n");
        for rule in rules.clone() {
            let _ = writeln!(out, "local f{rule} = fns[{}]", rule + 1);
        }
        let _ =
            writeln!(out, "D.drives[#D.drives + 1] = function({arguments})\n{set}\tlocal t, u, ok, r = 0, 0");
        for (bit, rule) in rules.enumerate() {
            if rule == shape.out {
                out.push_str("\tif not all then return t, u end\n");
            }
            let weight = 1_u64 << bit;
            let at = rule + 1;
            let _ = writeln!(
                out,
                "\tflag, now_at = 0, {at}\n\tok, r = xpcall(f{rule}, handler, m, ctx)\n\
                 \tif ok and flag == 0 and r == true then t += {weight}\n\
                 \telseif not (ok and flag == 0 and r == false) then u += {weight}\n\
                 \t\tmiss[{at}], fine[{at}], got[{at}] = flag, ok, r\n\tend"
            );
        }
        out.push_str("\treturn t, u\nend\nend\n");
    }
    out.push_str("return D\n");
    out
}

/// A text as a Luau literal.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b' ' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03}");
            }
        }
    }
    out.push('"');
    out
}
