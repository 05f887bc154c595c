// Questions to the explorer's server: one of a kind at a time, the last one counts.
"use strict";

mxgan.add("asking", (() => {
  const viewer = Array.from(crypto.getRandomValues(new Uint32Array(2)), (each) => each.toString(36)).join("");
  const running = new Map(); // work in progress → whether it must be done once more
  const timers = {};

  // The answer at `address`; an Error with the server's words, and `status` if there is an answer at all.
  async function ask(address, kind) {
    let answer;
    try {
      answer = await fetch(address, { headers: { "X-Viewer": `${viewer}-${kind}` } });
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
    try {
      do {
        running.set(name, false);
        await work();
      } while (running.get(name));
    } finally {
      running.delete(name);
    }
  }

  function later(name, wait, work) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(work, wait);
  }

  return { ask, latest, later };
})());
