// Makes elements. All text goes in as text, never as HTML: evidence is written by strangers.

// Signs that would hide, reorder or break text, as kserve_conformance/text/visible.py has them.
const HIDDEN =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

// Makes an element with attributes, properties (on...) and children: nodes, or texts.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, visible(String(value)));
  }
  for (const child of children.flat(Infinity)) {
    if (child == null || child === false || child === "") continue;
    element.append(child instanceof Node ? child : visible(String(child)));
  }
  return element;
}

function visible(text) {
  return text.replace(HIDDEN, (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));
}

function byId(id) {
  return document.getElementById(id);
}

// A state as its letter, in its colour, with its word beside it where one is given.
function mark([state, letter], word = "") {
  return [make("span", { class: `mark ${state}` }, letter), word && ` ${word}`];
}

function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

// Tells seconds as matrix/reports/timings.py does.
function duration(seconds) {
  if (seconds < 0.1) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Gives text in a box that keeps its lines, with a button that copies it as it was sent.
function block(title, text, what) {
  return make(
    "figure",
    { class: "block" },
    make("figcaption", {}, title, copyButton(text, what)),
    // With a tab stop, so that keys can scroll it.
    make("pre", { tabindex: "0" }, make("bdi", {}, text)),
  );
}

function copyButton(text, what) {
  const button = make("button", { type: "button", class: "copy" }, "Copy");
  button.setAttribute("aria-label", `Copy ${what}`);
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text)) ? "Copied" : "Select and copy by hand";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not every browser lets a file have the clipboard.
    return copiedBySelection(text);
  }
}

function copiedBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  const host = document.querySelector("dialog[open]") ?? document.body;
  host.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

// Quotes a word for a POSIX shell where it needs it.
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
