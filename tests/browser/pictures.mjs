// Pictures of a report, to be looked at: node pictures.mjs FILE OUT-PREFIX
import { chromium } from "playwright-core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [file, prefix] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "luascale-pictures-"));
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: flags, viewport: { width: 1360, height: 900 } });
const page = context.pages()[0];
page.on("console", (m) => console.log("console", m.type(), m.text()));
page.on("pageerror", (e) => console.log("pageerror", e.message, e.stack));
for (const [name, width, height, scheme] of [["light", 1360, 900, "light"], ["dark", 1360, 900, "dark"], ["narrow", 390, 844, "dark"]]) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme });
  const t = Date.now();
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector("html[data-ready]");
  console.log(name, Date.now() - t, "ms");
  const over = page.locator("section.policy:not([hidden]) .u-over").last();
  const box = await over.boundingBox();
  if (box && width > 1000) { await page.mouse.move(box.x + box.width * 0.79, box.y + box.height / 2); await page.waitForTimeout(200); }
  await page.screenshot({ path: `${prefix}-${name}.png`, fullPage: true });
}
await context.close();
rmSync(profile, { recursive: true, force: true });
