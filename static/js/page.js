// What the pages do by themselves. Behind each there is a plain form or link. Parts
// are joined into js/shop.js by config/bundles.py; they share what stands on top here.
//
// In templates:
//   data-dismiss              a button that takes away the element around it
//   data-copy, data-copied    a button that copies a text, and what is said of it;
//                             with data-share the device's own sharing comes first
//   data-submit-on-change     a form that is sent as soon as one of its fields changes
//   data-once                 a form that is sent once, however often it is pressed
//   data-reveal="field-id"    a button that shows what a password field holds
//   data-dialog="dialog-id"   a link that opens a <dialog> instead; the dialog hears of
//                             it by the event "open" (data-hx-trigger="open"), and
//                             closes by <form method="dialog">, Escape, or a press beside it
//   data-step="1"             a button that adds to the number in its form
//   data-countdown="seconds"  runs down, then the page is loaded anew
//   data-photos="element-id"  a field for photos: makes large ones small, shows them there,
//                             each with a button (data-remove="…") to leave it out
//   data-again                is sent up to three times more when the shop is busy (429, 503)
// Events, by HX-Trigger or by hand:
//   toast   {value, url?, undo?: {url, label, values?}}
//   drawer  {value: "dialog-id"}: opens what the answer has filled
//   counts  {cart: 3, coupon: 2, points: "11,200 P"} into [data-cart-count] and so on
const page = document.getElementById("toasts").dataset;
const lang = document.documentElement.lang;
const on = (name, act, target = document) => target.addEventListener(name, act);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);
const make = (tag, values) => Object.assign(document.createElement(tag), values);
// For what many browsers would do in the same moment.
const soon = (act, pause = 1500) => setTimeout(act, Math.random() * pause);

const toast = ({ value, url, undo }, again) => {
  const line = make("p");
  line.append(url ? make("a", { href: url, textContent: value }) : value);
  const button = (textContent, act) => {
    const onclick = () => {
      line.remove();
      act();
    };
    line.append(make("button", { type: "button", textContent, onclick }));
  };
  if (again) button(page.again, again);
  if (undo) {
    const csrfmiddlewaretoken = all("[name=csrfmiddlewaretoken]")[0]?.value;
    const values = { csrfmiddlewaretoken, ...undo.values };
    button(undo.label, () => htmx.ajax("POST", undo.url, { swap: "none", values }));
  }
  byId("toasts").replaceChildren(line);
};

const count = (counts) => {
  for (const [name, value] of Object.entries(counts)) {
    for (const badge of all(`[data-${name}-count]`)) badge.textContent = value || "";
  }
};

on("toast", ({ detail }) => toast(detail));
on("counts", ({ detail }) => count(detail));
on("drawer", ({ detail }) => byId(detail.value).open || byId(detail.value).showModal());
on("cart", ({ detail }) => count({ cart: detail.value }));
// How long a toast stays is a matter of the stylesheet.
on("animationend", ({ target }) => target.parentElement?.id === "toasts" && target.remove());

const failed = ({ detail: { requestConfig: asked, xhr, elt } }) => {
  const again = () => {
    const { target, formData: values } = asked;
    htmx.ajax(asked.verb, asked.path, { source: asked.elt, target, values });
  };
  const isBusy = [429, 503].includes(xhr?.status);
  const tries = Number(elt.dataset.tries ?? 0);
  if (isBusy && "again" in elt.dataset && tries < 3) {
    elt.dataset.tries = tries + 1;
    soon(again, 1000 * 2 ** tries);
  } else toast({ value: isBusy ? page.busy : page.error }, again);
};
for (const name of ["responseError", "sendError", "timeout"]) on(`htmx:${name}`, failed);

on("click", (event) => {
  const { target } = event;
  const pressed = (name) => target.closest(`[data-${name}]`);
  pressed("dismiss")?.parentElement.remove();
  const copy = pressed("copy")?.dataset;
  if (copy) {
    if ("share" in copy && navigator.share) {
      navigator.share({ url: copy.copy }).catch(() => {});
    } else {
      navigator.clipboard?.writeText(copy.copy);
      toast({ value: copy.copied });
    }
  }
  const reveal = pressed("reveal");
  if (reveal) {
    const field = byId(reveal.dataset.reveal);
    const isShown = field.type === "text";
    field.type = isShown ? "password" : "text";
    reveal.ariaPressed = !isShown;
  }
  const step = pressed("step");
  if (step) {
    event.preventDefault();
    const field = step.form.querySelector("[type=number]");
    field.stepUp(step.dataset.step);
    htmx.trigger(field, "change");
  }
  const dialog = byId(pressed("dialog")?.dataset.dialog);
  if (dialog && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    dialog.showModal();
    htmx.trigger(dialog, "open");
  }
  if (target.tagName === "DIALOG") target.close();
});

on("change", ({ target }) => {
  target.closest("[data-submit-on-change]")?.requestSubmit();
  if (target.dataset.photos) prepare(target);
});

const MOST = 1600; // pixels, as reviews/pictures.py keeps
const smaller = async (file) => {
  if (file.size < 1e6) return file;
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, MOST / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(picture.width * scale, picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const type = "image/jpeg";
  return new File([await canvas.convertToBlob({ type })], file.name, { type });
};

const keep = (field, files) => {
  const kept = new DataTransfer();
  for (const file of files) kept.items.add(file);
  field.files = kept.files;
  const previews = files.map((file) => {
    const onclick = () => keep(field, files.filter((other) => other !== file));
    const button = make("button", { type: "button", className: "btn btn-small", onclick });
    const picture = make("canvas", { width: 96, height: 96 });
    const draw = (image) => picture.getContext("2d").drawImage(image, 0, 0, 96, 96);
    createImageBitmap(file).then(draw, () => picture.remove());
    button.append(picture, `${field.dataset.remove} ${file.name}`);
    return button;
  });
  byId(field.dataset.photos).replaceChildren(...previews);
};
// What the browser cannot read, the shop judges.
const prepare = async (field) =>
  keep(field, await Promise.all([...field.files].map((file) => smaller(file).catch(() => file))));

// A second press while the first is on its way would only wait for the same answer.
on("submit", (event) => {
  const form = event.target.closest("[data-once]")?.dataset;
  if (form?.sent) event.preventDefault();
  if (form) form.sent = 1;
});
on("pageshow", () => all("[data-sent]").forEach((form) => delete form.dataset.sent), window);

on("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key === "k") {
    event.preventDefault();
    byId("q").focus();
  }
});

// Runs on the server's number: a wrong clock here cannot open a coupon early.
const started = performance.now();
const clock = (seconds) => {
  const days = Math.floor(seconds / 86400);
  const time = new Date(seconds * 1000).toISOString().slice(11, 19);
  return days ? `${days}d ${time}` : time;
};
const tick = () => {
  const passed = Math.floor((performance.now() - started) / 1000);
  for (const element of all("[data-countdown]")) {
    const left = element.dataset.countdown - passed;
    if (left > 0) element.textContent = clock(left);
    else {
      element.removeAttribute("data-countdown");
      soon(() => location.reload());
    }
  }
};
tick();
setInterval(tick, 1000);

if (page.worker) navigator.serviceWorker?.register(page.worker);
