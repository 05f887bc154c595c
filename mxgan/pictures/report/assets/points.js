// The state of the explorer as a query, which explorer_points.py reads too, and in words.
"use strict";

mxgan.add("points", (() => {
  const stepsOf = (text) => (text ? text.split(",").map(Number) : []);

  function keptOf(text) {
    const [seed, psi, label, ...steps] = text.split(",");
    return { seed: Number(seed), psi: psi ? Number(psi) : 1, label: Number(label ?? 0), steps: steps.map(Number) };
  }

  // The state that a query holds; `step` is null if it names no checkpoint by its step.
  function stateOf(query) {
    const given = new URLSearchParams(query);
    const one = (name, otherwise) => Number(given.get(name) ?? otherwise);
    return {
      step: /^\d+$/.test(given.get("checkpoint") ?? "") ? one("checkpoint") : null,
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

  function keptText({ seed, psi, label, steps }, facts) {
    return [seed, psi, facts.classes.length ? label : "", stepsText(steps)].join(",").replace(/,+$/, "");
  }

  function weightsParts(state, facts) {
    return [`checkpoint=${state.step}`, ...(facts.averages ? [`weights=${state.weights}`] : [])];
  }

  function pointParts({ seed, psi, label, steps }, facts) {
    const text = stepsText(steps);
    return [`seed=${seed}`, ...(psi === 1 ? [] : [`psi=${psi}`]), ...(facts.classes.length ? [`class=${label}`] : []), ...(text ? [`d=${text}`] : [])];
  }

  // All of the state for a link; for a picture without what does not change it.
  function query(state, facts, whole) {
    const kept = whole || state.mix !== null ? state.kept.map((point) => `keep=${keptText(point, facts)}`) : [];
    return [...weightsParts(state, facts), ...pointParts(state.point, facts), ...kept, ...(state.mix === null ? [] : [`mix=${state.mix}`])].join("&");
  }

  // The query of one point with the weights chosen.
  function pointQuery(state, facts, point) {
    return [...weightsParts(state, facts), ...pointParts(point, facts)].join("&");
  }

  // ---- in words ----

  function named(point, facts) {
    return [
      `seed ${point.seed}`,
      ...(facts.classes.length ? [`class ${facts.classes[point.label] ?? point.label}`] : []),
      ...(point.psi === 1 ? [] : [`ψ ${point.psi}`]),
      ...(point.steps.some(Boolean) ? ["moved"] : []),
    ].join(", ");
  }

  function between(mix) {
    const first = Math.floor(mix), share = Math.round(100 * (mix - first));
    return share ? `${share} % of the way from picture ${first + 1} to ${first + 2}` : `picture ${first + 1}`;
  }

  function described(state, facts) {
    return `${state.mix === null ? named(state.point, facts) : between(state.mix)}, step ${mxgan.number(state.step)}`;
  }

  return { stateOf, query, pointQuery, named, between, described };
})());
