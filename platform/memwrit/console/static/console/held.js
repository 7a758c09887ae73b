/* Keys of the held queue. Single keys can be switched off (WCAG 2.1.4); the switch is this browser's. */
"use strict";
(() => {
  const SWITCH = "memwrit.keys";
  const rows = [...document.querySelectorAll("[data-row]")];
  let begun = null;

  const on = () => localStorage.getItem(SWITCH) !== "off";
  const here = () => rows.findIndex((row) => row.contains(document.activeElement));
  const link = (row) => row && row.querySelector("[data-row-link]");

  function move(step) {
    const at = here();
    const to = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
    link(rows[to])?.focus();
  }

  function choose() {
    const box = rows[here()]?.querySelector("input[type=checkbox]");
    if (box && !box.disabled) box.checked = !box.checked;
  }

  /* A decision is begun by its key and done from the reason's field, so that no single key ever decides. */
  function begin(button) {
    begun = button;
    const reason = button.form?.elements.namedItem("reason");
    reason?.focus();
    for (const each of document.querySelectorAll("button[data-shortcut]")) each.toggleAttribute("data-begun", each === button);
  }

  function shortcut(key) {
    const found = document.querySelector(`[data-shortcut="${key}"]`);
    if (!found) return false;
    found.tagName === "A" ? found.click() : begin(found);
    return true;
  }

  function act(key) {
    if (key === "?") return void document.getElementById("keys")?.showModal();
    if (shortcut(key)) return;
    if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
    if (key === "x") choose();
  }

  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (field && event.ctrlKey && event.key === "Enter" && begun) return void begun.form.requestSubmit(begun);
    if (field || !on() || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (!"jkxar?".includes(event.key)) return;
    event.preventDefault();
    act(event.key);
  });

  const toggle = document.getElementById("keys-on");
  if (toggle) {
    toggle.checked = on();
    toggle.addEventListener("change", () => localStorage.setItem(SWITCH, toggle.checked ? "on" : "off"));
  }
})();
