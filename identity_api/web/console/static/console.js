"use strict";
// Times where the reader is, buttons that copy, and fields that a file fills. Without it times are in UTC, and there is neither.
(() => {
  const style = { dateStyle: "medium", timeStyle: "short" };
  const dress = (root) => {
    for (const one of root.querySelectorAll("time[datetime]:not([title])")) {
      one.title = one.textContent;
      one.textContent = new Date(one.dateTime).toLocaleString(document.documentElement.lang, style);
    }
    for (const one of root.querySelectorAll("button[data-copy], [data-script]")) one.hidden = false;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button === null) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
  });
  document.addEventListener("change", async (event) => {
    const into = event.target.dataset.into, [file] = event.target.files ?? [];
    if (into && file) document.getElementById(into).value = await file.text();
  });
  document.addEventListener("htmx:afterSwap", (event) => dress(event.detail.target.ownerDocument));
  dress(document);
})();
