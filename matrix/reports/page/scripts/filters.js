// Which records meet the filters, and how many would with one more box ticked.

// Gives the records in the order asked for, and the counts of each point of each list.
// A list's own counts leave the list itself aside, so that they say what ticking a box would add.
function found(store, address) {
  const tests = testsOf(store, address);
  const counts = Object.fromEntries(LISTS.map((name) => [name, new Uint32Array(pointsOf(store, name).length)]));
  const order = store.order(address.sort);
  const meeting = new Uint32Array(store.size);
  const seenCells = new Uint8Array(store.cells.length);
  let size = 0;
  for (const at of order) {
    const missed = missedBy(tests, at);
    if (missed === MANY) continue;
    if (missed === NONE) {
      meeting[size++] = at;
      seenCells[store.records.cell[at]] = 1;
      for (const name of LISTS) count(store, counts, name, at);
    } else if (tests[missed].name in counts) count(store, counts, tests[missed].name, at);
  }
  return { records: meeting.subarray(0, size), counts, cells: seenCells.reduce((sum, each) => sum + each, 0) };
}

const NONE = -1;
const MANY = -2;

// Tells which single test a record fails: none, the number of the test, or many.
function missedBy(tests, at) {
  let missed = NONE;
  for (let test = 0; test < tests.length; test++) {
    if (tests[test].meets(at)) continue;
    if (missed !== NONE) return MANY;
    missed = test;
  }
  return missed;
}

function count(store, counts, name, at) {
  const { cell, verdict, outcomes } = store.records;
  if (name === "verdict") counts.verdict[verdict[at]]++;
  else if (name === "outcome") {
    for (let bit = 0; bit < counts.outcome.length; bit++) {
      if (outcomes[at] & (1 << bit)) counts.outcome[bit]++;
    }
  } else counts[name][store.points[name][cell[at]]]++;
}

// Lists the points that a filter offers, each as [value, what is shown].
function pointsOf(store, name) {
  if (name === "outcome") return store.outcomes;
  return (name === "verdict" ? store.verdicts : store.axes[name]).map((point) => [point, point]);
}

function testsOf(store, address) {
  const { cell, check, verdict, outcomes, finding, about } = store.records;
  const tests = [];
  const add = (name, meets) => tests.push({ name, meets });
  // What is wanted of a list, told for each thing that the column has the number of.
  const addMarked = (name, column, wanted) => add(name, (at) => wanted[column[at]]);
  if (address.finding) add("finding", (at) => finding[at] === Number(address.finding));
  if (address.entry) addMarked("entry", about, store.about.map((entries) => entries.includes(Number(address.entry))));
  for (const axis of Object.keys(AXES)) {
    const points = address[axis];
    if (points.length) addMarked(axis, cell, store.cells.map((each) => points.includes(each[axis])));
  }
  if (address.verdict.length) addMarked("verdict", verdict, store.verdicts.map((each) => address.verdict.includes(each)));
  if (address.outcome.length) {
    const mask = store.outcomes.reduce((sum, [name], bit) => sum | (address.outcome.includes(name) << bit), 0);
    add("outcome", (at) => (outcomes[at] & mask) !== 0);
  }
  if (address.check.trim()) addMarked("check", check, checksNamed(store, address.check));
  if (address.words) {
    const wanted = store.holding(address.words);
    add("words", (at) => wanted[at]);
  }
  return tests;
}

// Marks the checks that a search means: ids and patterns, else words that are all in the statement.
function checksNamed(store, search) {
  const words = search.trim().split(/[\s,]+/);
  const ids = new Set(store.checks.map((each) => each.id));
  if (words.some((word) => ids.has(word) || /[*?]/.test(word))) {
    const meets = words.map((word) => matcher(word, ids));
    return store.checks.map(({ id }) => meets.some((matches) => matches(id)));
  }
  const wanted = words.map((word) => word.toLowerCase());
  return store.checks.map(({ id, statement = "" }) => {
    const text = `${id} ${statement}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

function matcher(word, ids) {
  if (ids.has(word)) return (id) => id === word;
  if (!/[*?]/.test(word)) return (id) => id.toLowerCase().includes(word.toLowerCase());
  const escaped = word.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const pattern = new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "i");
  return (id) => pattern.test(id);
}
