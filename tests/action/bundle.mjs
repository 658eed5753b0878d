// Bundles parse.mjs with the parser, into the file that is named.
import { build } from "esbuild";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
await build({
  entryPoints: [join(here, "parse.mjs")],
  bundle: true,
  platform: "node",
  format: "cjs",
  outfile: process.argv[2],
  logLevel: "error",
});
