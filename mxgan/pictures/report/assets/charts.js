// The charts of a page: one figure for each, with a legend, values at the cursor and keys; all share the range of steps.
"use strict";

mxgan.add("charts", (() => {
  const { element, number } = mxgan;
  const figures = new Map(); // id of the chart → Figure
  const state = { weight: 0.6, range: null, extent: [0, 1], marks: [], hidden: new Set() };
  let box;

  class Figure {
    constructor(target, chart) {
      this.log = Boolean(chart.log);
      this.target = element("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart", onkeydown: (event) => this.key(event) });
      this.legend = element("ul", { class: "legend" });
      this.readout = element("output", { class: "readout" });
      this.spoken = element("p", { class: "unseen", "aria-live": "polite" });
      this.title = element("h3");
      this.note = element("p", { class: "soft summary" });
      this.scale = element("button", { type: "button", class: "small", onclick: () => this.setLog(!this.log) }, "log");
      target.append(element("figure", { class: "chart" },
        element("figcaption", {}, this.title, this.readout, this.scale), this.legend, this.target, this.note, this.spoken));
      this.set(chart);
      new ResizeObserver(() => this.resize()).observe(this.target);
    }

    // Show a chart of the view; while its series are the same, the plot and its zoom stay.
    set(chart) {
      const names = (each) => each?.series.map(({ name, label }) => `${name} ${label}`).join("\n");
      const same = this.plot && names(this.chart) === names(chart);
      this.chart = mxgan.series.joined(chart);
      this.title.textContent = chart.unit ? `${chart.title} (${chart.unit})` : chart.title;
      this.note.textContent = [chart.summary, chart.thinned].filter(Boolean).join(" ");
      this.target.setAttribute("aria-label", `${chart.title}. ${chart.summary ?? ""} Arrow keys give the values.`);
      if (same) this.plot.setData(mxgan.plot.data(this.chart, this.log, state.weight), true);
      else this.build();
      this.tell();
    }

    build() {
      this.plot?.destroy();
      this.scale.setAttribute("aria-pressed", String(this.log));
      this.scale.setAttribute("aria-label", `Logarithmic scale for ${this.chart.title}`);
      this.plot = mxgan.plot.make(this.target, this.chart, {
        log: this.log, weight: state.weight, range: () => state.range ?? state.extent,
        marks: () => state.marks, zoomed: zoom, moved: () => this.tell(),
      });
      this.legend.replaceChildren(...this.chart.series.map((each, index) => this.entry(each, index)));
      this.chart.series.forEach((each, index) => this.show(index, !state.hidden.has(key(this.chart, each))));
    }

    entry(each, index) {
      const place = each.look ?? index;
      const value = element("span", { class: "value" });
      return element("li", {}, element("button", { type: "button", "aria-pressed": "true", onclick: () => toggle(key(this.chart, each)) },
        element("span", { class: `swatch line-${place % 8 + 1}${each.dashed ? ` dash-${place % 8}` : ""}`, "aria-hidden": "true" }),
        element("bdi", {}, each.label), " ", value));
    }

    show(index, shown) {
      const count = this.chart.series.length;
      this.plot.setSeries(1 + index, { show: shown });
      this.plot.setSeries(1 + count + index, { show: shown && state.weight > 0 });
      this.legend.children[index].firstChild.setAttribute("aria-pressed", String(shown));
    }

    setLog(log) {
      this.log = log;
      this.build();
      this.tell();
    }

    // Write the values at the cursor, or the last ones, beside the names.
    tell() {
      if (!this.plot || this.legend.children.length !== this.chart.series.length) return "";
      const { x, series } = this.chart;
      const at = this.plot.cursor.left >= 0 ? this.plot.cursor.idx : null;
      const index = at ?? x.length - 1;
      const values = series.map((each) => lastKnown(each.values, index, at != null));
      values.forEach((value, place) => { this.legend.children[place].querySelector(".value").textContent = number(value); });
      this.readout.textContent = x.length ? `step ${number(x[index])}` : "no values yet";
      return `Step ${number(x[index])}: ${series.map((each, place) => `${each.label} ${number(values[place])}`).join(", ")}`;
    }

    key(event) {
      const { x } = this.chart;
      if (event.ctrlKey || event.metaKey || event.altKey || x.length === 0) return;
      const here = this.plot.cursor.left >= 0 && this.plot.cursor.idx != null ? this.plot.cursor.idx : x.length - 1;
      const stride = event.shiftKey ? 10 : 1;
      const moves = { ArrowLeft: here - stride, ArrowRight: here + stride, Home: 0, End: x.length - 1 };
      const acts = { "+": () => zoomBy(0.5, x[here]), "-": () => zoomBy(2, x[here]), 0: () => zoom(null), Escape: () => zoom(null), l: () => this.setLog(!this.log) };
      if (event.key in moves) this.point(Math.min(Math.max(moves[event.key], 0), x.length - 1));
      else if (event.key in acts) acts[event.key]();
      else return;
      event.preventDefault();
    }

    point(index) {
      const left = this.plot.valToPos(this.chart.x[index], "x");
      this.plot.setCursor({ left: Math.max(left, 0), top: 10 }, true, true);
      this.spoken.textContent = this.tell();
    }

    resize() {
      const width = this.target.clientWidth;
      if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.plot.height });
    }
  }

  // The value at a place; without a cursor the last one that is known.
  function lastKnown(values, index, exact) {
    while (!exact && index > 0 && values[index] == null) index -= 1;
    return values[index];
  }

  function all(act) {
    for (const figure of figures.values()) act(figure);
  }

  function zoom(range) {
    state.range = range;
    const [min, max] = range ?? state.extent;
    all(({ plot }) => plot.setScale("x", { min, max }));
  }

  function zoomBy(factor, center) {
    const [low, high] = state.range ?? state.extent;
    const middle = center ?? (low + high) / 2;
    const range = [middle - (middle - low) * factor, middle + (high - middle) * factor];
    const inside = [Math.max(range[0], state.extent[0]), Math.min(range[1], state.extent[1])];
    zoom(inside[1] - inside[0] >= state.extent[1] - state.extent[0] ? null : inside);
  }

  // What a button of the legend switches: a run in all charts, or one curve.
  function key(chart, each) {
    return each.run == null ? `${chart.id} ${each.name}` : each.run;
  }

  function toggle(name) {
    if (!state.hidden.delete(name)) state.hidden.add(name);
    all((figure) => figure.chart.series.forEach((each, index) => {
      if (key(figure.chart, each) === name) figure.show(index, !state.hidden.has(name));
    }));
  }

  function smooth(weight) {
    state.weight = weight;
    all((figure) => { figure.build(); figure.tell(); });
  }

  // One chart in `target`; a chart of the same id that is there is updated.
  function draw(target, chart, marks = state.marks) {
    state.marks = marks;
    const there = figures.get(chart.id);
    if (there) there.set(chart);
    else figures.set(chart.id, new Figure(target, chart));
  }

  // Show another view of the same page.
  function update(view) {
    state.marks = view.marks ?? [];
    state.extent = mxgan.series.extent(view.charts.map(mxgan.series.joined));
    for (const chart of view.charts) draw(box, chart);
    if (view.charts.length) document.querySelector("[data-no-charts]")?.remove();
  }

  function toolbar() {
    const value = element("output", {}, number(state.weight));
    const slider = element("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: state.weight, id: "smoothing" });
    slider.addEventListener("input", () => { value.textContent = number(Number(slider.value)); smooth(Number(slider.value)); });
    const button = (label, name, act) => element("button", { type: "button", class: "small", "aria-label": name, onclick: act }, label);
    return element("div", { class: "tools", role: "group", "aria-label": "All curves" },
      element("label", { for: "smoothing" }, "Smoothing"), slider, value,
      element("span", { class: "buttons" }, button("+", "Zoom in", () => zoomBy(0.5)), button("−", "Zoom out", () => zoomBy(2)), button("Reset zoom", "Reset zoom", () => zoom(null))));
  }

  function redraw() {
    all((figure) => figure.build());
  }

  function start(view) {
    const place = document.querySelector("[data-charts]");
    if (!place) return;
    box = element("div", { class: "charts" });
    place.append(toolbar(), box);
    update(view);
    for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw);
  }

  return { start, draw, update, zoom, smooth, toggle, figures, state };
})());
