"use strict";

const METHODS = ["get", "post", "patch", "delete"];

/** Schemas that are shown by their name alone: they are long, and the page has them once. */
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
  return text.split("\n\n").filter(Boolean).map((paragraph) => element("p", "", ...inline(paragraph)));
}

/** Writes a schema as a type, the way one would note it down. */
class Types {
  constructor(components) {
    this.components = components;
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
    ...section(`Body · ${kind}${optional}`, element("pre", "", types.of(media.schema))),
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
        ...(problem ? [] : [element("pre", "", types.of(media.schema))]), ...examplesOf(media)));
    }
    return element("tr", "", element("td", "", status), cell);
  });
  return section("Answers", element("table", "", ...rows));
}

const LOCKS = { bearer: "bearer token", refreshCookie: "refresh cookie", eventsTicket: "ticket" };

/** What opens an operation: any one of the alternatives, of which an empty one stands for the body. */
function lockOf(operation) {
  return operation.security.map((one) => Object.keys(one).map((name) => LOCKS[name] ?? name)[0] ?? "body").join(" or ");
}

function operationOf(path, method, operation, types) {
  const inside = element("div", "inside");
  const card = element("details", "operation",
    element("summary", "",
      element("span", `method ${method}`, method.toUpperCase()),
      element("span", "path", path),
      element("span", "summary", ...inline(operation.summary)),
      element("span", "lock", lockOf(operation))),
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
  for (const { name: tag, description: about } of description.tags) {
    const heading = element("h2", "", tag);
    heading.id = tag.toLowerCase().replace(/\W+/g, "-");
    const link = element("a", "", tag);
    link.href = `#${heading.id}`;
    document.getElementById("tags").append(link);
    document.getElementById("operations").append(element("section", "", heading, element("p", "note", ...inline(about)), ...groups.get(tag)));
  }
}

/** Opens the operation that the address names, as in /api/docs#readJob. */
function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (named?.matches("details")) named.open = true;
  named?.scrollIntoView();
}

function filter(words) {
  for (const group of document.querySelectorAll("main section")) {
    let any = false;
    for (const card of group.querySelectorAll("details.operation")) {
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
