// The panel of the door in hand: what hands can do with it, and what can go wrong with it.
import { act, say } from "./acts.js";
import { doorInWords, put } from "./draw.js";

const sheet = document.querySelector("[data-sheet]");
const TOGGLES = { jam: ["jam", "unjam"], block: ["block", "unblock"], blind: ["blind", "unblind"], dirty: ["dirty", "undirty"] };
let inHand = null;

export const refreshSheet = () => {
  if (inHand === null) return;
  const door = inHand.state();
  const isOpen = door.stand !== "latched";
  put(sheet.querySelector("[data-sheet-title]"), say("door", { n: inHand.number }));
  put(sheet.querySelector("[data-sheet-state]"), doorInWords(door));
  for (const button of sheet.querySelectorAll("[data-toggle]")) {
    const on = door[button.dataset.flag];
    button.setAttribute("aria-pressed", String(on));
    put(button, say(TOGGLES[button.dataset.toggle][on ? 1 : 0]));
  }
  sheet.querySelector('[data-do="push"]').disabled = !isOpen;
  sheet.querySelector('[data-do="take"]').disabled = !isOpen || door.items.length === 0;
  sheet.querySelector('[data-do="force"]').disabled = isOpen;
  sheet.querySelector("[data-put]").disabled = !isOpen;
};

const choose = (element) => {
  for (const other of document.querySelectorAll(".door.chosen")) other.classList.remove("chosen");
  element?.classList.add("chosen");
};

export const openSheet = (controller, element, state) => {
  inHand = { controller, number: Number(element.dataset.door), state };
  choose(element);
  sheet.hidden = false;
  refreshSheet();
  // The door in hand stays in sight above the panel.
  const hidden = element.getBoundingClientRect().bottom + 12 - sheet.getBoundingClientRect().top;
  if (hidden > 0) window.scrollBy({ top: hidden, behavior: "smooth" });
};

const closeSheet = () => {
  inHand = null;
  choose(null);
  sheet.hidden = true;
};

const goods = sheet.querySelector("[data-put]");
goods.addEventListener("change", () => {
  if (inHand && goods.value) act(inHand.controller, "put", { door: inHand.number, item: goods.value });
  goods.value = "";
});

sheet.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || inHand === null) return;
  if ("sheetClose" in button.dataset) closeSheet();
  else if (button.dataset.do) act(inHand.controller, button.dataset.do, { door: inHand.number });
  else if (button.dataset.toggle) act(inHand.controller, button.dataset.toggle, { door: inHand.number, on: button.getAttribute("aria-pressed") !== "true" });
});

document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeSheet(); });
