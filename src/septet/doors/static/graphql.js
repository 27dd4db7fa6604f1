// The explorer: writes a request, sends it, shows what comes back. What is written stays in this tab's session only.
import { Editor, Suggestions, coloured } from "./graphql-editor.js";
import { Schema, SchemaPane, draft } from "./graphql-schema.js";

const WELCOME = `# Ask for just what you need.
# Ctrl or ⌘ and Enter runs it.
# Schema lists what there is:
# click one to begin with it.
{
  __typename
}
`;
const KEPT = "septet.graphql";
const at = (id) => document.getElementById(id);
const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
const address = new URLSearchParams(location.search);
let schema = null, running = null;

const query = new Editor(at("query"), changed);
const variables = new Editor(at("variables"), changed);
query.text = address.get("query") ?? kept.query ?? WELCOME;
variables.text = address.get("variables") ?? kept.variables ?? "";
at("token").value = kept.token ?? "";
at("idempotency").value = kept.idempotency ?? "";

function changed() {
  const now = { query: query.text, variables: variables.text, token: at("token").value, idempotency: at("idempotency").value };
  sessionStorage.setItem(KEPT, JSON.stringify(now));
  drawOperations();
}

// The operations of a document with several, of which one is run.
function drawOperations() {
  const names = [...query.text.replace(/#[^\n]*/g, "").matchAll(/\b(?:query|mutation)\s+([A-Za-z_]\w*)/g)].map((match) => match[1]);
  const select = at("operation"), chosen = select.value;
  select.hidden = names.length < 2;
  select.replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
}

function headers() {
  const made = { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json" };
  const token = at("token").value.trim(), key = at("idempotency").value.trim();
  if (token) made.Authorization = `Bearer ${token}`;
  if (key) made["Idempotency-Key"] = key;
  return made;
}

async function run() {
  running?.abort();
  let given;
  try {
    given = variables.text.trim() ? JSON.parse(variables.text) : undefined;
  } catch (error) {
    openTab("variables");
    return say("bad", "not sent", `The variables are not JSON.\n${error.message}`);
  }
  const body = { query: query.text, variables: given };
  if (!at("operation").hidden) body.operationName = at("operation").value;
  const mine = (running = new AbortController());
  at("run").setAttribute("aria-busy", "true");
  const started = performance.now();
  try {
    const reply = await fetch("/graphql", { method: "POST", headers: headers(), body: JSON.stringify(body), signal: mine.signal });
    const shown = await reply.json();
    const took = `${Math.round(performance.now() - started)} ms`;
    const failed = shown.errors?.length ?? (reply.ok ? 0 : 1);
    const problems = failed ? ` · ${failed} ${failed === 1 ? "problem" : "problems"}` : "";
    say(failed ? "bad" : "good", `${reply.status}${problems} · ${took}`, JSON.stringify(shown, null, 2));
  } catch (error) {
    if (error.name !== "AbortError") say("bad", "no answer", `The server cannot be reached.\n${error.message}`);
  } finally {
    if (running === mine) at("run").removeAttribute("aria-busy");
  }
}

function say(state, outcome, text) {
  at("outcome").dataset.state = state;
  at("outcome").textContent = outcome;
  at("result").replaceChildren(coloured(text, "json"));
}

// Indents by brackets and leaves what is inside texts and comments alone.
function tidy() {
  const parts = query.text.match(/"""[\s\S]*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?|#[^\n]*|\n|[^\s"#]+?(?=[\s{}()[\]"#]|$)|[{}()[\]]|[^\S\n]+/g) ?? [];
  let depth = 0, line = "";
  const lines = [];
  const end = () => { if (line.trim()) lines.push("  ".repeat(depth) + line.trim()); line = ""; };
  let inside = 0;
  for (const part of parts) {
    if (part === "(" || part === "[") inside += 1;
    if (part === ")" || part === "]") inside -= 1;
    if (part === "{" && !inside) { line = `${line.trimEnd()} {`; end(); depth += 1; }
    else if (part === "}" && !inside) { end(); depth = Math.max(0, depth - 1); line = "}"; end(); if (!depth) lines.push(""); }
    else if (part === "\n" && !inside) end();
    else if (part.startsWith("#")) { line += part; end(); }
    else line += /^\s+$/.test(part) ? " " : part;
  }
  end();
  query.text = `${lines.join("\n").trim()}\n`;
  changed();
}

function openTab(name) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    at(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
}

function begin(root, field) {
  const made = draft(schema, root, field);
  const untouched = query.text === WELCOME || !query.text.trim();
  query.text = untouched ? made.text : `${query.text.trimEnd()}\n\n${made.text}`;
  if (Object.keys(made.variables).length) variables.text = `${JSON.stringify({ ...parsed(variables.text), ...made.variables }, null, 2)}\n`;
  changed();
  const operation = at("operation");
  if (!operation.hidden) operation.value = operation.options[operation.options.length - 1].value;
  query.textarea.focus();
  query.textarea.setSelectionRange(query.text.length, query.text.length);
  query.textarea.scrollTop = query.textarea.scrollHeight;
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return {}; }
}

async function ask(body) {
  const reply = await fetch("/graphql", { method: "POST", headers: headers(), body: JSON.stringify(body) });
  return reply.json();
}

const pane = new SchemaPane(at("schema-body"), at("search"), begin);
new Suggestions(query, at("suggestions"), () => schema);

async function readSchema() {
  try {
    schema = await Schema.read(ask);
    pane.show(schema);
  } catch (error) {
    pane.fail(error.message);
  }
}

at("run").addEventListener("click", run);
at("tidy").addEventListener("click", tidy);
at("toggle-schema").addEventListener("click", (event) => {
  const hidden = (at("schema").hidden = !at("schema").hidden);
  event.currentTarget.setAttribute("aria-expanded", String(!hidden));
});
for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.addEventListener("click", () => openTab(tab.id.slice(4)));
  tab.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = tab.nextElementSibling ?? tab.previousElementSibling;
    openTab(other.id.slice(4));
    other.focus();
  });
}
at("token").addEventListener("change", () => { changed(); if (!schema) readSchema(); });
at("idempotency").addEventListener("change", changed);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});

drawOperations();
readSchema();
