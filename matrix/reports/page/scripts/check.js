// One check of a cell: what it proves, what was sent, what was expected, what was said meanwhile.

const SHELL_LINE = /^(curl|grpcurl|printf) /;

function checkDetail(record) {
  return [
    make("h3", { id: "detail-title", tabindex: "-1" }, mark(record.state), " ", record.check.id),
    statement(record.check),
    make("p", { class: "judged" }, judged(record)),
    record.message && make("p", { class: "message" }, make("bdi", {}, record.message)),
    compared(record),
    record.exchanges.length > 0 && exchanges(record.exchanges),
    COLUMNS.filter(({ title }) => title).map(({ name, title, copied }) => log(title, record[name], copied)),
    nothing(record),
    cause(record),
    replay(record),
  ];
}

function statement({ statement: sentence, level, source, address }) {
  if (!sentence) return null;
  const from = address?.startsWith("https://") ? make("a", { href: address, rel: "noreferrer" }, source) : source;
  return make("blockquote", {}, level && make("strong", { class: "level" }, level), " ", sentence, make("footer", {}, from));
}

function judged(record) {
  const verdict =
    record.verdict === record.expectedVerdict
      ? `${record.verdict}, as expected`
      : `${record.verdict}, where ${record.expectedVerdict} was expected`;
  const more = record.outcomes.map(([name, shown]) => (/^(known|differs)/.test(name) ? `, ${shown}` : ""));
  const departure = record.verdict === "failed" && record.check.departure ? `, ${record.check.departure}` : "";
  const took = record.verdict === "missing" ? "" : `, in ${duration(record.seconds)}`;
  const facts = COLUMNS.filter(({ name, fact, usual }) => fact && record[name] !== usual);
  return [verdict, departure, more, facts.map(({ name, fact }) => `, ${fact} ${record[name]}`), took];
}

function compared(record) {
  if (!record.expected && !record.observed) return null;
  return make(
    "div",
    { class: "sides" },
    block("Expected", record.expected || "nothing", "what was expected"),
    block("Observed", record.observed || "nothing", "what was observed"),
  );
}

function exchanges(all) {
  const items = runsOf(all).map(([[request, response], times]) => {
    const isLine = SHELL_LINE.test(request);
    return make(
      "li",
      {},
      times > 1 && make("p", { class: "note" }, `${times} times, one after the other:`),
      block(isLine ? "Sent, as a line for a shell" : "Sent", request, isLine ? "the line" : "the request"),
      block("Answered", response, "the answer"),
    );
  });
  return [make("h4", {}, `Exchanges (${all.length})`), make("ol", { class: "exchanges" }, items)];
}

// Joins exchanges that are the same and follow one another, as [exchange, times].
function runsOf(all) {
  const runs = [];
  for (const each of all) {
    const last = runs.at(-1);
    if (last && last[0][0] === each[0] && last[0][1] === each[1]) last[1]++;
    else runs.push([each, 1]);
  }
  return runs;
}

function log(title, text, what) {
  if (!text) return null;
  const lines = text.trimEnd().split("\n").length;
  return block(`${title} (${counted(lines, "line")})`, text, what);
}

function nothing(record) {
  if (record.exchanges.length || record.wrapperLog || record.torchserveLog) return null;
  const why =
    record.verdict === "missing"
      ? "It was planned, and the run ended before it was made."
      : "No exchange was kept of it: evidence is kept for the matrix's own checks, and for statements that do not hold.";
  return make("p", { class: "note" }, why);
}

function cause({ check, state }) {
  if (!check.cause || state[0] !== "failed") return null;
  return make("p", { class: "note" }, "Where servers depart from it, the cause usually is: ", check.cause);
}

function replay(record) {
  const line = `python -m matrix replay ${quoted(record.cell.id)} --results FILE --check ${quoted(record.check.id)}`;
  return [
    make("h4", {}, "Replay"),
    block("On a checkout of the same commit", line, "the command"),
    make(
      "p",
      { class: "note" },
      "FILE is the results.jsonl of run ",
      make("code", {}, record.cell.run),
      record.cell.python && [", whose interpreter of this release was ", make("code", {}, record.cell.python)],
    ),
  ];
}
