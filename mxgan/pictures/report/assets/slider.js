// A player for the pictures of one kind after another: tabs, a slider over the steps, play.
"use strict";

mxgan.add("slider", (() => {
  const { element, number } = mxgan;
  const SPEEDS = [1, 2, 4, 8, 16]; // pictures in a second
  const players = [];

  class Player {
    constructor(box, pictures) {
      this.box = box;
      this.speed = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 4;
      this.image = element("img", { alt: "" });
      this.tabs = element("div", { class: "kinds", role: "group", "aria-label": "Kind of picture" });
      this.range = element("input", { type: "range", min: "0", step: "1", "aria-label": "Step of the picture", oninput: () => this.go(Number(this.range.value)) });
      this.button = element("button", { type: "button", class: "play", onclick: () => this.toggle() }, "Play");
      this.rate = element("select", { "aria-label": "Pictures in a second", onchange: () => { this.speed = Number(this.rate.value); this.restart(); } },
        ...SPEEDS.map((speed) => element("option", { value: speed, selected: speed === this.speed }, `${speed} / s`)));
      this.save = element("a", { class: "save" }, "Save picture");
      this.step = element("output", { class: "step" });
      box.addEventListener("keydown", (event) => this.key(event));
      this.set(pictures);
    }

    // Show the pictures of a view; who looks at the newest one goes on to the newest one.
    set(pictures) {
      const kinds = pictures.filter((kind) => kind.frames.length);
      const follows = !this.frames || this.index >= this.frames.length - 1;
      const step = this.frames?.[this.index]?.step;
      this.kinds = kinds;
      if (!kinds.length) return;
      if (!this.frames) {
        this.box.classList.add("live");
        this.box.replaceChildren(element("figure", {}, this.image), element("div", { class: "panel" }, this.tabs,
          element("div", { class: "controls" }, this.step, this.range, this.button, this.rate, this.save)));
      }
      this.kind = Math.max(kinds.findIndex(({ title }) => title === this.title), 0);
      this.draw();
      this.choose(this.kind, follows ? Infinity : step);
    }

    // The tabs, made anew only if there are others: the focus stays where it is.
    draw() {
      const names = JSON.stringify(this.kinds.map(({ title, label }) => [title, label]));
      if (names === this.names) return;
      this.names = names;
      this.tabs.replaceChildren(...this.kinds.map((kind, index) => element("button", { type: "button", onclick: () => this.choose(index) },
        element("strong", {}, kind.title), element("span", {}, kind.label))));
    }

    // Show another kind, at the step that is nearest to the one shown.
    choose(kind, step = this.frames?.[this.index]?.step ?? Infinity) {
      this.kind = kind;
      this.title = this.kinds[kind].title;
      this.frames = this.kinds[kind].frames;
      this.range.max = this.frames.length - 1;
      [...this.tabs.children].forEach((tab, index) => tab.setAttribute("aria-pressed", String(index === kind)));
      const steps = this.frames.map((frame) => frame.step);
      this.go(step === Infinity ? steps.length - 1 : mxgan.series.nearest(steps, step));
    }

    go(index) {
      this.index = Math.min(Math.max(index, 0), this.frames.length - 1);
      const frame = this.frames[this.index];
      const source = frame.src ?? frame.file;
      this.image.src = source;
      this.image.alt = frame.alt;
      this.range.value = this.index;
      this.range.setAttribute("aria-valuetext", `step ${number(frame.step)}, picture ${this.index + 1} of ${this.frames.length}`);
      this.step.textContent = `Step ${number(frame.step)}`;
      this.save.href = source;
      this.save.download = frame.name ?? frame.file.split("/").pop();
    }

    toggle() {
      if (this.timer) this.stop();
      else {
        if (this.index >= this.frames.length - 1) this.go(0);
        this.timer = setInterval(() => this.next(), 1000 / this.speed);
        this.button.textContent = "Pause";
      }
    }

    next() {
      this.go(this.index + 1);
      if (this.index >= this.frames.length - 1) this.stop();
    }

    stop() {
      clearInterval(this.timer);
      this.timer = null;
      this.button.textContent = "Play";
    }

    restart() {
      if (!this.timer) return;
      this.stop();
      this.toggle();
    }

    // Arrow keys anywhere in the player; the slider and the list have their own.
    key(event) {
      if (!this.frames || ["INPUT", "SELECT"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
      const moves = { ArrowLeft: this.index - 1, ArrowRight: this.index + 1, Home: 0, End: this.frames.length - 1 };
      if (!(event.key in moves)) return;
      this.go(moves[event.key]);
      event.preventDefault();
    }
  }

  function update(view) {
    for (const player of players) player.set(view.pictures);
  }

  function start(view) {
    for (const box of document.querySelectorAll("[data-slider]")) players.push(new Player(box, view.pictures ?? []));
  }

  return { start, update, players };
})());
