"use strict";

const METHODS = ["get", "post", "patch", "delete"];

/** Schemas that are long and shown by their name alone; the section on problems has them. */
const BY_NAME = new Set(["ProblemCode"]);

/** An element with its class, its text and what is in it. Nothing is ever read as HTML. */
function element(name, kind, ...inside) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...inside.filter((part) => part !== null && part !== undefined && part !== ""));
  return made;
}

/** A text, with what stands in backticks as code. */
function inline(text) {
  return text.replaceAll("\n", " ").split("`").map((part, index) => (index % 2 ? element("code", "", part) : part));
}

function paragraphs(text) {
  return text.split("\n\n").filter(Boolean).map((paragraph) => paragraph.startsWith("- ")
    ? element("ul", "", ...paragraph.slice(2).split("\n- ").map((item) => element("li", "", ...inline(item))))
    : element("p", "", ...inline(paragraph)));
}

/** Writes a schema as a type, the way one would note it down. */
class Types {
  constructor(components) {
    this.components = components;
  }

  /** What a schema says about itself, be it by the name that it refers to. */
  about(schema) {
    const named = schema.$ref ? this.components.schemas[schema.$ref.split("/").pop()] : schema;
    return paragraphs(named.description ?? "");
  }

  of(schema, indent = "", seen = []) {
    if (!schema || schema === true) return "any";
    if (schema.$ref) {
      const name = schema.$ref.split("/").pop();
      if (seen.includes(name) || BY_NAME.has(name)) return name;
      return this.of(this.components.schemas[name], indent, [...seen, name]);
    }
    const choices = schema.anyOf || schema.oneOf;
    if (choices) return choices.map((choice) => this.of(choice, indent, seen)).join(" | ");
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
    if (schema.type === "array") return `[${this.of(schema.items, indent, seen)}]${this.bounds(schema, "Items")}`;
    if (schema.properties) return this.members(schema, indent, seen);
    if (schema.type === "object") return schema.additionalProperties?.type ? `{[name]: ${this.of(schema.additionalProperties, indent, seen)}}` : "{…}";
    return (schema.format || schema.type || "any") + this.bounds(schema, "Length");
  }

  members(schema, indent, seen) {
    const required = schema.required || [];
    const lines = Object.entries(schema.properties).map(([name, member]) =>
      `${indent}  ${name}${required.includes(name) ? "" : "?"}: ${this.of(member, indent + "  ", seen)}`);
    return `{\n${lines.join("\n")}\n${indent}}`;
  }

  bounds(schema, what) {
    const low = schema.minimum ?? schema[`min${what}`];
    const high = schema.maximum ?? schema[`max${what}`];
    if (low === undefined && high === undefined) return "";
    if (high === undefined) return ` (≥ ${low})`;
    return low === undefined ? ` (≤ ${high})` : ` (${low}–${high})`;
  }
}

function section(title, ...inside) {
  return [element("h3", "", title), ...inside];
}

function parametersOf(operation, types) {
  if (!operation.parameters) return [];
  const rows = operation.parameters.map((parameter) => element("tr", "",
    element("td", "", parameter.name),
    element("td", "note", `${parameter.in}${parameter.required ? ", required" : ""}`),
    element("td", "", types.of(parameter.schema)),
    element("td", "note", ...inline(parameter.description ?? ""))));
  return section("Parameters", element("table", "", ...rows));
}

function bodyOf(operation, types) {
  const content = operation.requestBody?.content ?? {};
  const optional = operation.requestBody?.required ? "" : ", may be left out";
  return Object.entries(content).flatMap(([kind, media]) => [
    ...section(`Body · ${kind}${optional}`, ...types.about(media.schema), element("pre", "", types.of(media.schema))),
    ...examplesOf(media)]);
}

/** Each example, folded, by its name: the model, the event of a stream, or the code of a problem. */
function examplesOf(media) {
  const examples = "example" in media ? { "": { value: media.example } } : media.examples ?? {};
  return Object.entries(examples).map(([name, { value }]) => element("details", "example",
    element("summary", "", name ? `Example · ${name}` : "Example"),
    element("pre", "", typeof value === "string" ? value : JSON.stringify(value, null, 2))));
}

function responsesOf(operation, types) {
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const cell = element("td", "", element("div", "", response.description));
    for (const [kind, media] of Object.entries(response.content ?? {})) {
      const problem = kind.startsWith("application/problem");
      cell.append(element("details", "", element("summary", "", problem ? "Examples" : kind),
        ...(problem ? [] : [...types.about(media.schema), element("pre", "", types.of(media.schema))]),
        ...examplesOf(media)));
    }
    return element("tr", "", element("td", "", status), cell);
  });
  return section("Answers", element("table", "", ...rows));
}

/** What opens an operation: any one of the alternatives, of which an empty one stands for the body. */
function lockOf(operation, schemes) {
  const shown = operation.security.map((alternative) => {
    const [scheme] = Object.keys(alternative).map((name) => schemes[name]);
    if (!scheme) return "body";
    return scheme.type === "http" ? `${scheme.scheme} token` : `${scheme.in} ${scheme.name}`;
  });
  return shown.join(" or ");
}

/** The members of every problem, and all codes. */
function problemsOf(types) {
  const { Problem, ProblemCode, FieldProblem, FieldCode } = types.components.schemas;
  const codes = ProblemCode.enum.flatMap((code) => [element("code", "", code), " "]);
  return [
    ...paragraphs(Problem.description), element("pre", "", types.of(Problem)),
    ...section("ProblemCode", ...paragraphs(ProblemCode.description), element("p", "", ...codes)),
    ...section("FieldProblem", ...paragraphs(FieldProblem.description), element("pre", "", types.of(FieldProblem)),
      ...paragraphs(FieldCode.description))];
}

function operationOf(path, method, operation, types) {
  const inside = element("div", "inside");
  const card = element("details", "operation",
    element("summary", "",
      element("span", `method ${method}`, method.toUpperCase()),
      element("span", "path", path),
      element("span", "summary", ...inline(operation.summary)),
      element("span", "lock", lockOf(operation, types.components.securitySchemes))),
    inside);
  card.id = operation.operationId;
  card.dataset.text = `${method} ${path} ${operation.summary} ${operation.tags}`.toLowerCase();
  card.addEventListener("toggle", () => {
    if (inside.childNodes.length) return;
    inside.append(
      ...paragraphs(operation.description ?? ""),
      ...parametersOf(operation, types), ...bodyOf(operation, types), ...responsesOf(operation, types));
  });
  return card;
}

function show(description) {
  const types = new Types(description.components);
  const groups = new Map(description.tags.map((tag) => [tag.name, []]));
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const method of METHODS.filter((name) => operations[name])) {
      groups.get(operations[method].tags[0]).push(operationOf(path, method, operations[method], types));
    }
  }
  document.getElementById("version").textContent = description.info.version;
  document.getElementById("about").replaceChildren(...paragraphs(description.info.description));
  for (const tag of description.tags) {
    append(tag.name, element("p", "note", ...inline(tag.description)), ...groups.get(tag.name));
  }
  append("Problems", ...problemsOf(types));
}

/** Appends a section to the page, and a link to it. */
function append(title, ...inside) {
  const heading = element("h2", "", title);
  heading.id = `group-${title.toLowerCase().replace(/\W+/g, "-")}`;
  const link = element("a", "", title);
  link.href = `#${heading.id}`;
  document.getElementById("tags").append(link);
  document.getElementById("operations").append(element("section", "", heading, ...inside));
}

/** Opens the operation that the address names, as in /api/docs#readJob. */
function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (named?.matches("details")) named.open = true;
  named?.scrollIntoView();
}

function filter(words) {
  for (const group of document.querySelectorAll("main section")) {
    const cards = group.querySelectorAll("details.operation");
    let any = !cards.length;
    for (const card of cards) {
      card.hidden = !words.every((word) => card.dataset.text.includes(word));
      any ||= !card.hidden;
    }
    group.hidden = !any;
  }
}

document.getElementById("filter").addEventListener("input", (event) =>
  filter(event.target.value.toLowerCase().split(/\s+/)));

window.addEventListener("hashchange", openNamed);

fetch("openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .then(openNamed)
  .catch((error) => { document.getElementById("about").textContent = `The document cannot be read: ${error}`; });
