// The address of what is shown, after the #: VIEW?filters&cell=CELL@RUNTIME&at=CHECK&attempt=N.
// Whoever opens it sees the same.

const VIEWS = [...document.querySelectorAll(".views a")].map((link) => link.hash.slice(1));
const LISTS = [...Object.keys(AXES), "verdict", "outcome"];
const WORDS = ["check", "words", "sort"];
// A part of the results by its number: one finding, or what an entry of the policy is about.
const PARTS = ["finding", "entry"];
const CLOSED = { cell: "", at: "", attempt: "" };
const OPEN = Object.keys(CLOSED);

function readAddress(hash = location.hash) {
  const [view, query = ""] = splitOnce(hash.replace(/^#/, ""), "?");
  const members = new URLSearchParams(query);
  const address = { view: VIEWS.includes(view) ? view : "overview" };
  for (const name of LISTS) address[name] = members.getAll(name);
  for (const name of [...WORDS, ...PARTS, ...OPEN]) address[name] = members.get(name) ?? "";
  address.page = Math.max(1, Number.parseInt(members.get("page"), 10) || 1);
  return address;
}

function writeAddress(address) {
  const members = new URLSearchParams();
  for (const name of LISTS) for (const value of address[name]) members.append(name, value);
  for (const name of [...WORDS, ...PARTS, ...OPEN]) if (address[name]) members.set(name, address[name]);
  if (address.page > 1) members.set("page", address.page);
  const query = members.toString();
  return `#${address.view}${query && "?"}${query}`;
}

// Gives the address that differs from another in some members.
function addressWith(address, changes) {
  return writeAddress({ ...address, ...changes });
}

// Gives the members that open a record in its cell.
function opening({ cell, check, attempt }) {
  return { cell: cell.key, at: check.id, attempt: attempt > 1 ? String(attempt) : "" };
}

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

function isFiltered(address) {
  return LISTS.some((name) => address[name].length) || ["check", "words", ...PARTS].some((name) => address[name]);
}
