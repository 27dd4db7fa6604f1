// A text area with colours behind it, indentation, brackets that close, and suggestions from the schema.
import { namedType, typeText } from "./graphql-schema.js";

const GRAPHQL = /(#[^\n]*)|("""[\s\S]*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?)|(\b(?:query|mutation|fragment|on|true|false|null)\b|\.\.\.|@\w+)|(\$\w+|\w+(?=\s*:))|(-?\b\d[\d.eE+-]*)/g;
const JSON_TEXT = /(\u0000)|("(?:\\.|[^"\\])*"(?!\s*:))|(\b(?:true|false|null)\b)|("(?:\\.|[^"\\])*"(?=\s*:))|(-?\b\d[\d.eE+-]*)/g;
const COLOURS = ["c", "s", "k", "a", "n"];
const MOST_COLOURED = 200_000;

// The text as elements, so that nothing of it is ever read as HTML.
export function coloured(text, language) {
  const made = document.createDocumentFragment();
  if (text.length > MOST_COLOURED) {
    made.append(text);
    return made;
  }
  let end = 0;
  for (const match of text.matchAll(language === "json" ? JSON_TEXT : GRAPHQL)) {
    made.append(text.slice(end, match.index));
    const part = document.createElement("span");
    part.className = COLOURS[match.slice(1).findIndex((group) => group !== undefined)];
    part.textContent = match[0];
    made.append(part);
    end = match.index + match[0].length;
  }
  made.append(text.slice(end), "\n");
  return made;
}

export class Editor {
  constructor(textarea, onChange) {
    this.textarea = textarea;
    this.behind = textarea.previousElementSibling;
    this.language = textarea.closest(".editor").dataset.language;
    textarea.addEventListener("input", () => { this.draw(); onChange(); });
    textarea.addEventListener("scroll", () => this.scroll());
    textarea.addEventListener("keydown", (event) => this.key(event));
  }

  get text() { return this.textarea.value; }
  set text(value) { this.textarea.value = value; this.draw(); }

  draw() {
    this.behind.replaceChildren(coloured(this.text, this.language));
    this.scroll();
  }

  scroll() {
    this.behind.scrollTop = this.textarea.scrollTop;
    this.behind.scrollLeft = this.textarea.scrollLeft;
  }

  // Put `text` in place of what is selected; execCommand keeps the browser's undo.
  type(text, from = this.textarea.selectionStart) {
    this.textarea.setSelectionRange(from, this.textarea.selectionEnd);
    document.execCommand("insertText", false, text);
  }

  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { selectionStart: at, selectionEnd: end } = this.textarea;
    const before = this.text[at - 1], after = this.text[at];
    if (event.key === "Enter") {
      event.preventDefault();
      const line = this.text.slice(this.text.lastIndexOf("\n", at - 1) + 1, at);
      const indent = line.match(/^\s*/)[0];
      const opens = "{[(".includes(before || " ") && before;
      this.type(`\n${indent}${opens ? "  " : ""}`);
      if (opens && "}])".includes(after || " ")) {
        const here = this.textarea.selectionStart;
        this.type(`\n${indent}`);
        this.textarea.setSelectionRange(here, here);
      }
    } else if ("{[(".includes(event.key) && at === end && (!after || /[\s)}\]]/.test(after))) {
      event.preventDefault();
      this.type(event.key + { "{": "}", "[": "]", "(": ")" }[event.key]);
      this.textarea.setSelectionRange(at + 1, at + 1);
    } else if ("}])".includes(event.key) && after === event.key && at === end) {
      event.preventDefault();
      this.textarea.setSelectionRange(at + 1, at + 1);
    }
  }
}

const TOKEN = /#[^\n]*|"""[\s\S]*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?|\.\.\.|[$@]?[A-Za-z_]\w*|[{}()[\]:=!|]/g;

// What fits behind `text`: [name, type] pairs. Walks the tokens and keeps the type of each open selection.
export function suggestionsFor(schema, text) {
  const word = text.match(/[A-Za-z_]\w*$/)?.[0] ?? "";
  const tokens = text.slice(0, text.length - word.length).match(TOKEN)?.filter((token) => !/^[#"]/.test(token)) ?? [];
  const open = [];
  let next = schema.query, field = null, inArguments = 0, braces = 0, previous = "", expectsType = false;
  for (const token of tokens) {
    if (inArguments) {
      braces += { "{": 1, "}": -1 }[token] ?? 0;
      if (token === "(") inArguments += 1;
      if (token === ")") inArguments -= 1;
    } else if (token === "(") {
      inArguments = 1;
      braces = 0;
    } else if (token === "{") {
      open.push(next);
      field = null;
    } else if (token === "}") {
      next = open.pop();
      field = null;
    } else if (token === "query" && !open.length) next = schema.query;
    else if (token === "mutation" && !open.length) next = schema.mutation;
    else if (expectsType) next = token;
    else if (open.length && /^[A-Za-z_]/.test(token) && previous !== "..." && token !== "on") {
      field = schema.field(open.at(-1), token) ?? null;
      next = field ? namedType(field.type) : undefined;
    } else if (token === "...") next = open.at(-1);
    expectsType = token === "on" && (previous === "..." || !open.length);
    previous = token;
  }
  return matching(candidates(schema, { open, field, inArguments, braces, previous, expectsType }), word);
}

function candidates(schema, { open, field, inArguments, braces, previous, expectsType }) {
  if (expectsType) {
    return [...schema.types.values()].filter((type) => type.kind === "OBJECT" && !type.name.startsWith("__")).map((type) => [type.name, ""]);
  }
  if (inArguments) {
    if (!field || braces || previous === ":") return [];
    return field.args.map((argument) => [argument.name, typeText(argument.type)]);
  }
  if (!open.length) return [["query", ""], ["mutation", ""], ["fragment", ""]];
  if (previous === "...") return [["on", ""]];
  const fields = schema.fields(open.at(-1)).map((one) => [one.name, typeText(one.type)]);
  return [...fields, ["__typename", "String!"]];
}

function matching(pairs, word) {
  const wanted = word.toLowerCase();
  const found = pairs.filter(([name]) => name.toLowerCase().includes(wanted) && name !== word);
  found.sort(([one], [two]) => two.toLowerCase().startsWith(wanted) - one.toLowerCase().startsWith(wanted));
  return { word, found: found.slice(0, 40) };
}

// The list of suggestions at the caret.
export class Suggestions {
  constructor(editor, list, schemaNow) {
    Object.assign(this, { editor, list, schemaNow, chosen: 0, found: [], word: "" });
    const area = editor.textarea;
    area.addEventListener("keydown", (event) => this.key(event), true);
    area.addEventListener("input", (event) => (event.inputType === "insertText" && /[\w({]/.test(event.data ?? "") ? this.show() : this.hide()));
    area.addEventListener("blur", () => this.hide());
    area.addEventListener("scroll", () => this.hide());
    list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("li");
      if (item) this.take([...list.children].indexOf(item));
    });
  }

  show(asked = false) {
    const schema = this.schemaNow();
    const area = this.editor.textarea;
    if (!schema || area.selectionStart !== area.selectionEnd) return;
    const { word, found } = suggestionsFor(schema, area.value.slice(0, area.selectionStart));
    if (!found.length || (!asked && !word)) return this.hide();
    Object.assign(this, { word, found, chosen: 0 });
    this.list.replaceChildren(...found.map(([name, type], index) => {
      const item = document.createElement("li");
      item.id = `suggestion-${index}`;
      item.setAttribute("role", "option");
      const kind = document.createElement("span");
      kind.textContent = type;
      item.append(name, kind);
      return item;
    }));
    this.list.hidden = false;
    this.choose(0);
    this.place();
  }

  place() {
    const area = this.editor.textarea, style = getComputedStyle(area), box = area.getBoundingClientRect();
    const before = area.value.slice(0, area.selectionStart - this.word.length).split("\n");
    const measure = document.createElement("canvas").getContext("2d");
    measure.font = `${style.fontSize} ${style.fontFamily}`;
    const left = box.left + parseFloat(style.paddingLeft) + measure.measureText(before.at(-1)).width - area.scrollLeft;
    const top = box.top + parseFloat(style.paddingTop) + before.length * parseFloat(style.lineHeight) - area.scrollTop;
    this.list.style.left = `${Math.max(8, Math.min(left, innerWidth - this.list.offsetWidth - 8))}px`;
    this.list.style.top = `${Math.min(top, innerHeight - this.list.offsetHeight - 8)}px`;
  }

  hide() {
    this.list.hidden = true;
    this.editor.textarea.removeAttribute("aria-activedescendant");
  }

  choose(index) {
    this.chosen = (index + this.found.length) % this.found.length;
    [...this.list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === this.chosen)));
    this.list.children[this.chosen].scrollIntoView({ block: "nearest" });
    this.editor.textarea.setAttribute("aria-activedescendant", `suggestion-${this.chosen}`);
  }

  take(index) {
    const [name] = this.found[index];
    this.editor.type(name, this.editor.textarea.selectionStart - this.word.length);
    this.hide();
  }

  key(event) {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      return this.show(true);
    }
    if (this.list.hidden || event.ctrlKey || event.metaKey) return;
    const moves = { ArrowDown: () => this.choose(this.chosen + 1), ArrowUp: () => this.choose(this.chosen - 1), Escape: () => this.hide(), Enter: () => this.take(this.chosen), Tab: () => this.take(this.chosen) };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  }
}
