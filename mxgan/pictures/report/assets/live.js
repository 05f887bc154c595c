// Pages that follow a run while it trains: they ask the server again and again, and show what is new.
"use strict";

mxgan.add("live", (() => {
  const LONGEST = 60; // seconds between two questions
  const KEYS = "header.head, .problems, section";

  // Ask `address` from now on; `show` gets each new answer. `tell` gets words for the reader, "" when all is well.
  function watch(address, etag, show, tell) {
    const state = { etag, failures: 0, wait: 2, timer: null, asking: false };

    async function ask() {
      clearTimeout(state.timer);
      if (state.asking) return;
      state.asking = true;
      try {
        const value = await answer();
        if (value) show(value);
      } finally { // an error of `show` goes to the console, and does not end the watching
        state.asking = false;
        state.timer = setTimeout(ask, 1000 * pause());
      }
    }

    // The new answer; null if there is none, because nothing has changed or the server gives none.
    async function answer() {
      let found, text;
      try {
        found = await fetch(address, {
          cache: "no-store", credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(30000),
          headers: state.etag ? { "If-None-Match": state.etag } : {},
        });
        text = await found.text(); // read also where it is empty: an answer that is not read ends as an error
      } catch {
        return failed("The server does not answer.");
      }
      if (found.status === 401) return failed("The server asks for its token. Open the address that it has printed.");
      if (found.status !== 304 && !found.ok) return failed(reason(text));
      state.failures = 0;
      state.wait = Number(found.headers.get("X-Ask-Again")) || 2;
      tell("");
      if (found.status === 304) return null;
      state.etag = found.headers.get("ETag");
      return JSON.parse(text);
    }

    function reason(text) {
      try {
        return JSON.parse(text).error;
      } catch {
        return "The server has too much to do.";
      }
    }

    function failed(text) {
      state.failures += 1;
      tell(`${text} What this page shows may be old; it goes on by itself when there is an answer.`);
      return null;
    }

    // Longer after each failure, and while nobody sees the page.
    function pause() {
      const wait = state.wait * 2 ** Math.min(state.failures, 5) * (document.hidden ? 8 : 1);
      return Math.min(wait, LONGEST) * (0.9 + 0.2 * Math.random());
    }

    document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
    state.timer = setTimeout(ask, 1000 * pause());
    return { ask, state };
  }

  // The status line of the page.
  function teller(box) {
    const pulse = box.querySelector("[data-pulse]");
    const told = box.querySelector("[data-told]");
    return (text) => {
      pulse.textContent = text ? "not live" : "live";
      pulse.classList.toggle("away", Boolean(text));
      if (told.textContent !== text) told.textContent = text; // said once by a screen reader
    };
  }

  // Sections of the page by their names, as the server made them.
  const name = (element) => element.getAttribute("aria-labelledby") ?? element.className;
  const sections = (root) => new Map([...root.querySelectorAll(KEYS)].map((element) => [name(element), element]));
  const waiting = new Map(); // new sections that are not put in yet, because the reader is in the old ones
  const original = new Map([...sections(document)].map(([key, element]) => [key, element.outerHTML]));

  // Put in the sections of a new version that differ from the last one. The text was escaped by the server, like the
  // page itself; a document made by DOMParser runs nothing.
  function replaceSections(html) {
    const fresh = sections(new DOMParser().parseFromString(html, "text/html"));
    const there = sections(document);
    let before = null;
    waiting.clear();
    for (const [key, element] of fresh) {
      const old = there.get(key);
      if (old) putIn(key, old, element);
      else if (before) {
        original.set(key, element.outerHTML);
        before.after(element);
      }
      before = sections(document).get(key) ?? before;
    }
    for (const [key, old] of there) if (!fresh.has(key)) old.remove();
    mxgan.actions.start();
  }

  // Put in a section if it has changed; while the reader is in the old one, it waits.
  function putIn(key, old, fresh) {
    const text = fresh.outerHTML;
    if (text === original.get(key)) return;
    if (replace(old, fresh)) original.set(key, text);
    else waiting.set(key, fresh);
  }

  // Put in the sections that wait, where the reader has left.
  function putInWaiting() {
    const there = sections(document);
    const all = [...waiting];
    waiting.clear();
    for (const [key, fresh] of all) if (there.has(key)) putIn(key, there.get(key), fresh);
    if (waiting.size < all.length) mxgan.actions?.start();
  }

  // The reader goes on by a selection or by the focus; at `focusout` the new place does not have the focus yet.
  function followReader() {
    for (const event of ["selectionchange", "focusout"]) {
      document.addEventListener(event, () => { if (waiting.size) setTimeout(putInWaiting); });
    }
  }

  // The new element instead of the old one; false while the reader is in it. What scripts have made inside stays.
  function replace(old, fresh) {
    if (isInUse(old)) return false;
    if (old.querySelector("[data-charts], [data-slider]")) {
      for (const part of ["[data-marks]", ":scope > details"]) swap(old.querySelector(part), fresh.querySelector(part), old);
    } else swap(old, fresh);
    return true;
  }

  function swap(old, fresh, parent) {
    if (!fresh) return;
    if (!old) {
      parent?.append(fresh);
      return;
    }
    const open = [...old.parentNode.querySelectorAll("details")].filter((each) => old.contains(each)).map((each) => each.open);
    const scrolled = [...old.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    old.replaceWith(fresh);
    const details = fresh.matches("details") ? [fresh] : [...fresh.querySelectorAll("details")];
    details.forEach((each, index) => { each.open = open[index] ?? each.open; });
    fresh.querySelectorAll(".scroll").forEach((each, index) => { each.scrollLeft = scrolled[index] ?? 0; });
  }

  function isInUse(element) {
    const chosen = getSelection();
    const inCharts = document.activeElement.closest(".charts, .tools, .player");
    return (element.contains(document.activeElement) && !inCharts) || (!chosen.isCollapsed && chosen.containsNode(element, true));
  }

  function start() {
    const box = document.querySelector('[data-live="run"]');
    if (!box) return;
    const tell = teller(box);
    tell("");
    followReader();
    part.run = watch(box.dataset.address, box.dataset.etag, (view) => {
      mxgan.charts.update(view);
      mxgan.slider?.update(view);
      replaceSections(view.sections);
    }, tell);
  }

  const part = { start, watch, teller };
  return part;
})());
