// Improves pages marked <body data-live="URL">: listens for "something changed", fetches the page again and puts in its
// new parts (elements with data-part). Without it, or when the line is silent, the page says how old it is.
"use strict";

(() => {
  const url = document.body.dataset.live;
  if (!url || !document.querySelector("[data-age]") || !window.EventSource) return;

  let heard = Date.now();
  let fetching = false;
  let again = false;

  const show = () => {
    const age = document.querySelector("[data-age]"); // looked up each time: a refresh puts in a new one
    const seconds = Math.round((Date.now() - heard) / 1000);
    const stale = seconds > 12;
    const marker = age.closest("[data-fresh]");
    marker.dataset.fresh = stale ? "stale" : "live";
    age.textContent = (stale ? age.dataset.staleText : age.dataset.liveText).replace("{s}", String(seconds));
  };

  // Never takes a form from under somebody's fingers.
  const busy = (part) => {
    const inside = part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
    return inside || part.querySelector("details.act[open]") !== null;
  };

  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const reply = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!reply.ok) return;
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
      for (const part of document.querySelectorAll("[data-part]")) {
        const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
        if (other && !busy(part) && other.outerHTML !== part.outerHTML) part.replaceWith(document.adoptNode(other));
      }
      for (const name of Object.keys(document.querySelector("main").dataset)) {
        const value = fresh.querySelector("main")?.dataset[name];
        if (value !== undefined) document.querySelector("main").dataset[name] = value;
      }
      heard = Date.now();
    } catch (problem) {
      console.warn("Loquet: the page could not be refreshed", problem);
    } finally {
      fetching = false;
      show();
      if (again) { again = false; refresh(); }
    }
  };

  const source = new EventSource(url);
  source.addEventListener("change", refresh);
  source.addEventListener("beat", () => { heard = Date.now(); show(); });
  setInterval(show, 1000);
})();
