/* Keys that move the focus, times that stay true, and polling that rests with the reader. */
"use strict";

(() => {
  const typing = (element) =>
    element instanceof HTMLElement &&
    (element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName));

  const rows = () => [...document.querySelectorAll("main .row")];

  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
    all[Math.min(Math.max(next, 0), all.length - 1)].focus();
  };

  const focus = (selector) => {
    const found = document.querySelector(selector);
    if (!found || found.disabled) return false;
    found.focus();
    if (found instanceof HTMLInputElement) found.select();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      if (focus("[data-filter]")) event.preventDefault();
    } else if (event.key === "j") {
      step(1);
    } else if (event.key === "k") {
      step(-1);
    } else if (event.key === "f" || event.key === "r") {
      focus(`[data-key="${event.key}"]`);
    } else if (event.key === "?") {
      document.getElementById("help")?.showModal();
    } else if (/^[1-7]$/.test(event.key)) {
      document.querySelector(`[data-nav="${event.key}"]`)?.click();
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-help]")) {
      document.getElementById("help")?.showModal();
    }
  });

  /* On a narrow screen the pages scroll sideways: show which one this is. */
  document.querySelector(".side nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  /* A page nobody looks at need not be kept fresh. */
  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden) event.preventDefault();
  });

  const units = [[90, 1, "s"], [5400, 60, "min"], [129600, 3600, "h"], [Infinity, 86400, "d"]];
  const say = (seconds) => {
    const size = Math.abs(seconds);
    if (seconds > -1 && seconds < 2) return "now";
    const [, length, unit] = units.find(([limit]) => size < limit);
    const text = `${Math.round(size / length)} ${unit}`;
    return seconds > 0 ? `${text} ago` : `in ${text}`;
  };

  setInterval(() => {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[datetime]")) {
      const text = say((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  }, 5000);
})();
