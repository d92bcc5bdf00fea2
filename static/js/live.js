// Keeps the open page up to date by a WebSocket (shop/live.py). Without it the bell is
// asked for every minute; without any of this, reloading the page does it all.
const MINUTE = 60_000;
const SHORTEST = 500;
const LONGEST = 30_000;
// Who goes through so much is told of it in the list, not one by one.
const MOST_TOASTS = 3;
const SAMPLES = [1, 2, 5]; // as shop/templatetags/live.py

const page = document.getElementById("toasts").dataset;
const lang = document.documentElement.lang;
const isSignedIn = "liveUser" in page;
const all = (selector) => [...document.querySelectorAll(selector)];
const unique = (values) => [...new Set(values)];

let socket = null;
let failures = 0;
let timer = 0;
let isOver = false;
let missed = 0;

// --- What this tab has seen, over all its pages

const remembered = () => {
  try {
    const stored = JSON.parse(sessionStorage.getItem("live"));
    return stored?.user === page.liveUser ? stored.cursor : 0;
  } catch {
    return 0;
  }
};

const remember = (cursor) => {
  try {
    const seen = { user: page.liveUser, cursor: Math.max(cursor, remembered()) };
    sessionStorage.setItem("live", JSON.stringify(seen));
  } catch {
    // Without storage the page's own cursor has to do.
    page.liveCursor = String(Math.max(cursor, Number(page.liveCursor)));
  }
};

// --- What the page shows

const showUnread = (number) => {
  for (const bell of all("[data-unread-count]")) bell.textContent = number || "";
};

const showNotification = ({ id, data }, isCatchingUp) => {
  remember(id);
  showUnread(data.unread);
  if (!data.loud || (isCatchingUp && ++missed > MOST_TOASTS)) return;
  const detail = { value: data.title, url: data.url };
  document.dispatchEvent(new CustomEvent("toast", { detail }));
};

const showOrder = (order) => {
  for (const part of all(`[data-live-order="${CSS.escape(order.number)}"]`)) {
    if (part.dataset.liveMark === order.mark) continue;
    part.dataset.liveMark = order.mark;
    htmx.trigger(part, "live");
  }
};

const phrase = (words, number) => {
  const rules = new Intl.PluralRules(lang);
  const form = rules.select(number);
  const place = SAMPLES.findIndex((sample) => rules.select(sample) === form);
  const written = new Intl.NumberFormat(lang).format(number);
  return JSON.parse(words)[Math.max(place, 0)].replace("{n}", written);
};

const stepOf = (left, low) => (left <= 0 ? 0 : left <= low ? 1 : 2);

const showStock = ({ product_id: id, available, version }) => {
  for (const part of all(`[data-live-product="${id}"]`)) {
    const shown = part.dataset;
    if (version <= Number(shown.liveVersion ?? -1)) continue;
    shown.liveVersion = version;
    const low = Number(shown.liveLow);
    const before = stepOf(Number(shown.liveLeft), low);
    const after = stepOf(available, low);
    shown.liveLeft = Math.max(0, available);
    if (before === after) {
      const words = after === 1 ? shown.liveFewWords : shown.liveManyWords;
      if (after) part.querySelector(".tag").lastChild.data = phrase(words, available);
    } else {
      // Many may look at what has just sold out: they do not all ask at once.
      setTimeout(() => renewOffer(before && after), Math.random() * 1500);
    }
  }
  for (const bar of all(".buybar")) bar.hidden = available <= 0;
  const quantity = document.getElementById("quantity");
  if (quantity && available > 0) quantity.max = Math.min(99, available);
};

const renewOffer = (canStillBuy) => {
  const stock = document.getElementById("stock");
  const offer = document.getElementById("offer");
  if (stock) htmx.trigger(stock, "live");
  if (offer && !canStillBuy) htmx.trigger(offer, "live");
};

// --- The socket

const take = (frame, isReady) => {
  if (frame.type === "notification") showNotification(frame, !isReady);
  else if (frame.type === "order") showOrder(frame.data);
  else if (frame.type === "stock") showStock(frame.data);
};

const address = () => {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const url = new URL(page.liveUrl || `${scheme}//${location.host}/ws/`);
  url.searchParams.set("lang", lang);
  if (isSignedIn) url.searchParams.set("after", remembered() || page.liveCursor);
  return url;
};

const subscribe = (to) => {
  const products = unique(all("[data-live-product]").map((e) => Number(e.dataset.liveProduct)));
  const orders = unique(all("[data-live-order]").map((e) => e.dataset.liveOrder));
  if (products.length || orders.length) {
    const shown = { products: products.slice(0, 50), orders: orders.slice(0, 20) };
    to.send(JSON.stringify({ type: "subscribe", ...shown }));
  }
};

const connect = () => {
  clearTimeout(timer);
  if (isOver || socket) return;
  const opened = new WebSocket(address());
  let isReady = false;
  socket = opened;
  // A server that takes the call and stays silent is none.
  const patience = setTimeout(() => opened.close(), 10_000);
  opened.addEventListener("open", () => subscribe(opened));
  opened.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(data);
    take(frame, isReady);
    if (frame.type !== "ready") return;
    clearTimeout(patience);
    isReady = true;
    failures = missed = 0;
    if (isSignedIn) {
      remember(frame.data.cursor);
      showUnread(frame.data.unread);
    }
    document.documentElement.dataset.live = "on";
  });
  opened.addEventListener("close", ({ code }) => {
    clearTimeout(patience);
    if (socket === opened) socket = null;
    delete document.documentElement.dataset.live;
    isOver ||= code === 4401;
    const pause = Math.min(LONGEST, SHORTEST * 2 ** failures++);
    // After an outage everybody comes back, but not in the same moment.
    if (!document.hidden) timer = setTimeout(connect, pause * (0.5 + Math.random()));
  });
};

const poll = async () => {
  if (document.documentElement.dataset.live || document.hidden || isOver) return;
  try {
    const answer = await fetch(page.livePoll, { headers: { Accept: "application/json" } });
    if (answer.status === 401) isOver = true;
    if (answer.ok) showUnread((await answer.json()).unread);
  } catch {
    // The next minute will do.
  }
};

const hasSomething = () => isSignedIn || all("[data-live-product]").length > 0;

if (hasSomething()) {
  connect();
  if (isSignedIn) setInterval(poll, MINUTE);
  addEventListener("online", connect);
  document.addEventListener("visibilitychange", () => !document.hidden && connect());
  // An open socket would keep the page from being kept for the way back.
  addEventListener("pagehide", () => {
    clearTimeout(timer);
    socket?.close();
    socket = null;
  });
  addEventListener("pageshow", (event) => event.persisted && connect());
}
