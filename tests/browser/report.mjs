// Opens HTML reports in a real browser and does what a reader does: node report.mjs FOLDER
//
// FOLDER has day.html (one policy, a day), many.html (several, hostile texts in one), long.html
// (a fortnight), wide.html (four of them) and facts.json (what they must say). Prints one line a check; exits 1 where one fails.
import { chromium } from "playwright-core";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const facts = JSON.parse(readFileSync(join(folder, "facts.json"), "utf8"));
const profile = mkdtempSync(join(tmpdir(), "luascale-browser-"));
const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM, headless: true, args: flags, viewport: { width: 1280, height: 900 },
  colorScheme: "light", reducedMotion: "reduce",
});
let failed = 0;
const check = (what, holds, seen) => {
  console.log(holds ? `ok: ${what}` : `FAILED: ${what}: ${JSON.stringify(seen)}`);
  if (!holds) failed++;
};

// A page in which anything but the file itself, and any word on the console, is a fault.
const open = async (name, hash = "") => {
  const page = await context.newPage();
  const url = pathToFileURL(join(folder, name)).href;
  page.faults = [];
  page.on("console", (m) => page.faults.push(`console ${m.type()}: ${m.text()}`));
  page.on("pageerror", (e) => page.faults.push(`error: ${e.message}`));
  page.on("dialog", (d) => { page.faults.push(`dialog: ${d.message()}`); d.dismiss(); });
  page.on("request", (r) => { if (r.url().split("#")[0] !== url) page.faults.push(`request: ${r.url()}`); });
  await page.goto(url + hash);
  await page.waitForSelector("html[data-ready]");
  return page;
};
const close = async (page, what) => {
  check(`${what}: no console message, no error, no request`, page.faults.length === 0, page.faults);
  await page.close();
};
const here = "section.policy:not([hidden])";
const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
const ranges = (page) => page.evaluate(() => document.querySelectorAll("section.policy:not([hidden]) .plot canvas").length);
const panel = (page) => page.locator(`${here} .tick`).innerText();
// The middle of a tick on the last chart, whose zoom is all of the run.
const point = async (page, tick, ticks) => {
  const box = await page.locator(`${here} .u-over`).last().boundingBox();
  return { x: box.x + Math.min((box.width * tick) / (ticks - 1), box.width - 1), y: box.y + box.height / 2, box };
};

try {
  // ---- a day: hover, zoom, pin, keys, events, theme
  let page = await open("day.html");
  check("a chart for each metric and one for replicas", (await ranges(page)) === facts.metrics.length + 1, await ranges(page));
  const reset = page.locator(`${here} .reset`);
  for (const { tick, time, change, metrics, sentences } of facts.ticks) {
    if (await reset.isEnabled()) await reset.click();
    const { x, y, box } = await point(page, tick, facts.length);
    await page.mouse.move(x, y);
    await settle(page);
    // A pixel holds several ticks, so hovering comes near; what follows reaches each exactly.
    const seen = await panel(page);
    const number = Number((/tick ([\d,]+) of/.exec(seen) || ["", "0"])[1].replaceAll(",", ""));
    const near = Math.abs(number - 1 - tick) <= 2 * facts.length / box.width + 1;
    check(`hovering near ${time} shows that tick with its reasons`, near && !seen.includes("pinned") && (await page.locator(`${here} .steps li`).count()) > 0, seen);
    await page.mouse.move(2, 2);
    await page.evaluate((tick) => {
      const button = document.createElement("button");
      button.dataset.tick = tick;
      document.querySelector("section.policy:not([hidden])").append(button);
      button.click();
      button.remove();
    }, tick);
    await settle(page);
    const pinned = await panel(page);
    const steps = await page.locator(`${here} .steps li span`).allInnerTexts();
    check(`${time} has its time and change`, pinned.includes(time) && pinned.includes(change), pinned);
    check(`${time} has every sentence`, JSON.stringify(steps) === JSON.stringify(sentences), { steps, sentences });
    for (const { name, value } of metrics) {
      const row = await page.locator(`${here} .values > div`).filter({ has: page.locator("dt", { hasText: new RegExp(`^${name}$`) }) }).innerText();
      const number = parseFloat(row.replace(name, "").replaceAll(",", ""));
      check(`${time} has ${name}`, value === null ? row.includes("no value") : Math.abs(number - value) <= Math.abs(value) * 0.006, { row, value });
    }
  }
  await reset.click();
  check("after a reset there is nothing to reset", await reset.isDisabled());
  const left = await point(page, Math.round(facts.length * 0.3), facts.length);
  const right = await point(page, Math.round(facts.length * 0.5), facts.length);
  await page.mouse.move(left.x, left.y);
  await page.mouse.down();
  await page.mouse.move((left.x + right.x) / 2, left.y, { steps: 4 });
  await page.mouse.move(right.x, right.y, { steps: 4 });
  await page.mouse.up();
  await settle(page);
  check("dragging zooms", await reset.isEnabled());
  await page.mouse.move(left.box.x + 2, left.y);
  await settle(page);
  const first = await panel(page);
  check("the zoom begins where the drag did", first.includes(facts.zoomed), { first, expected: facts.zoomed });
  await page.mouse.move(2, 2);
  await page.mouse.dblclick(left.box.x + 200, left.y);
  await settle(page);
  check("a double click shows all again", await reset.isDisabled());

  const slider = page.locator(`${here} .stack`);
  await slider.focus();
  await page.keyboard.press("Home");
  check("Home is the first tick", (await slider.getAttribute("aria-valuenow")) === "1");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+ArrowRight");
  check("arrows go by one and by ten", (await slider.getAttribute("aria-valuenow")) === "12", await slider.getAttribute("aria-valuenow"));
  await page.keyboard.press("End");
  check("End is the last tick", (await slider.getAttribute("aria-valuenow")) === String(facts.length));
  await page.keyboard.press("Home");
  await page.keyboard.press("e");
  const spoken = await slider.getAttribute("aria-valuetext");
  check("e goes to the first change and says it", spoken === facts.first_change, { spoken, expected: facts.first_change });
  await page.keyboard.press("+");
  check("plus zooms in", await reset.isEnabled());
  await page.keyboard.press("Escape");
  check("Escape shows all", await reset.isDisabled());

  const events = page.locator(`${here} .events button`);
  check("every event is listed", (await events.count()) === facts.events.length, await events.count());
  const last = facts.events.at(-1);
  await events.last().click();
  await settle(page);
  const jumped = await panel(page);
  check("an event jumps to its tick", jumped.includes(last.time), { jumped, last });
  check("and zooms in on it", await reset.isEnabled());

  const chip = page.locator(`${here} .chips button`).first();
  await chip.click();
  check("a chip hides a chart", (await page.locator(`${here} figure:visible`).count()) === facts.metrics.length);
  await chip.click();

  const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await colour();
  await page.locator("#theme").click();
  const dark = await colour();
  check("the theme toggles", light !== dark, { light, dark });
  await page.reload();
  await page.waitForSelector("html[data-ready]");
  check("and is remembered", (await colour()) === dark);
  await page.locator("#theme").click();
  check("and back", (await colour()) === light);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.waitForTimeout(200);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check("nothing runs off a narrow screen", overflow <= 0, overflow);
  const text = await page.evaluate(() => {
    dispatchEvent(new Event("beforeprint"));
    const theme = document.documentElement.dataset.theme;
    dispatchEvent(new Event("afterprint"));
    return theme;
  });
  check("paper is light", text === "light", text);
  await close(page, "a day");

  // ---- dark from the start
  await context.newPage().then(async (p) => { await p.goto(pathToFileURL(join(folder, "day.html")).href); await p.evaluate(() => localStorage.clear()); await p.close(); });
  page = await open("day.html");
  await page.emulateMedia({ colorScheme: "dark" });
  await settle(page);
  check("the reader's preference is followed", (await page.evaluate(() => document.documentElement.dataset.theme)) === "dark");
  await close(page, "dark");

  // ---- several policies, one of them hostile
  page = await open("many.html");
  const links = page.locator("nav.policies a");
  check("a line for each policy", (await links.count()) === facts.policies.length, await links.count());
  for (let i = 0; i < facts.policies.length; i++) {
    await links.nth(i).click();
    await settle(page);
    check(`policy ${i} is shown alone`, (await page.locator("section.policy:visible").count()) === 1);
    const name = await page.locator(`${here} h2`).textContent();
    check(`policy ${i} has its name as text`, name === facts.policies[i], { name, expected: facts.policies[i] });
    const buttons = page.locator(`${here} .events button`);
    if (await buttons.count()) await buttons.first().click();
    await settle(page);
  }
  const ran = await page.evaluate(() => [window.pwned, document.querySelectorAll("img, iframe, object, embed, link").length, document.querySelectorAll("script").length]);
  check("a hostile name runs nothing and makes nothing", ran[0] === undefined && ran[1] === 0 && ran[2] === facts.scripts, ran);
  // The content policy refuses what would get past the escaping.
  const blocked = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "window.pwned = 2";
    document.body.append(script);
    const request = await fetch("https://example.invalid/").then(() => "sent", () => "refused");
    return [window.pwned, request];
  });
  check("the content policy refuses scripts and requests", blocked[0] === undefined && blocked[1] === "refused", blocked);
  page.faults = page.faults.filter((f) => !/Content Security Policy|example\.invalid/.test(f));
  await close(page, "several policies");

  // ---- a fortnight
  page = await open("long.html");
  const at = await point(page, facts.long.tick, facts.long.length);
  await page.mouse.move(at.x, at.y);
  await settle(page);
  check("a fortnight shows its ticks", (await panel(page)).includes(facts.long.day), await panel(page));
  await close(page, "a fortnight");

  // ---- more ticks than have room for figures of their own: words are shared, and it is said
  page = await open("wide.html", "#policy-3");
  check("the policy in the address is shown", (await page.locator("section.policy:visible").getAttribute("id")) === "policy-3");
  const slide = page.locator(`${here} .stack`);
  await slide.focus();
  await page.keyboard.press("Home");
  let shared = 0;
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press("ArrowRight");
    const note = page.locator(`${here} .shared`);
    if (await note.count()) {
      shared++;
      check("shared words name their tick", /those of 2024-11-29 00:\d\d:\d\d\./.test(await note.innerText()), await note.innerText());
    }
  }
  check("some words are shared", shared > 0);
  await page.keyboard.press("Home");
  await page.keyboard.press("e");
  check("changes have their own", (await page.locator(`${here} .shared`).count()) === 0);
  await close(page, "four fortnights");

  // ---- without scripts
  const bare = await context.browser()?.newContext?.({ javaScriptEnabled: false }) ?? null;
  if (bare) {
    const page = await bare.newPage();
    await page.goto(pathToFileURL(join(folder, "day.html")).href);
    const words = await page.locator("body").innerText();
    check("without scripts the words are there", words.includes(facts.verdict) && words.includes("replica-hours"), words.slice(0, 300));
    await bare.close();
  }
} catch (error) {
  check("the script ran to its end", false, String(error.stack || error));
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(failed ? `${failed} checks failed` : "all checks passed");
process.exit(failed ? 1 : 0);
