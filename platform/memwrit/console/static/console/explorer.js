/* The explorer's slider: a place between two moments, written into the field of the moment itself. */
"use strict";
(() => {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const local = (at) => new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

  function slid(slider) {
    const from = Date.parse(slider.dataset.from);
    const to = Date.parse(slider.dataset.to);
    const field = slider.form.querySelector(`input[data-utc="${slider.dataset.slides}"]`);
    const now = slider.value === slider.max;
    const at = new Date(from + ((to - from) * slider.value) / slider.max);
    field.value = now ? "" : local(at);
    field.dispatchEvent(new Event("change", { bubbles: true }));
    slider.nextElementSibling.textContent = now ? "now" : shown.format(at);
  }

  /* The slider follows the exact field, as it came back from the server or was typed. */
  function follow(slider) {
    const at = Date.parse(slider.form.elements[slider.dataset.slides].value);
    if (Number.isNaN(at)) return;
    const from = Date.parse(slider.dataset.from);
    const share = (at - from) / (Date.parse(slider.dataset.to) - from);
    slider.value = Math.round(Math.min(1, Math.max(0, share)) * slider.max);
    slider.nextElementSibling.textContent = shown.format(new Date(at));
  }

  for (const slider of document.querySelectorAll("[data-slides]")) {
    follow(slider);
    slider.addEventListener("input", () => slid(slider));
    slider.form.addEventListener("change", (event) => event.target !== slider && event.target.dataset.utc === slider.dataset.slides && setTimeout(() => follow(slider)));
  }
})();
