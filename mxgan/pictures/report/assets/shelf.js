// The kept pictures of the explorer: each kept point has its own <img>, so a picture never stands at another point.
"use strict";

mxgan.add("shelf", (() => {
  const { element } = mxgan;
  const CHOSEN = ["seed", "psi", "label", "steps"]; // of a point; one that is kept has its `image` too
  const BUSY = 1500; // milliseconds until a server that is busy is asked again
  let page; // of the explorer: {state, facts, find, ask, say, draw, change}

  const chosen = (point) => Object.fromEntries(CHOSEN.map((name) => [name, point[name]]));
  const withImage = (point) => ({ ...chosen(point), image: element("img", { alt: "" }) });

  // Show the kept points of the state; the first call.
  function fill(explorer) {
    page = explorer;
    page.state.kept = page.state.kept.map(withImage);
    show();
  }

  function show() {
    const { state: { kept }, facts, find } = page;
    const named = (point, index) => `${index + 1}: ${mxgan.points.named(point, facts)}`;
    find("empty").hidden = kept.length > 0;
    find("with-mix").hidden = kept.length < 2;
    find("mix").max = Math.max(kept.length - 1, 1);
    find("mix").step = 1 / facts.bounds.parts;
    find("kept").replaceChildren(...kept.map((point, index) => element("li", {},
      element("button", { type: "button", class: "show", "aria-label": `Show picture ${named(point, index)}`, onclick: () => page.change(chosen(point)) },
        point.image, element("span", { class: "name" }, named(point, index))),
      element("button", { type: "button", class: "small", "aria-label": `Remove picture ${index + 1}`, onclick: () => remove(index) }, "Remove"))));
  }

  // Draw the kept points with the weights chosen, one after the other; those that are drawn already stay.
  function draw() {
    return mxgan.asking.latest("kept", drawn);
  }

  async function drawn() {
    const { state, facts, ask, say } = page;
    for (const point of [...state.kept]) {
      const { image } = point, asked = mxgan.points.pointQuery(state, facts, point);
      if (image.dataset.query === asked || !state.kept.includes(point)) continue;
      try {
        image.src = (await ask("image", asked, "kept")).image;
        image.dataset.query = asked;
      } catch (error) {
        if (error.status === 409) continue;
        if (error.status === 503) return mxgan.asking.later("kept", BUSY, draw);
        image.removeAttribute("src"); // it is of other weights
        delete image.dataset.query;
        return say(error);
      }
    }
  }

  function keep() {
    page.state.kept.push(withImage(page.state.point));
    show();
    page.draw();
    draw();
  }

  function remove(index) {
    const { state, find } = page;
    state.kept.splice(index, 1);
    if (state.mix !== null) state.mix = state.kept.length < 2 ? null : Math.min(state.mix, state.kept.length - 1);
    show();
    (find("kept").children[Math.min(index, state.kept.length - 1)]?.lastElementChild ?? find("next")).focus();
    page.draw();
    draw();
  }

  return { fill, show, draw, keep };
})());
