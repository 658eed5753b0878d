// A comment's Markdown as GitHub shows it, in a real browser: node comment.mjs FILE [PICTURE]
//
// Renders the Markdown and draws its mermaid charts by mermaid itself; prints one line a check and
// exits 1 where a chart is not drawn, or anything but the comment is to be seen. Writes a picture
// where one is asked for.
import { chromium } from "playwright-core";
import { marked } from "marked";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [file, picture] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const body = readFileSync(file, "utf8");
const profile = mkdtempSync(join(tmpdir(), "luascale-comment-"));
const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: flags,
  viewport: { width: 920, height: 900 }, colorScheme: "light", deviceScaleFactor: 1.5,
});
let failed = 0;
const check = (what, holds, seen) => {
  console.log(holds ? `ok: ${what}` : `FAILED: ${what}: ${JSON.stringify(seen)}`);
  if (!holds) failed++;
};
const page = context.pages()[0];
const faults = [];
page.on("pageerror", (e) => faults.push(e.message));
page.on("request", (r) => { if (!r.url().startsWith("data:") && r.url() !== "about:blank") faults.push(`request: ${r.url()}`); });
const html = marked.parse(body, { gfm: true });
await page.setContent(`<!doctype html><meta charset="utf-8"><body style="margin:24px">
<div style="border:1px solid #d0d7de;border-radius:6px;max-width:860px">
<div style="background:#f6f8fa;border-bottom:1px solid #d0d7de;padding:8px 16px;font:14px sans-serif;color:#59636e;border-radius:6px 6px 0 0">
<b style="color:#1f2328">github-actions</b> <span style="border:1px solid #d0d7de;border-radius:2em;padding:0 6px;font-size:12px">bot</span> commented</div>
<article class="markdown-body" style="padding:16px">${html}</article></div>`);
await page.addStyleTag({ path: join(here, "node_modules/github-markdown-css/github-markdown-light.css") });
await page.addScriptTag({ path: join(here, "node_modules/mermaid/dist/mermaid.min.js") });
const charts = (body.match(/^```mermaid$/gm) ?? []).length;
const drawn = await page.evaluate(async () => {
  const errors = [];
  mermaid.initialize({ startOnLoad: false, theme: "default", securityLevel: "strict" });
  let at = 0;
  for (const code of document.querySelectorAll("code.language-mermaid")) {
    try {
      const { svg } = await mermaid.render(`chart${at++}`, code.textContent);
      const box = document.createElement("div");
      box.className = "drawn";
      box.innerHTML = svg;
      code.parentElement.replaceWith(box);
    } catch (error) {
      errors.push(String(error.message ?? error));
    }
  }
  return errors;
});
check("mermaid draws each chart", drawn.length === 0, drawn);
check(`${charts} charts are there`, (await page.locator(".drawn svg").count()) === charts, charts);
check("the marker is not seen", !(await page.locator("article").innerText()).includes("luascale v1 "), "");
check("no fence is left open", !(await page.locator("article").innerText()).includes("```"), "");
check("nothing is fetched and nothing fails", faults.length === 0, faults);
if (picture) await page.locator("article").locator("..").screenshot({ path: picture });
await context.close();
rmSync(profile, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
