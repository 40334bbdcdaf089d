// The checks of the open cell: one stop of the Tab key, gone through by the arrow keys.

class CheckList {
  // Lists records in an order. What is chosen goes to choose(record, { replace }).
  constructor(store, records, address, choose) {
    this.links = records.map((at) => checkItem(store.record(at), address));
    this.choose = choose;
    this.element = make(
      "nav",
      { class: "checks", "aria-label": "Checks of this cell" },
      make("ul", {}, this.links.map((link) => make("li", {}, link))),
    );
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.element.addEventListener("click", (event) => this.#click(event));
  }

  mark(at) {
    for (const link of this.links) {
      const isIt = recordOf(link) === at;
      if (isIt) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      link.tabIndex = isIt ? 0 : -1;
      if (isIt) this.#reveal(link);
    }
  }

  // Scrolls the list alone, not what is around it.
  #reveal(link) {
    const { top, bottom } = link.getBoundingClientRect();
    const box = this.element.getBoundingClientRect();
    if (top < box.top) this.element.scrollTop += top - box.top;
    else if (bottom > box.bottom) this.element.scrollTop += bottom - box.bottom;
  }

  #press(event) {
    const at = this.links.indexOf(event.target);
    if (at < 0 || hasModifier(event)) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.links.length - 1 }[event.key];
    if (to === undefined && event.key !== " ") return;
    event.preventDefault();
    if (event.key === " ") event.target.click();
    else if (this.links[to]) this.#step(this.links[to]);
  }

  #step(link) {
    link.focus({ preventScroll: true });
    this.choose(recordOf(link), { replace: true });
  }

  // A choice that isn't made with a pointer, or whose detail may be out of sight, goes to the detail.
  #click(event) {
    const link = event.target.closest("a");
    if (!link || isForAnotherTab(event)) return;
    event.preventDefault();
    this.choose(recordOf(link), { replace: false });
    if (event.detail === 0 || isNarrow()) byId("detail-title").focus();
    else link.focus();
  }
}

function checkItem(record, address) {
  const { at, check, attempt, state } = record;
  const href = addressWith(address, opening(record));
  return make("a", { href, "data-record": at }, mark(state), " ", check.id, attempt > 1 && ` (${attempt})`);
}

function recordOf(link) {
  return Number(link.dataset.record);
}
