// Reads actions and workflows by GitHub's own parser, and prints each fault with its place. Bundled first by
// bundle.mjs, since Node.js before 22 cannot import the parser as it is published.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
import { parseAction } from "@actions/workflow-parser/actions/action-parser";
import { convertActionTemplate } from "@actions/workflow-parser/actions/action-template";

const trace = new NoOperationTraceWriter();
async function read(path) {
  const file = { name: path, content: readFileSync(path, "utf8") };
  const isAction = /^action\.ya?ml$/.test(basename(path));
  const parsed = isAction ? parseAction(file, trace) : parseWorkflow(file, trace);
  // The conversion finds what the schema cannot say, such as jobs that wait for each other.
  if (parsed.value !== undefined) {
    if (isAction) convertActionTemplate(parsed.context, parsed.value);
    else await convertWorkflowTemplate(parsed.context, parsed.value);
  }
  for (const error of parsed.context.errors.getErrors()) {
    console.log(error.message);
    process.exitCode = 1;
  }
}

for (const path of process.argv.slice(2)) {
  read(path).catch((error) => {
    console.log(`${path}: ${error.stack}`);
    process.exitCode = 1;
  });
}
