// The list of runs: one row for each, sorted and filtered, with ticks for a comparison.
"use strict";

mxgan.add("list", (() => {
  const { element, number } = mxgan;
  const MOST = 12; // runs in one comparison
  const SORTS = {
    newest: ["Newest", (a, b) => (b.changed ?? 0) - (a.changed ?? 0)],
    name: ["Name", (a, b) => a.id.localeCompare(b.id, "en", { numeric: true })],
    progress: ["Progress", (a, b) => share(b) - share(a)],
    score: ["Score", byScore],
    size: ["Size on disk", (a, b) => b.size_bytes - a.size_bytes],
  };
  const rows = new Map(); // address of the run → {item, …, text}
  const ticked = new Set();
  let runs = [];
  let box, form, list;

  function share(run) {
    return run.last_step ? run.step / run.last_step : 0;
  }

  // Runs with the same metric stand together, the best one first; runs without a score come last.
  function byScore(a, b) {
    if (!a.best || !b.best) return Boolean(b.best) - Boolean(a.best);
    if (a.best.metric !== b.best.metric) return a.best.metric.localeCompare(b.best.metric);
    return a.best.better === "max" ? b.best.value - a.best.value : a.best.value - b.best.value;
  }

  function row(run) {
    const target = `run/${run.address}/`;
    const tick = element("input", { type: "checkbox", "aria-label": `Compare ${run.id}`, onchange: () => choose(run.address, tick.checked) });
    const picture = element("img", { alt: "", width: "72", height: "72", loading: "lazy", decoding: "async" });
    const state = element("span");
    const progress = element("progress", { max: "1", "aria-label": `Progress of ${run.id}` });
    const parts = {
      tick, picture, state, progress,
      frame: element("span", { class: "frame" }, picture),
      about: element("span", { class: "soft" }),
      reason: element("span", { class: "soft reason" }),
      steps: element("span", { class: "steps" }),
      score: element("span", { class: "value" }), metric: element("span", { class: "soft" }),
      size: element("span", { class: "soft" }), changed: element("span", { class: "soft" }),
    };
    for (const [event, failed] of [["error", true], ["load", false]]) {
      picture.addEventListener(event, () => {
        parts.failed = failed;
        parts.frame.classList.toggle("none", failed);
      });
    }
    parts.item = element("li", { class: "run" },
      element("label", { class: "tick" }, tick), parts.frame,
      element("div", { class: "who" }, element("a", { href: target }, element("bdi", {}, run.id)), parts.about),
      element("div", { class: "how" }, element("span", { class: "line" }, state, parts.steps), progress, parts.reason),
      element("div", { class: "score" }, parts.score, parts.metric),
      element("div", { class: "kept" }, parts.size, parts.changed));
    return parts;
  }

  function fill(parts, run) {
    const left = run.left ? `, about ${run.left} left` : "";
    parts.about.textContent = run.state === "unreadable" ? "" : [run.recipe ?? "own recipe", run.dataset].filter(Boolean).join(" on ");
    parts.state.className = `state ${run.state}`;
    parts.state.textContent = run.state;
    parts.steps.textContent = `step ${number(run.step)}${run.last_step ? ` of ${number(run.last_step)}` : ""}${left}`;
    parts.progress.hidden = !run.last_step;
    parts.progress.value = Math.min(share(run), 1);
    parts.reason.textContent = [run.reason, ...run.problems].filter(Boolean).join(" · ");
    parts.score.textContent = run.best ? number(run.best.value) : "";
    parts.metric.textContent = run.best ? `best ${run.best.metric}, step ${number(run.best.step)}` : "no score yet";
    parts.size.textContent = run.size;
    parts.changed.textContent = run.changed ? new Date(run.changed * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }) : "";
    show(parts, run);
  }

  // The small picture; its address holds the step, so that the next one is fetched. One that failed is asked for again.
  function show(parts, run) {
    const name = run.latest_picture?.split("/").pop();
    const source = name ? `run/${run.address}/thumbnails/${encodeURIComponent(name)}` : "";
    parts.frame.classList.toggle("none", !source || Boolean(parts.failed));
    if (source && (parts.failed || parts.picture.getAttribute("src") !== source)) {
      const step = name.match(/-(\d+)\.png$/)?.[1]; // of the picture, which is older than the run's
      parts.picture.src = source;
      parts.picture.alt = `Latest picture of ${run.id}${step ? `, step ${number(Number(step))}` : ""}`;
    }
  }

  function choose(address, on) {
    if (on) ticked.add(address);
    else ticked.delete(address);
    mark();
  }

  function mark() {
    const button = form.querySelector("[data-compare]");
    const count = ticked.size;
    button.disabled = count < 2 || count > MOST;
    button.textContent = count > MOST ? `Compare at most ${MOST} runs` : count > 1 ? `Compare ${count} runs` : "Tick two runs to compare";
  }

  function wanted(run) {
    const { find, state } = form.elements;
    const text = [run.id, run.recipe, run.dataset].join(" ").toLowerCase();
    return find.value.toLowerCase().split(/\s+/).every((word) => text.includes(word)) && (!state.value || run.state === state.value);
  }

  // Rows of the runs, new ones too; those of vanished runs go. A row that has the focus keeps it.
  function update(view) {
    runs = view.runs;
    const there = new Set(runs.map((run) => run.address));
    for (const [address, parts] of rows) {
      if (there.has(address)) continue;
      parts.item.remove();
      rows.delete(address);
      ticked.delete(address);
    }
    for (const run of runs) {
      if (!rows.has(run.address)) rows.set(run.address, row(run));
      const parts = rows.get(run.address);
      const text = JSON.stringify(run);
      if (parts.text !== text) fill(parts, run);
      parts.text = text;
    }
    offerStates();
    problems(view.problems);
    arrange();
  }

  function problems(texts) {
    const place = document.querySelector("[data-problems]");
    place.hidden = texts.length === 0;
    place.querySelector("ul").replaceChildren(...texts.map((text) => element("li", {}, element("bdi", {}, text))));
  }

  function offerStates() {
    const { state } = form.elements;
    const states = [...new Set([...runs.map((run) => run.state), state.value])].filter(Boolean).sort();
    if (states.join() === [...state.options].slice(1).map((each) => each.value).join()) return;
    const before = state.value;
    state.replaceChildren(element("option", { value: "" }, "all"), ...states.map((each) => element("option", { value: each }, each)));
    state.value = before;
  }

  function arrange() {
    const order = [...runs].filter(wanted).sort(SORTS[form.elements.sort.value][1]);
    const focused = document.activeElement;
    const items = order.map((run) => rows.get(run.address).item);
    if (items.length !== list.children.length || items.some((item, index) => list.children[index] !== item)) {
      list.replaceChildren(...items);
      if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
    }
    if (!items.length) list.replaceChildren(element("li", { class: "soft" }, runs.length ? "No run is like that." : "There is no run in this folder yet. mxgan train begins one."));
    box.querySelector("[data-count]").textContent = `${number(items.length)} of ${number(runs.length)} ${runs.length === 1 ? "run" : "runs"}`;
    mark();
    keep();
  }

  // The choice stands in the address, so that it is there after a reload.
  function keep() {
    const chosen = new URLSearchParams(["find", "state", "sort"].map((name) => [name, form.elements[name].value]).filter(([name, value]) => value && value !== "newest"));
    const address = chosen.size ? `#${chosen}` : location.pathname;
    if ((location.hash || location.pathname) !== address) history.replaceState(null, "", address);
  }

  function restore() {
    const kept = new URLSearchParams(location.hash.slice(1));
    form.elements.sort.append(...Object.entries(SORTS).map(([key, [label]]) => element("option", { value: key }, label)));
    form.elements.sort.value = kept.get("sort") in SORTS ? kept.get("sort") : "newest";
    form.elements.find.value = kept.get("find") ?? "";
    const state = kept.get("state");
    if (state) {
      form.elements.state.append(element("option", { value: state }, state));
      form.elements.state.value = state;
    }
  }

  function start(view) {
    box = document.querySelector('[data-live="list"]');
    if (!box) return;
    form = box.querySelector("[data-choose]");
    list = box.querySelector("[data-rows]");
    list.replaceChildren();
    restore();
    form.addEventListener("input", arrange);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (ticked.size > 1) location.href = `compare?${[...ticked].map((address) => `run=${address}`).join("&")}`;
    });
    update(view);
    const tell = mxgan.live.teller(box);
    tell("");
    part.watched = mxgan.live.watch(box.dataset.address, box.dataset.etag, update, tell);
  }

  const part = { start };
  return part;
})());
