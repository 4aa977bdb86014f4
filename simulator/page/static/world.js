// The page of the world: listens for changes, draws them, and turns touches into acts.
import { act, say } from "./acts.js";
import { drawController, drawLinks, drawLog, drawMails, drawProcesses, put } from "./draw.js";
import { openSheet, refreshSheet } from "./sheet.js";

const SILENT_MS = 12000;
const places = new Map([...document.querySelectorAll("[data-controller]")].map((place) => [place.dataset.controller, place]));
const known = {};

const SECTIONS = { links: drawLinks, processes: drawProcesses, mails: drawMails, log: drawLog };

const draw = (sections) => {
  for (const [name, section] of Object.entries(sections)) {
    known[name] = section;
    if (name.startsWith("at/")) drawController(places.get(name.slice(3)), section);
    else SECTIONS[name](section);
  }
  refreshSheet();
  document.body.dataset.drawn = "yes";
};

// Freshness.
const fresh = document.querySelector("[data-fresh]");
let silence;
const heard = (alive) => {
  fresh.dataset.fresh = alive ? "live" : "lost";
  put(fresh, say(alive ? "live" : "lost"));
  clearTimeout(silence);
  if (alive) silence = setTimeout(() => heard(false), SILENT_MS);
};

const source = new EventSource("/changes");
source.addEventListener("message", (message) => { heard(true); draw(JSON.parse(message.data)); });
source.addEventListener("error", () => heard(false));

// Touches.
const stateOf = (controller) => known[`at/${controller}`];

const touchDoor = async (controller, element) => {
  const door = Number(element.dataset.door);
  const { stand } = stateOf(controller).doors[door];
  openSheet(controller, element, () => stateOf(controller).doors[door]);
  if (stand === "wide") { await act(controller, "push", { door }); return; }
  if (!(await act(controller, "pull", { door }))) {
    element.classList.remove("holds");
    void element.offsetWidth; // starts the shake again
    element.classList.add("holds");
  }
};

const press = (controller, button) => {
  button.classList.add("down");
  setTimeout(() => button.classList.remove("down"), 120);
  act(controller, "press", { key: button.dataset.key });
};

for (const [controller, place] of places) {
  place.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const state = stateOf(controller);
    if (!button || !state) return;
    const zone = button.closest("[data-zone]")?.dataset.zone;
    if (button.dataset.key !== undefined) press(controller, button);
    else if (button.dataset.door) touchDoor(controller, button);
    else if (button.dataset.probe) act(controller, "probe", { zone, probe: button.dataset.probe, on: state.zones[zone].probes[button.dataset.probe] });
    else if ("compressor" in button.dataset) act(controller, "compressor", { zone, on: state.zones[zone].compressor === "dead" });
    else if (button.dataset.roomDoor) act(controller, "room_door", { zone: button.dataset.roomDoor, on: !state.zones[button.dataset.roomDoor].door_open });
    else if ("power" in button.dataset) act(controller, "power", { on: !state.power });
    else if ("reset" in button.dataset) act(controller, "reset");
  });
  // The computer's own keys, once a finger has been on the console.
  place.querySelector(".console")?.addEventListener("keydown", (event) => {
    const button = place.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (button && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey) press(controller, button);
  });
}

document.querySelector(".network").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const owner = button?.closest("[data-process], [data-link]");
  if (owner) act(owner.dataset.process ?? owner.dataset.link, button.dataset.act);
});
