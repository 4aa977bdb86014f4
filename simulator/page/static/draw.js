// Puts the state of the world into the drawings. Each function gets an element of the page and one section's values.
import { say } from "./acts.js";

const language = document.documentElement.lang;
const degrees = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const MARKS = ["jammed", "blocked", "blind", "dirty"];
const FRUITS = ["#b5462f", "#c98a1b", "#6f8f2f", "#8c3a57", "#d8c9a4", "#4f6f8f"];

export const put = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };

const celsius = (value) => (value === null ? "–" : `${degrees.format(value).replace("-", "−")} °C`);

export const doorInWords = (door) => [
  say(`stand.${door.stand}`),
  door.items.length ? door.items.join(", ") : say("empty"),
  ...(door.led ? [say("mark.led")] : []),
  ...MARKS.filter((mark) => door[mark]).map((mark) => say(`mark.${mark}`)),
].join(" · ");

const fruit = (name) => FRUITS[[...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % FRUITS.length];

export const drawDoor = (element, door) => {
  element.dataset.stand = door.stand;
  element.classList.toggle("full", door.items.length > 0);
  element.classList.toggle("lit", door.led);
  element.classList.toggle("coil", door.coil);
  put(element.querySelector(".name"), door.items.join(", "));
  element.style.setProperty("--fruit", fruit(door.items.join("")));
  element.setAttribute("aria-label", `${say("door", { n: element.dataset.door })} · ${doorInWords(door)}`);
  const marks = MARKS.filter((mark) => door[mark]).map((mark) => say(`mark.${mark}`));
  const shown = element.querySelector(".marks");
  if (shown.dataset.marks !== marks.join()) {
    shown.dataset.marks = marks.join();
    shown.replaceChildren(...marks.map((text) => Object.assign(document.createElement("b"), { textContent: text })));
  }
};

export const drawDisplay = (place, lines, lit) => {
  const lcd = place.querySelector(".lcd");
  const peek = place.querySelector("[data-peek]");
  peek.dataset.lit = lit ? "on" : "off";
  put(peek, lines.join("\n"));
  lcd.dataset.lit = lit ? "on" : "off";
  lines.forEach((line, row) => {
    const cells = lcd.children[row].children;
    const letters = [...line.padEnd(cells.length)];
    for (let column = 0; column < cells.length; column += 1) put(cells[column], letters[column]);
  });
  lcd.setAttribute("aria-label", `${say("display")} : ${lines.filter(Boolean).join(" / ") || say("dark")}`);
};

export const drawZone = (place, id, zone) => {
  const machine = place.querySelector(`[data-zone="${id}"]`);
  put(machine.querySelector("[data-air]"), celsius(zone.air));
  machine.classList.toggle("over", zone.air !== null && zone.air > Number(machine.dataset.high));
  const compressor = machine.querySelector("[data-compressor]");
  compressor.dataset.state = zone.compressor;
  put(compressor.querySelector("em"), say(`compressor.${zone.compressor}`));
  for (const probe of machine.querySelectorAll("[data-probe]")) {
    const unplugged = zone.probes[probe.dataset.probe];
    probe.setAttribute("aria-pressed", String(!unplugged));
    put(probe.querySelector("em"), say(unplugged ? "probe.unplugged" : "probe.plugged"));
  }
  const door = place.querySelector(`[data-room-door="${id}"]`);
  if (door) {
    door.setAttribute("aria-pressed", String(zone.door_open));
    put(door.querySelector("em"), say(zone.door_open ? "room.open" : "room.shut"));
  }
};

export const drawController = (place, state) => {
  place.classList.toggle("dead", !state.power);
  place.querySelector("[data-alarm]").dataset.alarm = state.alarm ? "on" : "off";
  place.querySelector("[data-buzzer]").dataset.buzzer = state.buzzer ? "on" : "off";
  place.querySelector("[data-power]").setAttribute("aria-pressed", String(state.power));
  put(place.querySelector("[data-power-text]"), say(state.power ? "power.on" : "power.off"));
  for (const [id, zone] of Object.entries(state.zones)) drawZone(place, id, zone);
  if (!state.doors) return;
  drawDisplay(place, state.lines, state.lit);
  for (const element of place.querySelectorAll("[data-door]")) drawDoor(element, state.doors[element.dataset.door]);
};

const drawSwitch = (element, isUp, state, button, words) => {
  element.classList.toggle("down", !isUp);
  put(element.querySelector(state), say(isUp ? words.up : words.down));
  const act = element.querySelector(button);
  act.dataset.act = isUp ? words.end : words.begin;
  put(act, say(act.dataset.act));
};

export const drawProcesses = (states) => {
  for (const element of document.querySelectorAll("[data-process]")) {
    drawSwitch(element, states[element.dataset.process], "[data-process-state]", "[data-process-act]", {
      up: "process.up", down: "process.down", end: "kill", begin: "start",
    });
  }
};

export const drawLinks = (states) => {
  for (const element of document.querySelectorAll("[data-link]")) {
    drawSwitch(element, states[element.dataset.link], "[data-link-state]", "[data-link-act]", {
      up: "link.up", down: "link.down", end: "cut", begin: "mend",
    });
  }
};

export const drawMails = (count) => {
  for (const element of document.querySelectorAll("[data-mails]")) put(element, String(count));
};

const span = (className, text) => Object.assign(document.createElement("span"), { className, textContent: text });

const detailOf = (detail) => {
  const what = say(`detail.${detail.replace(/ no more$/, "")}`).replace(/^detail\./, "");
  return detail.endsWith(" no more") ? say("detail.over", { what }) : what;
};

const lineOf = (event) => {
  const line = document.createElement("li");
  const time = Object.assign(document.createElement("time"), { textContent: clock.format(event.at) });
  const door = event.door === null ? "" : `${say("door", { n: event.door })} : `;
  const kind = say(`log.${event.kind}`);
  const detail = detailOf(event.detail);
  const what = `${door}${kind.replace(/^log\./, "")}${detail ? `, ${detail}` : ""}`;
  const tone = ["fault", "broken"].includes(event.kind) || event.detail === "forced" ? "what bad" : "what";
  line.append(time, span("where", event.controller), span(tone, what));
  return line;
};

export const drawLog = (events) => {
  if (events.length) document.querySelector("[data-log]").replaceChildren(...events.map(lineOf));
};
