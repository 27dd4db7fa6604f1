// The schema as the server tells it: read once, shown in the side pane, asked by the editor for what fits at a place.

const INTROSPECTION = `query Explorer { __schema {
  queryType { name } mutationType { name }
  types { kind name description
    fields(includeDeprecated: true) { name description args { ...Input } type { ...Type } }
    inputFields { ...Input } enumValues(includeDeprecated: true) { name description } possibleTypes { name } }
} }
fragment Input on __InputValue { name description defaultValue type { ...Type } }
fragment Type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }`;

const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};

export const typeText = (type) =>
  type.kind === "NON_NULL" ? `${typeText(type.ofType)}!` : type.kind === "LIST" ? `[${typeText(type.ofType)}]` : type.name;
export const namedType = (type) => (type.ofType ? namedType(type.ofType) : type.name);

export class Schema {
  constructor(told) {
    this.query = told.queryType?.name;
    this.mutation = told.mutationType?.name;
    this.types = new Map(told.types.map((type) => [type.name, type]));
  }

  static async read(ask) {
    const reply = await ask({ query: INTROSPECTION, operationName: "Explorer" });
    if (!reply.data) throw new Error(reply.errors?.[0]?.message ?? reply.detail ?? "The schema cannot be read.");
    return new Schema(reply.data.__schema);
  }

  field(typeName, name) {
    return this.types.get(typeName)?.fields?.find((field) => field.name === name);
  }

  fields(typeName) {
    return this.types.get(typeName)?.fields ?? [];
  }
}

// The side pane: roots first, then whatever type is clicked, with the way back.
export class SchemaPane {
  constructor(body, search, insert) {
    this.body = body;
    this.search = search;
    this.insert = insert; // called with a field's name and its root, to put a query for it into an empty editor
    this.trail = [];
    search.addEventListener("input", () => this.draw());
  }

  show(schema) {
    this.schema = schema;
    this.draw();
  }

  fail(message) {
    this.body.replaceChildren(make("p", { className: "quiet", textContent: message }));
  }

  open(typeName) {
    this.trail.push(typeName);
    this.search.value = "";
    this.draw();
    this.body.scrollTop = 0;
  }

  draw() {
    if (!this.schema) return;
    const wanted = this.search.value.trim().toLowerCase();
    const shown = wanted ? this.found(wanted) : this.trail.length ? this.type(this.trail.at(-1)) : this.roots();
    this.body.replaceChildren(...shown);
  }

  roots() {
    const { query, mutation } = this.schema;
    const shown = [make("h3", { textContent: "Queries" }), this.list(query)];
    if (mutation) shown.push(make("h3", { textContent: "Mutations" }), this.list(mutation));
    return shown;
  }

  list(typeName) {
    return make("ul", {}, ...this.schema.fields(typeName).map((field) => this.entry(field, typeName)));
  }

  type(name) {
    const type = this.schema.types.get(name);
    const back = make("button", { type: "button", className: "link", textContent: "← Back" });
    back.addEventListener("click", () => { this.trail.pop(); this.draw(); });
    const shown = [back, make("h4", { textContent: name })];
    if (type.description) shown.push(make("p", { textContent: type.description }));
    const fields = type.fields ?? type.inputFields;
    if (fields) shown.push(make("ul", {}, ...fields.map((field) => this.entry(field, name))));
    if (type.enumValues) {
      shown.push(make("h3", { textContent: "Values" }));
      shown.push(make("ul", {}, ...type.enumValues.map((value) => make("li", {}, make("code", { textContent: value.name })))));
    }
    if (type.kind === "UNION") {
      shown.push(make("h3", { textContent: "One of" }));
      shown.push(make("ul", {}, ...type.possibleTypes.map((one) => make("li", {}, this.link(one)))));
    }
    return shown;
  }

  found(wanted) {
    const entries = [];
    for (const type of this.schema.types.values()) {
      if (type.name.startsWith("__")) continue;
      if (type.name.toLowerCase().includes(wanted)) entries.push(make("li", {}, make("code", {}, this.link(type))));
      for (const field of type.fields ?? []) {
        if (!field.name.toLowerCase().includes(wanted)) continue;
        const owner = make("span", { className: "quiet", textContent: " of " });
        const entry = this.entry(field, type.name);
        entry.firstChild.append(owner, this.link(type));
        entries.push(entry);
      }
    }
    if (!entries.length) return [make("p", { className: "quiet", textContent: "Nothing has that in its name." })];
    return [make("ul", {}, ...entries.slice(0, 60))];
  }

  entry(field, owner) {
    const isRoot = owner === this.schema.query || owner === this.schema.mutation;
    const name = make(isRoot ? "button" : "span", { className: isRoot ? "link field" : "field", textContent: field.name });
    if (isRoot) {
      name.type = "button";
      name.title = "Write a query for it";
      name.addEventListener("click", () => this.insert(owner, field));
    }
    const line = make("code", {}, name);
    if (field.args?.length) {
      line.append("(");
      field.args.forEach((argument, index) => line.append(index ? ", " : "", `${argument.name}: `, this.link(argument.type)));
      line.append(")");
    }
    line.append(": ", this.link(field.type));
    const entry = make("li", {}, line);
    if (field.description) entry.append(make("p", { textContent: field.description }));
    return entry;
  }

  link(type) {
    const text = type.kind && !type.fields ? typeText(type) : type.name;
    const link = make("button", { type: "button", className: "link", textContent: text });
    link.addEventListener("click", () => this.open(namedType(type)));
    return link;
  }
}

// A first query for a root field: required arguments as variables, and the plain fields of what it gives.
export function draft(schema, rootName, field) {
  const required = field.args.filter((argument) => argument.type.kind === "NON_NULL" && argument.defaultValue === null);
  const declared = required.map((argument) => `$${argument.name}: ${typeText(argument.type)}`).join(", ");
  const given = required.map((argument) => `${argument.name}: $${argument.name}`).join(", ");
  const kind = rootName === schema.mutation ? "mutation" : "query";
  const title = field.name[0].toUpperCase() + field.name.slice(1);
  const body = selection(schema, namedType(field.type), "    ", 0);
  const text = `${kind} ${title}${declared && `(${declared})`} {\n  ${field.name}${given && `(${given})`}${body}\n}\n`;
  const variables = Object.fromEntries(required.map((argument) => [argument.name, sample(schema, argument.type, 0)]));
  return { text, variables };
}

function selection(schema, typeName, indent, depth) {
  const type = schema.types.get(typeName);
  if (type.kind === "UNION") {
    const members = type.possibleTypes.map((one) => `${indent}... on ${one.name}${selection(schema, one.name, `${indent}  `, depth + 1)}\n`);
    return ` {\n${indent}__typename\n${members.join("")}${indent.slice(2)}}`;
  }
  if (!type.fields) return "";
  const isLeaf = (field) => !["OBJECT", "UNION", "INTERFACE"].includes(schema.types.get(namedType(field.type)).kind);
  const lines = type.fields
    .filter((field) => isLeaf(field) || (depth < 2 && ["nodes", "pageInfo"].includes(field.name)))
    .map((field) => `${indent}${field.name}${isLeaf(field) ? "" : selection(schema, namedType(field.type), `${indent}  `, depth + 1)}\n`);
  return lines.length ? ` {\n${lines.join("")}${indent.slice(2)}}` : ` {\n${indent}__typename\n${indent.slice(2)}}`;
}

function sample(schema, type, depth) {
  const inner = type.kind === "NON_NULL" ? type.ofType : type;
  if (inner.kind === "LIST") return [];
  const named = schema.types.get(inner.name);
  if (named.inputFields && depth < 3) {
    const required = named.inputFields.filter((field) => field.type.kind === "NON_NULL" && field.defaultValue === null);
    return Object.fromEntries(required.map((field) => [field.name, sample(schema, field.type, depth + 1)]));
  }
  if (named.enumValues) return named.enumValues[0].name;
  return { Int: 0, Long: 0, Float: 0, Boolean: false }[inner.name] ?? "";
}
