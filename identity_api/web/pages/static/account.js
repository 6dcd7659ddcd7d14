"use strict";
// Shows what has changed without anybody asking, and times where the reader is. Where there is no JavaScript, the page asks for
// itself anew instead, and times are in UTC.
(() => {
  addEventListener("DOMContentLoaded", () => {
    for (const one of document.querySelectorAll("time[datetime]")) {
      one.title = one.textContent;
      one.textContent = new Date(one.dateTime).toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
    }
  });
  const { address, version } = document.currentScript.dataset;
  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(address, { headers: { accept: "application/json" } });
      if (answer.ok && (await answer.json()).version !== version) location.reload();
    } catch {
      // Without a network nothing is known; the next look tells.
    }
  };
  setInterval(look, 4000);
  document.addEventListener("visibilitychange", look);
})();
