// The results of this page: unpacked once, then columns of numbers.

async function unpacked(element) {
  const packed = atob(element.textContent);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at++) bytes[at] = packed.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Store(JSON.parse(await new Response(stream).text()));
}

class Store {
  constructor(data) {
    Object.assign(this, data);
    this.records = {};
    for (const name in data.records) this.records[name] = Uint32Array.from(data.records[name]);
    this.size = this.records.cell.length;
    this.cells.forEach((cell, number) => {
      cell.number = number;
      cell.key = `${cell.id}@${cell.runtime}`;
    });
    this.cellOf = new Map(this.cells.map((cell) => [cell.key, cell]));
    // For each axis, the number of each cell's point on it.
    this.points = Object.fromEntries(
      Object.keys(AXES).map((axis) => [axis, this.cells.map((cell) => this.axes[axis].indexOf(cell[axis]))]),
    );
    this.orders = new Map();
    this.loweredTexts = null;
  }

  // Gives one record with its numbers resolved.
  record(at) {
    const { records, texts } = this;
    const values = COLUMNS.map(({ name, of }) => [name, of ? this[of][records[name][at]] : records[name][at]]);
    const record = { at, cell: this.cells[records.cell[at]], ...Object.fromEntries(values) };
    return {
      ...record,
      outcomes: this.outcomes.filter((_, bit) => record.outcomes & (1 << bit)),
      seconds: record.ticks / this.ticks,
      exchanges: record.exchanges.map((each) => this.exchanges[each].map((text) => texts[text])),
    };
  }

  // Gives the numbers of a cell's records, which are together.
  recordsOf(cell) {
    const found = [];
    for (let at = 0; at < this.size; at++) if (this.records.cell[at] === cell.number) found.push(at);
    return found;
  }

  // Gives all record numbers in an order that is made once.
  order(name) {
    if (!this.orders.has(name)) this.orders.set(name, this.#ordered(name));
    return this.orders.get(name);
  }

  #ordered(name) {
    const { cell, check, state, ticks } = this.records;
    const kserve = this.points.kserve;
    const rank = this.#checkRanks();
    const keys = {
      "": (at) => state[at],
      check: (at) => rank[check[at]],
      kserve: (at) => kserve[cell[at]],
      seconds: (at) => -ticks[at],
    };
    const key = Float64Array.from({ length: this.size }, (_, at) => (keys[name] ?? keys[""])(at));
    return Uint32Array.from({ length: this.size }, (_, at) => at).sort(
      (one, other) => key[one] - key[other] || one - other,
    );
  }

  // Gives each check its place among their names.
  #checkRanks() {
    const names = this.checks.map(({ id }) => id);
    const sorted = [...names].sort((one, other) => one.localeCompare(other, "en"));
    return names.map((name) => sorted.indexOf(name));
  }

  // Marks the records that hold words in a message, a value, an exchange or a log.
  holding(words) {
    this.loweredTexts ??= this.texts.map((text) => text.toLowerCase());
    const wanted = words.toLowerCase();
    const text = this.loweredTexts.map((each) => each.includes(wanted));
    const exchange = this.exchanges.map(([asked, said]) => text[asked] || text[said]);
    const conversation = this.conversations.map((exchanges) => exchanges.some((each) => exchange[each]));
    const said = COLUMNS.filter(({ of }) => of === "texts").map(({ name }) => this.records[name]);
    const { exchanges } = this.records;
    return Uint8Array.from(
      { length: this.size },
      (_, at) => said.some((column) => text[column[at]]) || conversation[exchanges[at]],
    );
  }
}
