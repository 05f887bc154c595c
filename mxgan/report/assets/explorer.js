// The explorer. The state of the page is the query of its address, and every picture is asked of the server by it.
"use strict";

mxgan.add("explorer", (() => {
  const { element, number } = mxgan;
  const SHOWN = 8; // directions; the others stand behind "More directions"
  const WAIT = { address: 300, nearest: 250, data: 1000, busy: 1500, said: 4000 }; // milliseconds
  const viewer = Array.from(crypto.getRandomValues(new Uint32Array(2)), (each) => each.toString(36)).join("");
  const running = new Map(); // work in progress → whether it must be done once more
  const timers = {};
  let box, api, facts, state;
  let thumbs = []; // the <img> of each kept point

  const find = (name) => document.querySelector(`[data-${name}]`);

  // ---- the state and its text: explorer_points.py reads the same ----

  const stepsOf = (text) => (text ? text.split(",").map(Number) : []);

  function keptOf(text) {
    const [seed, psi, label, ...steps] = text.split(",");
    return { seed: Number(seed), psi: psi ? Number(psi) : 1, label: Number(label ?? 0), steps: steps.map(Number) };
  }

  function stateOf(query) {
    const given = new URLSearchParams(query);
    const one = (name, otherwise) => Number(given.get(name) ?? otherwise);
    return {
      point: { seed: one("seed", 0), psi: one("psi", 1), label: one("class", 0), steps: stepsOf(given.get("d")) },
      kept: given.getAll("keep").map(keptOf),
      mix: given.has("mix") ? one("mix") : null,
      weights: given.get("weights") || "average",
    };
  }

  // The steps as text, without zeros at the end.
  function stepsText(steps) {
    return steps.slice(0, steps.findLastIndex((each) => each !== 0) + 1).join(",");
  }

  function keptText({ seed, psi, label, steps }) {
    return [seed, psi, facts.classes.length ? label : "", stepsText(steps)].join(",").replace(/,+$/, "");
  }

  function weightsQuery() {
    return [`checkpoint=${state.step}`, ...(facts.averages ? [`weights=${state.weights}`] : [])];
  }

  function pointQuery({ seed, psi, label, steps }) {
    const text = stepsText(steps);
    return [`seed=${seed}`, ...(psi === 1 ? [] : [`psi=${psi}`]), ...(facts.classes.length ? [`class=${label}`] : []), ...(text ? [`d=${text}`] : [])];
  }

  // All of the state for a link; for a picture without what does not change it.
  function query(whole) {
    const kept = whole || state.mix !== null ? state.kept.map((point) => `keep=${keptText(point)}`) : [];
    return [...weightsQuery(), ...pointQuery(state.point), ...kept, ...(state.mix === null ? [] : [`mix=${state.mix}`])].join("&");
  }

  // ---- the server ----

  async function ask(what, asked, kind = what) {
    let answer;
    try {
      answer = await fetch(`${api}${what}?${asked}`, { headers: { "X-Viewer": `${viewer}-${kind}` } });
    } catch {
      throw new Error("The server does not answer. Is mxgan serve running?");
    }
    const isJson = answer.headers.get("content-type")?.startsWith("application/json");
    const found = isJson ? await answer.json() : { error: (await answer.text()).trim() };
    if (answer.ok) return found;
    throw Object.assign(new Error(found.error || `The server answered ${answer.status}.`), { status: answer.status });
  }

  // Do `work` now; if it is being done, once more at its end. Of many changes the last one counts.
  async function latest(name, work) {
    if (running.has(name)) {
      running.set(name, true);
      return;
    }
    do {
      running.set(name, false);
      await work();
    } while (running.get(name));
    running.delete(name);
  }

  function later(name, wait, work) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(work, wait);
  }

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
  const named = (point) => [
    `seed ${point.seed}`,
    ...(facts.classes.length ? [`class ${facts.classes[point.label] ?? point.label}`] : []),
    ...(point.psi === 1 ? [] : [`ψ ${point.psi}`]),
    ...(point.steps.some(Boolean) ? ["moved"] : []),
  ].join(", ");
  const described = () => `${state.mix === null ? named(state.point) : between()}, step ${number(state.step)}`;

  function between() {
    const first = Math.floor(state.mix), share = Math.round(100 * (state.mix - first));
    return share ? `${share} % of the way from picture ${first + 1} to ${first + 2}` : `picture ${first + 1}`;
  }

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

  function showShelf() {
    find("empty").hidden = state.kept.length > 0;
    find("with-mix").hidden = state.kept.length < 2;
    find("mix").max = Math.max(state.kept.length - 1, 1);
    find("mix").step = 1 / facts.bounds.parts;
    find("kept").replaceChildren(...state.kept.map((point, index) => element("li", {},
      element("button", { type: "button", class: "show", "aria-label": `Show picture ${index + 1}: ${named(point)}`, onclick: () => recall(index) },
        thumbs[index], element("span", { class: "name" }, `${index + 1}: ${named(point)}`)),
      element("button", { type: "button", class: "small", "aria-label": `Remove picture ${index + 1}`, onclick: () => remove(index) }, "Remove"))));
  }

  // Draw the kept points with the weights chosen, one after the other.
  async function drawKept() {
    for (const [index, image] of [...thumbs.entries()]) {
      if (!state.kept[index]) return;
      try {
        image.src = (await ask("image", [...weightsQuery(), ...pointQuery(state.kept[index])].join("&"), "kept")).image;
      } catch (error) {
        return say(error);
      }
    }
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

  function keep() {
    state.kept.push({ ...state.point });
    thumbs.push(element("img", { alt: "" }));
    showShelf();
    draw();
    latest("kept", drawKept);
  }

  function remove(index) {
    state.kept.splice(index, 1);
    thumbs.splice(index, 1);
    if (state.mix !== null) state.mix = state.kept.length < 2 ? null : Math.min(state.mix, state.kept.length - 1);
    showShelf();
    (find("kept").children[Math.min(index, thumbs.length - 1)]?.lastElementChild ?? find("next")).focus();
    draw();
  }

  function recall(index) {
    change({ ...state.kept[index] });
  }

  function weights() {
    state.step = Number(find("checkpoint").value);
    state.weights = find("weights").value;
    draw();
    latest("kept", drawKept);
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
      say(error);
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
      ["keep", "click", keep],
      ["mix", "input", () => { state.mix = Number(find("mix").value); draw(); }],
      ["copy-link", "click", copy],
    ]) find(name).addEventListener(event, work);
  }

  async function start(view) {
    box = find("explorer");
    api = view.api;
    state = stateOf(location.search);
    find("loading").textContent = "The generator is being loaded …";
    try {
      facts = await ask("facts", location.search.slice(1));
      find("loading").textContent = "";
    } catch (error) {
      find("loading").textContent = "";
      say(error);
      return;
    }
    state.step = facts.step;
    thumbs = state.kept.map(() => element("img", { alt: "" }));
    build();
    showCheckpoints();
    showShelf();
    box.hidden = false;
    await draw();
    latest("kept", drawKept);
  }

  return { start };
})());
