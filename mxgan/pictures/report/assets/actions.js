// Buttons that copy a command.
"use strict";

mxgan.add("actions", (() => {
  // Copy the text of an element; from file:// and plain http there may be no clipboard: then by a selection.
  async function copy(target) {
    try {
      await navigator.clipboard.writeText(target.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(target);
      return document.execCommand("copy");
    }
  }

  // Give every command its button; those that have one keep it.
  function start() {
    for (const box of document.querySelectorAll("[data-copy]:not(:has(.copying))")) {
      const said = mxgan.element("span", { class: "soft", role: "status" });
      const button = mxgan.element("button", { type: "button", class: "small", "aria-label": `Copy: ${box.querySelector("pre").getAttribute("aria-label")}` }, "Copy");
      button.addEventListener("click", async () => {
        said.textContent = (await copy(box.querySelector("code"))) ? "Copied." : "Selected: press Ctrl+C.";
      });
      box.append(mxgan.element("span", { class: "copying" }, button, said));
    }
  }

  return { start, copy };
})());
