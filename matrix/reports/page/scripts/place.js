// Where the reader is: what has the focus, and how far down it is, when other content comes.

// As the styles have it.
const NARROW = "(max-width: 60rem)";

class Place {
  #address = readAddress();
  // What had the focus in each view when it was left.
  #left = new Map();
  #moved = null;

  // Takes note of what is about to be shown.
  leave(address) {
    const before = this.#address;
    this.#address = address;
    this.#moved = null;
    if (address.cell) return;
    if (address.view !== before.view) {
      this.#left.set(before.view, document.activeElement);
      this.#moved = byId(`${address.view}-title`);
    } else if (address.page !== before.page) this.#moved = byId("count");
  }

  // Goes to the start of what a link has brought.
  arrive() {
    if (!this.#moved) return;
    focusAt(this.#moved);
    scrollTo(0, this.#moved.id === "count" ? scrollY + this.#moved.getBoundingClientRect().top - 16 : 0);
  }

  // Goes back to what had the focus. How far down it was, the browser knows.
  comeBack() {
    if (!this.#moved) return;
    const before = this.#left.get(this.#address.view);
    focusAt(before?.checkVisibility?.() && before !== document.body ? before : this.#moved);
  }
}

// Gives the focus to something, also where it can't be reached by Tab, without scrolling.
function focusAt(element) {
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

function isForAnotherTab(event) {
  return event.button !== 0 || hasModifier(event);
}

function hasModifier(event) {
  return event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
}

function isNarrow() {
  return matchMedia(NARROW).matches;
}
