// Reads reports as other programs do, and prints what they understand.
//   node read.mjs checkstyle FILE ROOT    the violations that danger's plugin reads, as JSON
//   node read.mjs gitlab FILE             holds a report against the types of Code Climate's issues
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [format, file, root] = process.argv.slice(2);
const text = readFileSync(file, "utf8");
const require = createRequire(import.meta.url);

if (format === "checkstyle") {
  const { xml2js } = require("xml-js");
  const { parseCheckstyle } = require("danger-plugin-lint-report/dist/parse/checkstyle_parser.js");
  console.log(JSON.stringify(parseCheckstyle(xml2js(text), root)));
} else if (format === "gitlab") {
  const ts = require("typescript");
  // What GitLab reads of an issue; each of it is required there.
  const wanted = '"description" | "check_name" | "fingerprint" | "severity" | "location"';
  const source = `import type { Issue } from "codeclimate-types";
const report: Required<Pick<Issue, ${wanted}>>[] = ${text};
export default report;
`;
  const path = fileURLToPath(new URL(`report-${process.pid}.ts`, import.meta.url));
  writeFileSync(path, source);
  try {
    const options = { noEmit: true, strict: true, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, types: [] };
    const found = ts.getPreEmitDiagnostics(ts.createProgram([path], options));
    if (found.length > 0) {
      throw new Error(ts.formatDiagnostics(found, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => "", getNewLine: () => "\n" }));
    }
    console.log("holds");
  } finally {
    rmSync(path);
  }
} else {
  throw new Error(`no format ${format}`);
}
