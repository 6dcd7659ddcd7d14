"use strict";
// Shows what has changed without anybody asking. Where there is no JavaScript, the page asks for itself anew instead.
(() => {
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
