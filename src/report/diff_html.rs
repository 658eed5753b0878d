//! The difference of two sides as one HTML page that works offline. May import: `change`,
//! siblings.

use super::diff::{extent, headline, parted, rows, values};
use super::diff_lines::svg;
use super::numbers::Clock;
use super::paint::clean;
use super::places::xml;
use crate::change::behaviour::Compared;
use crate::change::difference::{Difference, Differing, Fate};
use crate::change::meaning::{Change, Class};

const STYLE: &str = "\
:root{--text:#1b1f24;--back:#fff;--dim:#59636e;--line:#d1d9e0;--old:#0969da;--new:#bc4c00;--bad:#a40e26;--warn:#7d4e00;--good:#116329}\
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--back:#0d1117;--dim:#9198a1;--line:#3d444d;--old:#58a6ff;--new:#f0883e;\
--bad:#ff7b72;--warn:#d29922;--good:#3fb950}}\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--text);background:var(--back)}\
h1{font-size:1.3rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .3rem;padding-top:1rem;border-top:1px solid var(--line)}\
h2 .dim{font-weight:400}h3{font-size:1rem;margin:1.4rem 0 .3rem}p{margin:.4rem 0}\
table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.2rem 1.2rem .2rem 0;text-align:left;vertical-align:top}\
th{font-weight:400;color:var(--dim)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
td.wrap{overflow-wrap:anywhere}.dim,.axis{color:var(--dim);fill:var(--dim)}.axis{font-size:11px}.end{text-anchor:end}\
.bad{color:var(--bad)}.warn{color:var(--warn)}.good{color:var(--good)}\
.class{display:inline-block;border:1px solid;border-radius:1rem;padding:0 .5rem;font-size:.8rem;margin-right:.3rem}\
polyline{fill:none;stroke-width:1.6}.old{stroke:var(--old)}.new{stroke:var(--new)}\
.key{display:inline-block;width:1.2rem;border-top:3px solid;vertical-align:middle;margin:0 .4rem 0 .8rem}\
.key.old{color:var(--old)}.key.new{color:var(--new)}\
code{font:.9em ui-monospace,monospace}svg{width:100%;height:auto;margin-top:.5rem}";

/// A text in HTML.
fn text(text: &str) -> String {
    xml(&clean(text))
}

/// The page.
pub fn html(difference: &Difference) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>luascale diff</title><style>{STYLE}</style></head><body>\n<h1>{}</h1>\n\
         <p class=\"dim\">{} → {}</p>\n",
        text(&headline(difference)),
        text(&difference.before),
        text(&difference.after)
    );
    for one in &difference.policies {
        policy(&mut out, one);
    }
    for (path, side) in &difference.broken {
        out.push_str(&format!(
            "<p class=\"bad\">{} does not load {}: it is not compared</p>\n",
            text(path),
            text(side)
        ));
    }
    for (path, why) in &difference.skipped {
        out.push_str(&format!("<p class=\"dim\">left out: {}, {}</p>\n", text(path), text(why)));
    }
    out.push_str("</body></html>\n");
    out
}

/// `a → b` where there was another, else `b`.
fn moved(was: Option<&String>, is: &str) -> String {
    let was = was.map(|was| format!("{} → ", text(was))).unwrap_or_default();
    format!("{was}{}", text(is))
}

fn policy(out: &mut String, policy: &Differing) {
    out.push_str(&format!(
        "<h2>{} <span class=\"dim\">{}, {}</span></h2>\n",
        moved(policy.was.as_ref(), &policy.id),
        policy.fate.name(),
        moved(policy.was_path.as_ref(), &policy.path)
    ));
    if !policy.summary.is_empty() {
        out.push_str(&format!("<p>{}</p>\n", text(&policy.summary)));
    }
    if policy.is_cosmetic() && policy.changes.is_empty() {
        out.push_str("<p class=\"good\">no change of meaning</p>\n");
    }
    changes(out, &policy.changes);
    let others: Vec<String> =
        policy.because.iter().filter(|path| **path != policy.path).map(|path| text(path)).collect();
    if !others.is_empty() && matches!(policy.fate, Fate::Changed | Fate::Renamed) {
        out.push_str(&format!("<p class=\"dim\">by a change in {}</p>\n", others.join(", ")));
    }
    for compared in policy.behaviour.iter().flatten() {
        behaviour(out, compared);
    }
    if let Some(why) = &policy.no_behaviour {
        out.push_str(&format!("<p class=\"dim\">{}</p>\n", text(why)));
    }
}

fn changes(out: &mut String, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    out.push_str("<table>\n");
    for change in changes {
        let classes: String = change
            .classes
            .iter()
            .map(|class| format!("<span class=\"class {}\">{}</span>", tone(*class), class.name()))
            .collect();
        out.push_str(&format!(
            "<tr><td><code>{}</code></td><td class=\"wrap\"><b>{}</b><br>{}</td><td>{classes}</td></tr>\n",
            text(&change.field),
            text(&values(change, "→")),
            text(&change.words),
        ));
    }
    out.push_str("</table>\n");
}

fn tone(class: Class) -> &'static str {
    match class {
        Class::Effects => "bad",
        Class::Loosens | Class::Availability | Class::Cost => "warn",
        Class::Tightens => "good",
        Class::Cosmetic => "dim",
    }
}

fn behaviour(out: &mut String, compared: &Compared) {
    out.push_str(&format!("<h3>{}</h3>\n<p>{}</p>\n", text(&extent(compared)), text(&parted(compared))));
    for fault in &compared.faults {
        out.push_str(&format!("<p class=\"bad\">{}</p>\n", text(fault)));
    }
    for note in compared.notes.iter().take(3) {
        out.push_str(&format!("<p class=\"dim\">note: {}</p>\n", text(note)));
    }
    if compared.is_same() {
        return;
    }
    out.push_str(&svg(compared));
    out.push_str(
        "<p class=\"dim\">replicas<span class=\"key old\"></span>before<span class=\"key new\"></span>after</p>\n\
         <table><tr><th></th><th class=\"n\">before</th><th class=\"n\">after</th><th></th></tr>\n",
    );
    for row in rows(&compared.before, &compared.after) {
        let tone = match row.worse {
            Some(true) => "warn",
            Some(false) => "good",
            None => "dim",
        };
        out.push_str(&format!(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"{tone}\">{}</td></tr>\n",
            row.label,
            text(&row.before),
            text(&row.after),
            text(&row.by)
        ));
    }
    out.push_str("</table>\n");
    partings(out, compared);
}

/// Where they part first, each with both counts and the reason of each.
fn partings(out: &mut String, compared: &Compared) {
    if compared.first.is_empty() {
        return;
    }
    let clock = Clock::between(compared.start, compared.end);
    out.push_str(
        "<table><tr><th class=\"n\">first at, UTC</th><th></th><th class=\"n\">replicas</th><th>why</th></tr>\n",
    );
    for parting in &compared.first {
        out.push_str(&format!(
            "<tr><td rowspan=\"2\">{}</td><td class=\"dim\">before</td><td class=\"n\">{}</td><td>{}</td></tr>\n\
             <tr><td class=\"dim\">after</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
            clock.show(parting.time),
            parting.before,
            text(&parting.before_why),
            parting.after,
            text(&parting.after_why)
        ));
    }
    out.push_str("</table>\n");
}

#[cfg(test)]
mod tests {
    use super::html;
    use crate::change::difference::{Difference, Differing, Fate};

    #[test]
    fn a_page_tells_by_what_a_policy_changed_and_takes_no_markup_from_it() {
        let policy = Differing {
            id: "<b>web".into(),
            fate: Fate::Changed,
            was: None,
            path: "web.lua".into(),
            was_path: Some("old.lua".into()),
            summary: String::new(),
            changes: Vec::new(),
            because: vec!["web.lua".into(), "lib/<i>.lua".into()],
            behaviour: None,
            untold: false,
            no_behaviour: None,
        };
        let page = html(&Difference { policies: vec![policy], ..Difference::default() });
        for part in
            ["&lt;b&gt;web", "old.lua → web.lua", "by a change in lib/&lt;i&gt;.lua", "no change of meaning"]
        {
            assert!(page.contains(part), "no {part} in\n{page}");
        }
        assert!(!page.contains("<b>web") && !page.contains("<i>"));
    }
}
