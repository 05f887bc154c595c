// The explorer. The state of the page is the query of its address, and every picture is asked of the server by it.
"use strict";

mxgan.add("explorer", (() => {
  const { element, number } = mxgan;
  const SHOWN = 8; // directions; the others stand behind "More directions"
  const WAIT = { address: 300, nearest: 250, data: 1000, busy: 1500, said: 4000 }; // milliseconds
  const { latest, later } = mxgan.asking;
  let box, api, facts, state;

  const find = (name) => document.querySelector(`[data-${name}]`);

  const query = (whole) => mxgan.points.query(state, facts, whole);
  const ask = (what, asked, kind = what) => mxgan.asking.ask(`${api}${what}?${asked}`, kind);

  // Words about what went wrong; the picture that is left is not the one asked for.
  function say(error) {
    find("problem").textContent = error ? error.message : "";
    find("problem").hidden = !error;
    find("stage").classList.toggle("stale", Boolean(error));
  }

  // ---- drawing ----

  function draw() {
    show();
    later("address", WAIT.address, remember);
    return latest("image", drawOnce);
  }

  function remember() {
    history.replaceState(null, "", `?${query(true)}`);
  }

  async function drawOnce() {
    const asked = query(false), text = `Generated picture: ${described()}`;
    try {
      const found = await ask("image", asked);
      const image = find("image");
      image.src = found.image;
      [, image.height, image.width] = facts.image_shape;
      image.alt = text;
      image.dataset.query = asked;
      showScore(found.score);
      say(null);
      later("nearest", WAIT.nearest, () => latest("nearest", nearestOnce));
    } catch (error) {
      if (error.status === 409) return; // a newer request is on its way
      say(error);
      if (error.status === 503) later("image", WAIT.busy, draw);
      else if (error.status) refresh();
    }
  }

  async function nearestOnce() {
    const asked = query(false), near = find("near"), text = find("near-text");
    try {
      const found = await ask("nearest", asked);
      if (asked !== query(false)) return;
      near.hidden = !found.ready;
      if (!found.ready) {
        text.textContent = "The training images are being read …";
        later("nearest", WAIT.data, () => latest("nearest", nearestOnce));
        return;
      }
      near.src = found.image;
      near.alt = `Nearest training image${found.label ? ` of class ${found.label}` : ""}`;
      text.textContent = `${found.label ? `Class ${found.label}, distance` : "Distance"} ${number(found.distance)}, among ${number(found.among)}`;
    } catch (error) {
      if (error.status === 409) return;
      near.hidden = true;
      text.textContent = error.message;
      if (error.status === 503) later("nearest", WAIT.busy, () => latest("nearest", nearestOnce));
    }
  }

  function showScore(score) {
    const place = find("score");
    if (score.text) place.textContent = score.text;
    else if (score.probability === null) place.replaceChildren(element("strong", {}, number(score.raw)), "raw score; higher is more real");
    else place.replaceChildren(element("strong", {}, `${(100 * score.probability).toFixed(1)} %`), `real, by D; raw score ${number(score.raw)}`);
  }

  // ---- the controls show the state ----

  const sigmas = (value) => `${value < 0 ? "−" : value > 0 ? "+" : ""}${Math.abs(value).toFixed(2)} σ`;
  const described = () => mxgan.points.described(state, facts);
  const between = () => mxgan.points.between(state.mix);

  function show() {
    const { point, mix } = state;
    find("checkpoint").value = state.step;
    find("weights").value = state.weights;
    find("class").value = point.label;
    if (document.activeElement !== find("seed")) find("seed").value = point.seed;
    find("psi").value = point.psi;
    find("psi-shown").textContent = point.psi.toFixed(2);
    box.querySelectorAll("[data-direction]").forEach((input, index) => {
      const text = sigmas(point.steps[index] ?? 0);
      input.value = point.steps[index] ?? 0;
      input.setAttribute("aria-valuetext", text);
      input.nextElementSibling.textContent = text;
    });
    find("mix").value = mix ?? 0;
    find("mix-shown").textContent = mix === null ? "" : between();
    find("mix").setAttribute("aria-valuetext", mix === null ? "not shown" : between());
    find("caption").textContent = described();
    find("keep").disabled = mix !== null || state.kept.length >= facts.bounds.kept;
    find("png").href = `${api}image.png?${query(false)}`;
    find("npy").href = `${api}latent.npy?${query(false)}`;
  }

  // ---- what the user does ----

  function change(parts) {
    Object.assign(state.point, parts);
    state.mix = null;
    return draw();
  }

  function seed(value) {
    return change({ seed: Math.min(Math.max(Math.trunc(value) || 0, 0), facts.bounds.seed) });
  }

  function weights() {
    state.step = Number(find("checkpoint").value);
    state.weights = find("weights").value;
    draw();
    mxgan.shelf.draw();
  }

  async function copy() {
    remember();
    const text = element("span", { class: "unseen" }, location.href);
    box.append(text);
    find("said").textContent = (await mxgan.actions.copy(text)) ? "Link copied." : "The link is in the address bar.";
    text.remove();
    later("said", WAIT.said, () => { find("said").textContent = ""; });
  }

  // ---- building ----

  function direction(index) {
    const { farthest } = facts.bounds;
    const move = () => change({ steps: Array.from(box.querySelectorAll("[data-direction]"), (each) => Number(each.value)) });
    const input = element("input", { type: "range", min: -farthest, max: farthest, step: "0.05", value: "0", "data-direction": true, oninput: move });
    return element("label", { class: "slide" }, element("span", {}, `Direction ${index + 1}`), input, element("output", {}, sigmas(0)));
  }

  function showCheckpoints() {
    const words = (step) => [
      `step ${number(step)}`,
      step === facts.latest && "latest",
      step === facts.best && `best ${facts.best_by.split(":")[0]}`,
      !facts.steps.includes(step) && "gone",
    ].filter(Boolean).join(" · ");
    const steps = [...new Set([...facts.steps, state.step])].sort((one, other) => other - one);
    find("checkpoint").replaceChildren(...steps.map((step) => element("option", { value: step }, words(step))));
    find("checkpoint").value = state.step;
  }

  // The checkpoints that the run has now: they come and go while it trains.
  async function refresh() {
    try {
      const { steps, latest: newest, best } = await ask("facts", "");
      if (String([steps, best]) === String([facts.steps, facts.best])) return; // a list that is open stays as it is
      Object.assign(facts, { steps, latest: newest, best });
      showCheckpoints();
    } catch (error) {
      if (error.status === 503) later("facts", WAIT.busy, refresh);
      else say(error);
    }
  }

  function build() {
    const slides = Array.from({ length: facts.directions }, (_, index) => direction(index));
    find("directions").replaceChildren(...slides.slice(0, SHOWN));
    find("more-directions").replaceChildren(...slides.slice(SHOWN));
    find("more").hidden = slides.length <= SHOWN;
    find("more").open = state.point.steps.slice(SHOWN).some(Boolean);
    find("reset").hidden = !slides.length;
    find("no-directions").hidden = slides.length > 0;
    find("no-directions").textContent = facts.no_directions;
    find("with-weights").hidden = !facts.averages;
    find("with-classes").hidden = !facts.classes.length;
    find("class").replaceChildren(...facts.classes.map((name, label) => element("option", { value: label }, name)));
    find("seed").max = facts.bounds.seed;
    for (const [name, event, work] of [
      ["checkpoint", "change", weights],
      ["checkpoint", "focus", refresh],
      ["weights", "change", weights],
      ["class", "change", () => change({ label: Number(find("class").value) })],
      ["seed", "input", () => { if (find("seed").value !== "") seed(find("seed").valueAsNumber); }],
      ["seed", "blur", show],
      ["previous", "click", () => seed(state.point.seed - 1)],
      ["next", "click", () => seed(state.point.seed + 1)],
      ["random", "click", () => seed(crypto.getRandomValues(new Uint32Array(1))[0] % facts.bounds.seed)],
      ["psi", "input", () => change({ psi: Number(find("psi").value) })],
      ["reset", "click", () => change({ steps: [] })],
      ["keep", "click", mxgan.shelf.keep],
      ["mix", "input", () => { state.mix = Number(find("mix").value); draw(); }],
      ["copy-link", "click", copy],
    ]) find(name).addEventListener(event, work);
  }

  // The facts of the run for a query; of a checkpoint that is gone, those of the run's latest one.
  async function factsOf(asked) {
    try {
      return await ask("facts", asked);
    } catch (error) {
      if (error.status === 503) {
        await new Promise((wake) => { setTimeout(wake, WAIT.busy); });
        return factsOf(asked);
      }
      const others = new URLSearchParams(asked);
      if (!error.status || !/^\d+$/.test(others.get("checkpoint") ?? "")) throw error;
      others.delete("checkpoint");
      return factsOf(String(others));
    }
  }

  async function start(view) {
    box = find("explorer");
    api = view.api;
    state = mxgan.points.stateOf(location.search);
    find("loading").textContent = "The generator is being loaded …";
    try {
      facts = await factsOf(location.search.slice(1));
    } catch (error) {
      say(error);
      return;
    } finally {
      find("loading").textContent = "";
    }
    state.step ??= facts.step;
    build();
    showCheckpoints();
    mxgan.shelf.fill({ state, facts, find, ask, say, draw, change });
    box.hidden = false;
    find("loading").textContent = "The first picture is being drawn …";
    await draw();
    find("loading").textContent = "";
    mxgan.shelf.draw();
  }

  return { start };
})());
