// The open cell: its checks on one side, one of them in full on the other.

// The axes of the overview, which lead here.
const GRID = ["kserve", "protocol"];

class CellDialog {
  constructor(store, go) {
    this.store = store;
    this.go = go;
    this.dialog = byId("cell");
    this.shown = null;
    this.dialog.addEventListener("close", () => {
      if (this.shown) go(CLOSED);
      this.shown = null;
    });
    // A click on the backdrop is one on the dialog itself, not on what is in it.
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  show(address) {
    const cell = this.store.cellOf.get(address.cell);
    const isOther = this.shown !== cell;
    this.shown = cell ?? null;
    if (!cell) {
      this.dialog.close();
      return;
    }
    const records = this.#sorted(cell);
    if (isOther) this.#fill(cell, records, address);
    this.#select(records.find((each) => this.#isAt(each, address)) ?? records[0], address);
  }

  // Lists a cell's records, what is not as expected first.
  #sorted(cell) {
    const { state } = this.store.records;
    return this.store.recordsOf(cell).sort((one, other) => state[one] - state[other] || one - other);
  }

  #isAt(record, { at, attempt }) {
    const { check, attempt: attempts } = this.store.records;
    return this.store.checks[check[record]].id === at && attempts[record] === Number(attempt || 1);
  }

  #fill(cell, records, address) {
    const close = make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => this.dialog.close() }, "\u00d7");
    const title = make("h2", { id: "cell-title", tabindex: "-1" }, GRID.map((name) => `${AXES[name].title} ${cell[name]}`).join(", "));
    this.list = new CheckList(this.store, records, address, (at, how) => this.#choose(at, how));
    this.siblings = this.#siblings(cell);
    this.dialog.replaceChildren(
      make(
        "header",
        {},
        make("div", { class: "bar" }, title, close),
        make("nav", { class: "siblings", "aria-label": "Cells of this release and value" }, [...this.siblings.values()]),
        make("p", { class: "facts" }, this.#facts(cell, records)),
      ),
      this.list.element,
      make("article", { class: "detail", "aria-labelledby": "detail-title" }),
    );
    if (!this.dialog.open) this.dialog.showModal();
    title.focus();
  }

  #facts(cell, records) {
    const counts = new Map();
    for (const at of records) counts.set(this.store.records.state[at], (counts.get(this.store.records.state[at]) ?? 0) + 1);
    const told = [...counts].map(([state, count]) => [mark(this.store.states[state]), ` ${count} ${this.store.states[state][2]} `]);
    return [make("span", {}, told), make("span", {}, make("code", {}, cell.id))];
  }

  // Gives links to the cells of the same release and value: other envelopes, the other backend.
  #siblings(cell) {
    const all = this.store.cells.filter((each) => GRID.every((name) => each[name] === cell[name]));
    const others = Object.keys(AXES).filter((name) => !GRID.includes(name));
    return new Map(
      all.map((each) => {
        const current = each === cell ? "true" : null;
        return [each, make("a", { "aria-current": current }, others.map((name) => inWords(name, each[name])).join(", "))];
      }),
    );
  }

  #select(at, address) {
    this.list.mark(at);
    for (const [cell, link] of this.siblings) link.setAttribute("href", addressWith(address, { cell: cell.key }));
    const detail = this.dialog.querySelector(".detail");
    detail.replaceChildren(...checkDetail(this.store.record(at)).flat(Infinity).filter(Boolean));
    detail.scrollTop = 0;
  }

  #choose(at, how) {
    this.go(opening(this.store.record(at)), how);
  }
}

// As a sentence names a point: words need no title.
function inWords(axis, point) {
  return AXES[axis].ofReleases ? `${AXES[axis].title} ${point}` : point;
}
