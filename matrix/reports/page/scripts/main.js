// Starts the page: the address says what is shown, and whatever is done changes the address.

function showView(view) {
  for (const section of document.querySelectorAll("main > .view")) {
    section.classList.toggle("aside", section.id !== view);
  }
  for (const link of document.querySelectorAll(".views a")) {
    if (link.hash === `#${view}`) {
      link.setAttribute("aria-current", "page");
      scrollSideways(link.closest(".views"), link);
    } else link.removeAttribute("aria-current");
  }
}

function start(store) {
  const go = (changes, { replace = true } = {}) => {
    if (goTo(addressWith(readAddress(), changes), replace)) show();
  };
  const results = new Results(store, go);
  const dialog = new CellDialog(store, go);
  const place = new Place();
  let listed = null;

  function show() {
    const address = readAddress();
    place.leave(address);
    showView(address.view);
    // The list stays as it is behind an open cell, with the focus that was in it.
    const list = { ...address, ...CLOSED };
    if (address.view === "results" && writeAddress(list) !== listed) {
      results.show(list);
      listed = writeAddress(list);
    }
    dialog.show(address);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link || event.defaultPrevented || isForAnotherTab(event)) return;
    event.preventDefault();
    if (!goTo(link.hash)) return;
    show();
    place.arrive();
  });
  // Before the browser scrolls to where one was, for which what was there has to be there again;
  // `hashchange` can come after that.
  addEventListener("popstate", () => {
    show();
    place.comeBack();
  });
  byId("loading").remove();
  byId("explorer").hidden = false;
  show();
  // Before the first search, while nobody waits.
  setTimeout(() => store.holding("\0"), 500);
}

// Makes an address that of the page, and tells whether it is another.
function goTo(hash, replace = false) {
  if (hash === location.hash) return false;
  history[replace ? "replaceState" : "pushState"](null, "", hash);
  return true;
}

function fail(error) {
  const said = make("p", { class: "banner", role: "alert" }, `This page's evidence could not be unpacked: ${error}`);
  (byId("loading") ?? document.querySelector("main")).replaceWith(said);
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
for (const box of document.querySelectorAll(".views, .scroll")) watchEdges(box);
showView(readAddress().view);
document.documentElement.classList.add("scripted");
byId("loading").hidden = false;
unpacked(byId("data")).then(start).catch(fail);
