// The global object `mxgan`: its parts, the data of the page, and elements made of plain texts.
"use strict";

window.mxgan = (() => {
  const parts = [];
  let data;

  // A part of the page under its name; `start(view)` of each part is called when all of them are there.
  function add(name, part) {
    mxgan[name] = part;
    parts.push(part);
  }

  function view() {
    data ??= JSON.parse(document.getElementById("view").textContent);
    return data;
  }

  function start() {
    document.documentElement.classList.add("js");
    for (const part of parts) part.start?.(view());
  }

  // An element; children are elements or texts, never markup. `on…` attributes are functions.
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child != null));
    return made;
  }

  // A number for a reader: at most `digits` significant digits, thousands apart.
  function number(value, digits = 4) {
    if (value == null || !Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(2).replace("e+", "e");
    if (Number.isInteger(value)) return value.toLocaleString("en-GB");
    return value.toLocaleString("en-GB", { maximumSignificantDigits: digits });
  }

  // The value of a custom property of the style sheet, such as --ink.
  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  return { add, view, start, element, number, color };
})();
