/* The console's own script: times in the reader's zone, dialogs, copying, keys. It reads data-attributes and nothing else. */
"use strict";
(() => {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  function localise(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = time.textContent;
      time.textContent = shown.format(at);
    }
  }

  /* <input type="datetime-local" data-utc="name"> writes its moment in UTC into the hidden field of that name. */
  function inUtc(field) {
    const hidden = field.form && field.form.elements[field.dataset.utc];
    if (!hidden) return;
    const at = field.value ? new Date(field.value) : null;
    hidden.value = at && !Number.isNaN(at.getTime()) ? at.toISOString() : "";
  }

  function fromUtc(root) {
    for (const field of root.querySelectorAll("input[data-utc]")) {
      const hidden = field.form && field.form.elements[field.dataset.utc];
      if (!hidden || !hidden.value || field.value) continue;
      const at = new Date(hidden.value);
      if (Number.isNaN(at.getTime())) continue;
      field.value = new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    }
  }

  function clicked(event) {
    const opener = event.target.closest("[data-opens]");
    if (opener) return void document.getElementById(opener.dataset.opens)?.showModal();
    const closer = event.target.closest("[data-closes]");
    if (closer) return void closer.closest("dialog")?.close();
    const copier = event.target.closest("[data-copies]");
    if (copier) copy(copier);
  }

  async function copy(button) {
    const source = document.getElementById(button.dataset.copies);
    if (!source) return;
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    button.textContent = "Copied";
  }

  /* data-key="a" on a button or link: pressing that key outside of fields and dialogs activates it. */
  function pressed(event) {
    const busy = event.target.closest("input, textarea, select, [contenteditable]");
    if (busy || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const within = document.querySelector("dialog[open]") ?? document;
    for (const each of within.querySelectorAll("[data-key]")) {
      if (each.dataset.key === event.key && !each.disabled) {
        event.preventDefault();
        each.focus();
        return void each.click();
      }
    }
  }

  /* A form that changes something is sent once, however often its button is pressed. */
  function sent(event) {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if ("sent" in form.dataset) return void event.preventDefault();
    form.dataset.sent = "";
  }

  function ready() {
    localise(document);
    fromUtc(document);
    document.addEventListener("click", clicked);
    document.addEventListener("keydown", pressed);
    document.addEventListener("submit", sent);
    window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
    document.addEventListener("change", (event) => event.target.matches("input[data-utc]") && inUtc(event.target));
    document.addEventListener("htmx:afterSettle", (event) => {
      localise(event.target);
      fromUtc(event.target);
    });
    document.documentElement.dataset.ready = "";
  }

  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", ready) : ready();
})();
