// Sends acts to the world and says why one was refused.

export const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

export const say = (key, values = {}) =>
  Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, String(value)), words[key] ?? key);

const toast = document.querySelector("[data-toast]");
let hiding;

export const tell = (text) => {
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 3500);
};

// Whether it was done. A refusal is told in the page's own words.
export const act = async (target, action, more = {}) => {
  let reply;
  try {
    reply = await fetch("/act", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ target, action, ...more }),
    });
  } catch {
    tell(say("lost"));
    return false;
  }
  if (reply.ok) return true;
  const refusal = await reply.json();
  tell(say(refusal.code, { n: more.door, reason: refusal.detail }));
  return false;
};
