// Small conveniences; every one of them has a plain form or link behind it.
const toasts = document.getElementById("toasts");

const toast = (text, url) => {
  const line = document.createElement("p");
  line.textContent = text;
  if (url) {
    const link = document.createElement("a");
    link.href = url;
    link.textContent = text;
    line.replaceChildren(link);
  }
  toasts.replaceChildren(line);
  // Whoever wants to press it needs the time to.
  setTimeout(() => line.remove(), url ? 12000 : 6000);
};

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.parentElement.remove();
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    navigator.clipboard?.writeText(copy.dataset.copy);
    toast(copy.dataset.copied);
  }
});

// Forms that act at once when JavaScript is there keep their button for when it is not.
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-submit-on-change]");
  if (form) form.requestSubmit();
});

// A second press while the first is on its way would only wait for the same answer.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-once]");
  if (!form) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "true";
});

addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
});

document.addEventListener("htmx:responseError", () => toast(toasts.dataset.error));
document.addEventListener("htmx:sendError", () => toast(toasts.dataset.error));
document.addEventListener("cart", (event) => {
  for (const badge of document.querySelectorAll("[data-cart-count]")) {
    badge.textContent = event.detail.value || "";
  }
});
document.addEventListener("toast", ({ detail }) => toast(detail.value, detail.url));

document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key === "k") {
    event.preventDefault();
    document.getElementById("q").focus();
  }
});
