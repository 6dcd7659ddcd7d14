"use strict";
// Times where the reader is, and buttons that copy. Without it times are in UTC, and there are no such buttons.
(() => {
  const style = { dateStyle: "medium", timeStyle: "short" };
  const dress = (root) => {
    for (const one of root.querySelectorAll("time[datetime]:not([title])")) {
      one.title = one.textContent;
      one.textContent = new Date(one.dateTime).toLocaleString(document.documentElement.lang, style);
    }
    for (const one of root.querySelectorAll("button[data-copy]")) one.hidden = false;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button === null) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
  });
  document.addEventListener("htmx:afterSwap", (event) => dress(event.detail.target.ownerDocument));
  dress(document);
})();
