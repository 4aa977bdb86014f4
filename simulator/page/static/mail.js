// Shows times as the reader writes them; the list of mails loads itself again when one arrives.
const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
const show = (root) => {
  for (const time of root.querySelectorAll("[data-time]")) time.textContent = format.format(new Date(time.dateTime));
};
show(document);

const replace = async () => {
  const reply = await fetch(location.href, { cache: "no-store" });
  if (!reply.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  show(page);
  for (const part of ["[data-letters]", "[data-mails]"]) {
    const now = document.querySelector(part);
    const next = page.querySelector(part);
    if (now && next) now.replaceWith(document.adoptNode(next));
  }
};

new EventSource("/changes").addEventListener("message", (message) => {
  const { mails } = JSON.parse(message.data);
  if (mails !== undefined && String(mails) !== document.querySelector("[data-mails]").textContent) replace();
});
