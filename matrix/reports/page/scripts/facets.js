// The boxes to tick: one group for each axis that has more than one point, and for the verdicts.

class Facets {
  constructor(store, place, changed) {
    this.groups = new Map();
    for (const { name, title } of FILTERS) {
      const points = pointsOf(store, name);
      if (points.length < 2) continue;
      const boxes = points.map((point) => facetBox(name, point, changed));
      this.groups.set(name, boxes);
      place.append(make("fieldset", { class: `facet-${name}` }, make("legend", {}, title), boxes.map((box) => box.label)));
    }
  }

  show(address, counts) {
    for (const [name, boxes] of this.groups) {
      boxes.forEach((box, at) => {
        box.input.checked = address[name].includes(box.input.value);
        box.count.textContent = counts[name][at].toLocaleString("en");
        box.label.classList.toggle("none", counts[name][at] === 0 && !box.input.checked);
      });
    }
  }

  // Gives the points that are ticked, by group.
  ticked() {
    const values = (boxes) => boxes.filter(({ input }) => input.checked).map(({ input }) => input.value);
    return Object.fromEntries(Array.from(this.groups, ([name, boxes]) => [name, values(boxes)]));
  }
}

function facetBox(name, [value, shown], changed) {
  const input = make("input", { type: "checkbox", name, onchange: changed });
  // As a property: an attribute would have hidden signs made visible.
  input.value = value;
  const count = make("small", {});
  return { input, count, label: make("label", {}, input, make("span", {}, shown), count) };
}
