// The view of all results: filters, their count, and a page of the list.

const PAGE = 100;
const PART_NAMES = { finding: "finding", entry: "entry of the policy" };
// What the list shows of a record where that isn't its cell's point on an axis.
const CONTENTS = {
  outcome: (record) => mark(record.state, record.verdict),
  check: (record, address) => checkLink(record, address),
  message: (record) => make("span", { class: "clipped" }, firstLine(record.message)),
  took: (record) => (record.verdict === "missing" ? "" : duration(record.seconds)),
};

class Results {
  constructor(store, go) {
    this.store = store;
    this.facets = new Facets(store, byId("facets"), () => go(this.#changes()));
    // An axis of one point tells nothing apart.
    this.columns = LIST_COLUMNS.filter(({ name }) => !(name in AXES) || store.axes[name].length > 1);
    byId("list").tHead.append(make("tr", {}, this.columns.map(columnHead)));
    for (const name of WORDS) byId(name).addEventListener("input", () => go(this.#changes()));
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("clear").addEventListener("click", () => {
      go({ ...readAddress("#results"), sort: byId("sort").value });
      byId("check").focus();
    });
    this.#foldFacets();
  }

  // Where there is little room the lists are folded; where there is much, nothing unfolds them.
  #foldFacets() {
    const narrow = matchMedia(NARROW);
    if (narrow.matches) byId("facets").open = false;
    narrow.addEventListener("change", () => {
      if (!narrow.matches) byId("facets").open = true;
    });
  }

  // Gives what the form says. A list that has no boxes stays as the address has it.
  #changes() {
    const words = Object.fromEntries(WORDS.map((name) => [name, byId(name).value]));
    return { ...this.facets.ticked(), ...words, page: 1 };
  }

  show(address) {
    for (const name of WORDS) {
      if (byId(name).value !== address[name]) byId(name).value = address[name];
    }
    const { records, counts, cells } = this.#found(address);
    this.facets.show(address, counts);
    const parts = PARTS.filter((name) => address[name]).map((name) => part(this.store, name, address));
    byId("part").hidden = !parts.length;
    byId("part").replaceChildren(...parts.flat());
    byId("clear").hidden = !isFiltered(address);
    byId("count").textContent = records.length
      ? `${records.length.toLocaleString("en")} of ${counted(this.store.size, "check")}, in ${counted(cells, "cell")}`
      : "No check meets these filters";
    const pages = Math.max(1, Math.ceil(records.length / PAGE));
    const page = Math.min(address.page, pages);
    this.#list(records.subarray((page - 1) * PAGE, page * PAGE), address);
    byId("pages").replaceChildren(...(pages > 1 ? pageLinks(page, pages, address) : []));
  }

  // Finds again only where something else than the page is asked for.
  #found(address) {
    const asked = writeAddress({ ...address, page: 1 });
    if (asked !== this.asked) this.last = found(this.store, address);
    this.asked = asked;
    return this.last;
  }

  #list(records, address) {
    const rows = Array.from(records, (at) => {
      const record = this.store.record(at);
      const cells = this.columns.map(({ name }) =>
        make("td", { class: `column-${name}${name in AXES ? " of-axis" : ""}` }, CONTENTS[name]?.(record, address) ?? record.cell[name]),
      );
      return make("tr", {}, cells);
    });
    byId("list").tBodies[0].replaceChildren(...rows);
  }
}

// Says which part of the results is shown only, with a link that shows all again.
function part(store, name, address) {
  const title = store[name][address[name] - 1] ?? "these results have none of this number";
  const href = addressWith(address, { [name]: "", page: 1 });
  return [make("span", {}, `Only ${PART_NAMES[name]} ${address[name]}: ${title}`), make("a", { href }, "show all")];
}

function columnHead({ name, title, full }) {
  return make("th", { scope: "col", class: `column-${name}`, title: full, "aria-label": full }, title);
}

function checkLink(record, address) {
  const opened = opening(record);
  const link = make("a", { href: addressWith(address, opened) }, record.check.id);
  return [link, opened.attempt && ` attempt ${opened.attempt}`];
}

function firstLine(text) {
  return splitOnce(text.trimStart(), "\n")[0].slice(0, 300);
}

function pageLinks(page, pages, address) {
  const link = (to, name) =>
    to < 1 || to > pages || to === page
      ? make("span", { class: "off" }, name)
      : make("a", { href: addressWith(address, { page: to }) }, name);
  return [link(1, "First"), link(page - 1, "Previous"), make("span", {}, `page ${page} of ${pages}`), link(page + 1, "Next"), link(pages, "Last")];
}
