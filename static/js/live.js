// Keeps the open page up to date by a WebSocket (shop/live.py). Without it the bell is
// asked for every minute; without any of this, reloading the page does it all.
const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 30_000;
// Who goes through so much is told of it in the list, not one by one.
const MOST_TOASTS = 3;
const SAMPLES = [1, 2, 5]; // as shop/templatetags/live.py

const root = document.documentElement;
const isSignedIn = "liveUser" in page;

let socket = null;
let failures = 0;
let timer = 0;
let isOver = false;
let missed = 0;

// --- What this tab has seen, over all its pages

const cursor = () => {
  try {
    const { user, seen } = JSON.parse(sessionStorage.live);
    if (user === page.liveUser) return Math.max(seen, page.liveCursor);
  } catch {}
  return Number(page.liveCursor);
};

const seeUpTo = (id) => {
  // Without storage the page's own cursor has to do.
  page.liveCursor = Math.max(id, cursor());
  try {
    sessionStorage.live = JSON.stringify({ user: page.liveUser, seen: page.liveCursor });
  } catch {}
};

// --- What the page shows

const showUnread = (unread) => count({ unread });

const showNotification = ({ id, data }, isReady) => {
  seeUpTo(id);
  showUnread(data.unread);
  if (!data.loud || (!isReady && ++missed > MOST_TOASTS)) return;
  toast({ value: data.title, url: data.url });
};

const showOrder = ({ number, mark }) => {
  for (const part of all(`[data-live-order="${CSS.escape(number)}"]`)) {
    if (part.dataset.liveMark === mark) continue;
    part.dataset.liveMark = mark;
    htmx.trigger(part, "live");
  }
};

const phrase = (words, number) => {
  const rules = new Intl.PluralRules(lang);
  const form = rules.select(number);
  const place = SAMPLES.findIndex((sample) => rules.select(sample) === form);
  return JSON.parse(words)[Math.max(place, 0)].replace("{n}", number.toLocaleString(lang));
};

const stepOf = (left, low) => (left <= 0 ? 0 : left <= low ? 1 : 2);

const showStock = ({ product_id: id, available, version, price }) => {
  for (const part of all(`[data-live-product="${id}"]`)) {
    const shown = part.dataset;
    if (version <= (shown.liveVersion ?? -1)) continue;
    shown.liveVersion = version;
    const note = byId("price-note");
    if (note) note.hidden = price === +shown.livePrice;
    const before = stepOf(shown.liveLeft, +shown.liveLow);
    const after = stepOf(available, +shown.liveLow);
    shown.liveLeft = Math.max(0, available);
    if (before !== after) {
      // Many may look at what has just sold out: they do not all ask at once.
      soon(() => renewOffer(before && after));
    } else if (after) {
      const words = after === 1 ? shown.liveFewWords : shown.liveManyWords;
      part.querySelector(".tag").lastChild.data = phrase(words, available);
    }
  }
  for (const bar of all(".buybar")) bar.hidden = available <= 0;
};

const renewOffer = (canStillBuy) => {
  for (const id of canStillBuy ? ["stock"] : ["stock", "offer"]) {
    if (byId(id)) htmx.trigger(byId(id), "live");
  }
};

// --- The socket

const socketAddress = () => {
  const url = new URL(page.liveUrl || `${location.origin.replace("http", "ws")}/ws/`);
  url.searchParams.set("lang", lang);
  if (isSignedIn) url.searchParams.set("after", cursor());
  return url;
};

const shownNow = (name, most) => {
  const found = all(`[data-live-${name}]`).map((part) => part.getAttribute(`data-live-${name}`));
  return [...new Set(found)].slice(0, most);
};

const subscribe = (to) => {
  const products = shownNow("product", 50).map(Number);
  const orders = shownNow("order", 20);
  if (products.length || orders.length) {
    to.send(JSON.stringify({ type: "subscribe", products, orders }));
  }
};

const connect = () => {
  clearTimeout(timer);
  if (isOver || socket) return;
  const opened = new WebSocket(socketAddress());
  let isReady = false;
  socket = opened;
  // A server that takes the call and stays silent is none.
  const patience = setTimeout(() => opened.close(), 10_000);
  on("open", () => subscribe(opened), opened);
  on("message", (event) => {
    const frame = JSON.parse(event.data);
    const { type, data } = frame;
    if (type === "notification") showNotification(frame, isReady);
    if (type === "order") showOrder(data);
    if (type === "stock") showStock(data);
    if (type !== "ready") return;
    clearTimeout(patience);
    isReady = true;
    failures = missed = 0;
    root.dataset.live = "on";
    if (!isSignedIn) return;
    seeUpTo(data.cursor);
    showUnread(data.unread);
  }, opened);
  on("close", ({ code }) => {
    clearTimeout(patience);
    if (socket === opened) socket = null;
    delete root.dataset.live;
    isOver ||= code === 4401;
    const pause = Math.min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** failures++);
    // After an outage everybody comes back, but not in the same moment.
    if (!document.hidden) timer = setTimeout(connect, pause * (0.5 + Math.random()));
  }, opened);
};

const poll = async () => {
  if (root.dataset.live || document.hidden || isOver) return;
  try {
    const answer = await fetch(page.livePoll, { headers: { Accept: "application/json" } });
    isOver = answer.status === 401;
    if (answer.ok) showUnread((await answer.json()).unread);
  } catch {
    // The next minute will do.
  }
};

if (isSignedIn || all("[data-live-product]")[0]) {
  connect();
  if (isSignedIn) setInterval(poll, 60_000);
  on("online", connect, window);
  on("visibilitychange", () => document.hidden || connect());
  // An open socket would keep the page from being kept for the way back.
  on("pagehide", () => {
    clearTimeout(timer);
    socket?.close();
    socket = null;
  }, window);
  on("pageshow", (event) => event.persisted && connect(), window);
}
