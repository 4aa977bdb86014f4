// Improves pages marked <body data-live="URL" data-mark="MARK">: hears how far the database is, and when that is not the mark
// this page was drawn with, fetches the page again and puts in its new parts (elements with data-part). When it hears
// nothing, the page says since when, in words. Without this script pages are what they were when they were drawn.
//
// A browser opens few connections to one server (six over HTTP/1.1), so its tabs share one stream: whoever holds the Web
// Lock listens and tells the others. Where tabs cannot agree (no locks: a page over plain HTTP), each asks every few seconds.
"use strict";

(() => {
  const url = document.body.dataset.live;
  if (!url || !document.querySelector("[data-age]") || !window.EventSource || !window.fetch) return;

  const BEAT_MS = 4000;
  const SILENT_MS = 10000; // two beats missed, and a little for the way
  const DEAD_MS = 15000; // a stream this silent is opened again: a cut cable tells nobody
  const AGES_MS = 15000; // ages on the page ("3 min ago") are drawn again at least this often
  const GONE = [401, 403, 404, 410];

  let mark = document.body.dataset.mark;
  let sure = Date.now(); // when this page was last known to show what the server has
  let drawn = Date.now();
  let told = "";
  let fetching = false;
  let again = false;
  let gone = false;

  const since = (milliseconds) => {
    const seconds = Math.round(milliseconds / 1000);
    if (seconds < 120) return `${seconds}\u00a0s`;
    return seconds < 7200 ? `${Math.floor(seconds / 60)}\u00a0min` : `${Math.floor(seconds / 3600)}\u00a0h`;
  };

  const show = () => {
    const passed = Date.now() - sure;
    const stale = gone || passed > SILENT_MS;
    document.body.classList.toggle("stale", stale);
    for (const age of document.querySelectorAll("[data-age]")) { // looked up each time: a refresh puts in a new one
      age.closest("[data-fresh]").dataset.fresh = stale ? "stale" : "live";
      age.textContent = (stale ? age.dataset.staleText : age.dataset.liveText).replace("{t}", since(passed));
    }
    const silence = document.querySelector("[data-silence]");
    const word = !stale ? "" : gone ? silence.dataset.gone : silence.dataset.silence;
    if (word !== told) { told = word; silence.textContent = word; } // written once: it is read aloud
  };

  // Never takes a form from under somebody's fingers.
  const busy = (part) => {
    const inside = part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
    return inside || part.querySelector("details.act[open]") !== null;
  };

  const PLACES = "a[href], button, summary, input, select, textarea";

  // Puts in a part; what was unfolded stays so, and whoever stood on a link or a button stands on the same one.
  const swap = (part, other) => {
    const stood = part.contains(document.activeElement) ? [...part.querySelectorAll(PLACES)].indexOf(document.activeElement) : -1;
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    const fresh = document.adoptNode(other);
    fresh.querySelectorAll("details").forEach((each, at) => { if (open[at]) each.open = true; });
    part.replaceWith(fresh);
    if (stood >= 0) fresh.querySelectorAll(PLACES)[stood]?.focus({ preventScroll: true });
  };

  const put = (fresh) => {
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (other && !busy(part) && other.outerHTML !== part.outerHTML) swap(part, other);
    }
    const main = document.querySelector("main");
    for (const name of Object.keys(main.dataset)) {
      const value = fresh.querySelector("main")?.dataset[name];
      if (value !== undefined) main.dataset[name] = value;
    }
  };

  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), SILENT_MS);
    try {
      const reply = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal: patience.signal });
      gone = GONE.includes(reply.status);
      if (!reply.ok) return;
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
      put(fresh);
      mark = document.body.dataset.mark = fresh.body.dataset.mark;
      sure = drawn = Date.now();
    } catch (problem) {
      console.warn("Loquet: the page could not be fetched again", problem.name);
    } finally {
      clearTimeout(timer);
      fetching = false;
      show();
      if (again) { again = false; refresh(); }
    }
  };

  const hear = (newest) => {
    if (newest !== mark || gone || Date.now() - drawn > AGES_MS) refresh();
    else { sure = Date.now(); show(); }
  };

  const ask = async () => {
    try {
      const reply = await fetch(`${url}?once=yes`, { cache: "no-store" });
      if (reply.ok) hear(await reply.text());
      else if (GONE.includes(reply.status)) refresh();
    } catch (problem) {
      console.warn("Loquet: the server does not answer", problem.name);
    }
    setTimeout(ask, BEAT_MS);
  };

  // Listens for all tabs until it must give up, then calls `stop`. Returns what ends it.
  const listen = (channel, stop) => {
    let source;
    let last;
    const tell = ({ data }) => { last = Date.now(); channel.postMessage(data); hear(data); };
    const open = () => {
      source = new EventSource(url);
      last = Date.now();
      source.addEventListener("beat", tell);
      source.addEventListener("change", tell);
      source.addEventListener("error", () => {
        if (source.readyState === EventSource.CLOSED) { refresh(); stop(); } // refused: another tab may be let in
      });
    };
    open();
    const pulse = setInterval(() => {
      channel.postMessage(""); // "somebody listens", also while there is nothing to hear
      if (Date.now() - last > DEAD_MS) { source.close(); open(); }
    }, BEAT_MS);
    return () => { clearInterval(pulse); source.close(); };
  };

  const share = () => {
    const channel = new BroadcastChannel("loquet-live");
    let leading = false;
    let heard = Date.now();
    let waiting = null;

    channel.addEventListener("message", ({ data }) => { heard = Date.now(); if (data) hear(data); });

    const stand = async (steal) => {
      waiting?.abort();
      const turn = waiting = new AbortController();
      let end = null;
      try {
        await navigator.locks.request("loquet-live", steal ? { steal } : { signal: turn.signal }, () => new Promise((resolve) => {
          leading = true;
          end = listen(channel, resolve);
        }));
      } catch (problem) {
        if (problem.name !== "AbortError") throw problem;
      }
      if (!end) return; // never had it: a newer wish of this tab has replaced this one
      end(); // given up, or taken over by another tab
      leading = false;
      heard = Date.now();
      setTimeout(() => stand(false), BEAT_MS);
    };
    stand(false);

    // A listening tab may be put to sleep by its browser, with the lock in its hands: whoever is looked at takes over.
    setInterval(() => {
      if (!leading && document.visibilityState === "visible" && Date.now() - heard > DEAD_MS) { heard = Date.now(); stand(true); }
    }, BEAT_MS);
  };

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && Date.now() - sure > BEAT_MS) refresh();
  });
  setInterval(show, 1000);
  if (navigator.locks && window.BroadcastChannel) share();
  else ask();
})();
