// Takes out of GitHub's own description of its API what the tests hold requests against, and makes
// it strict: `node slice.mjs OUT` writes for each operation its path, parameters and body, with
// unknown fields refused and documented limits in force, and `node slice.mjs --graphql FILE` validates
// GraphQL documents, one a line of JSON, with GitHub's own schema.
import { readFileSync, writeFileSync } from "node:fs";

const [out, file] = process.argv.slice(2);

if (out === "--graphql") {
  const { buildSchema, parse, validate, coerceInputValue, typeFromAST, isInputType } = await import("graphql");
  const sdl = readFileSync(new URL("node_modules/@octokit/graphql-schema/schema.graphql", import.meta.url), "utf8");
  // The published schema has a directive that validators do not know.
  const schema = buildSchema(sdl, { assumeValidSDL: true });
  const wrong = [];
  for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
    const { query, variables } = JSON.parse(line);
    let document;
    try {
      document = parse(query);
    } catch (error) {
      wrong.push(`${error.message}: ${query}`);
      continue;
    }
    for (const error of validate(schema, document)) wrong.push(`${error.message}: ${query}`);
    const declared = document.definitions.flatMap((d) => d.variableDefinitions ?? []);
    const names = new Set(declared.map((d) => d.variable.name.value));
    for (const name of Object.keys(variables ?? {})) {
      if (!names.has(name)) wrong.push(`the variable ${name} is not declared: ${query}`);
    }
    for (const definition of declared) {
      const type = typeFromAST(schema, definition.type);
      const value = variables?.[definition.variable.name.value];
      if (!type || !isInputType(type)) continue;
      // A nullable variable may be left out.
      if (value === undefined && definition.type.kind !== "NonNullType") continue;
      coerceInputValue(value, type, (_, __, error) => wrong.push(`${error.message}: ${query}`));
    }
  }
  for (const line of wrong) console.log(line);
  process.exit(wrong.length ? 1 : 0);
}

const api = JSON.parse(
  readFileSync(new URL("node_modules/@octokit/openapi/generated/api.github.com.deref.json", import.meta.url), "utf8"),
);

// What GitHub documents in words, or holds without documenting, beside its own limits.
const LIMITS = { body: 65536, summary: 65535, text: 65535, title: 255, message: 65536 };

function strict(schema, key) {
  if (!schema || typeof schema !== "object") return schema;
  const copy = Array.isArray(schema) ? schema.map((part) => strict(part)) : { ...schema };
  if (Array.isArray(schema)) return copy;
  for (const field of ["example", "examples", "description", "default", "x-github", "deprecated", "externalDocs"]) delete copy[field];
  for (const field of ["allOf", "anyOf", "oneOf"]) if (copy[field]) copy[field] = copy[field].map((part) => strict(part, key));
  if (copy.items) copy.items = strict(copy.items);
  if (copy.properties) {
    copy.properties = Object.fromEntries(Object.entries(copy.properties).map(([name, part]) => [name, strict(part, name)]));
    // A description of what one of several forms demands is no list of all fields.
    if (copy.type === "object" && copy.additionalProperties === undefined) copy.additionalProperties = false;
  }
  if (copy.type === "string" && LIMITS[key] !== undefined && copy.maxLength === undefined) copy.maxLength = LIMITS[key];
  // The enumeration of the side is documented and not described.
  if (copy.type === "string" && (key === "side" || key === "start_side")) copy.enum = ["LEFT", "RIGHT"];
  if (copy.nullable) {
    delete copy.nullable;
    return { anyOf: [copy, { type: "null" }] };
  }
  return copy;
}

const operations = [];
for (const [path, methods] of Object.entries(api.paths)) {
  if (!/^\/(repos\/\{owner\}\/\{repo\}|app\/installations)(\/|$)/.test(path)) continue;
  for (const [method, operation] of Object.entries(methods)) {
    if (!["get", "post", "patch", "put"].includes(method)) continue;
    const body = operation.requestBody?.content?.["application/json"]?.schema;
    operations.push({
      method: method.toUpperCase(),
      path,
      query: Object.fromEntries(
        (operation.parameters ?? []).filter((p) => p.in === "query").map((p) => [p.name, strict(p.schema)]),
      ),
      body: body ? strict(body) : null,
      required: operation.requestBody?.required ?? false,
    });
  }
}
writeFileSync(out, JSON.stringify(operations));
