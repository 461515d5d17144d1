"use strict";

const METHODS = ["get", "post", "patch", "delete"];

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
      return seen.includes(name) ? name : this.of(this.components.schemas[name], indent, [...seen, name]);
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
    element("td", "", types.of(parameter.schema))));
  return section("Parameters", element("table", "", ...rows));
}

function bodyOf(operation, types) {
  const content = operation.requestBody?.content ?? {};
  return Object.entries(content).flatMap(([kind, media]) =>
    section(`Body · ${kind}`, element("pre", "", types.of(media.schema))));
}

function responsesOf(operation, types) {
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const cell = element("td", "", element("div", "", response.description));
    for (const [kind, media] of Object.entries(response.content ?? {})) {
      if (kind.startsWith("application/problem")) continue;
      cell.append(element("details", "", element("summary", "", kind), element("pre", "", types.of(media.schema))));
    }
    return element("tr", "", element("td", "", status), cell);
  });
  return section("Answers", element("table", "", ...rows));
}

function operationOf(path, method, operation, types) {
  const inside = element("div", "inside");
  const card = element("details", "operation",
    element("summary", "",
      element("span", `method ${method}`, method.toUpperCase()),
      element("span", "path", path),
      element("span", "summary", ...inline(operation.summary)),
      element("span", "lock", operation.security.length ? "bearer token" : "")),
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
  const groups = new Map();
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const method of METHODS.filter((name) => operations[name])) {
      const tag = operations[method].tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationOf(path, method, operations[method], types));
    }
  }
  document.getElementById("version").textContent = description.info.version;
  document.getElementById("about").replaceChildren(...paragraphs(description.info.description));
  for (const [tag, cards] of groups) {
    const heading = element("h2", "", tag);
    heading.id = tag.toLowerCase().replace(/\W+/g, "-");
    const link = element("a", "", tag);
    link.href = `#${heading.id}`;
    document.getElementById("tags").append(link);
    document.getElementById("operations").append(element("section", "", heading, ...cards));
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
