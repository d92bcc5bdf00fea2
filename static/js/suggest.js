// Suggestions below the search field: a combobox with a list box, as WAI-ARIA's
// authoring practices describe it. Without it the field is a plain form.
const form = document.querySelector("form[data-suggest]");
const field = form.elements.q;
const PAUSE = 150; // milliseconds without a key
const SHORTEST = 2;
const REMEMBERED = 5;
const KEY = "recent-searches";

const box = document.createElement("div");
box.id = "suggestions";
box.className = "suggestions";
box.hidden = true;
box.setAttribute("role", "listbox");
box.setAttribute("aria-label", form.dataset.label);
const told = document.createElement("p");
told.className = "sr";
told.setAttribute("role", "status");
form.append(box, told);

const known = new Map();
let typed = field.value;
let active = -1;
let timer;
let asking;

const attributes = {
  role: "combobox",
  autocomplete: "off",
  "aria-autocomplete": "list",
  "aria-haspopup": "listbox",
  "aria-controls": box.id,
  "aria-expanded": "false",
};
for (const [name, value] of Object.entries(attributes)) field.setAttribute(name, value);

// What was searched for stays in this browser; a browser that keeps nothing is fine.
const recent = () => {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
};

const keep = (queries) => {
  try {
    localStorage.setItem(KEY, JSON.stringify(queries.slice(0, REMEMBERED)));
  } catch {
    // Then they are forgotten.
  }
};

const options = () => [...box.querySelectorAll("[role=option]")];

const choose = (index) => {
  const all = options();
  for (const [place, option] of all.entries()) {
    option.id = `suggestion-${place}`;
    option.setAttribute("aria-selected", String(place === index));
  }
  active = index;
  field.value = all[index]?.dataset.query ?? typed;
  if (index < 0) {
    field.removeAttribute("aria-activedescendant");
    return;
  }
  field.setAttribute("aria-activedescendant", all[index].id);
  all[index].scrollIntoView({ block: "nearest" });
};

const isOpen = () => !box.hidden;

const close = () => {
  clearTimeout(timer);
  asking?.abort();
  choose(-1);
  box.hidden = true;
  told.textContent = "";
  field.setAttribute("aria-expanded", "false");
};

const show = () => {
  choose(-1);
  const count = options().length;
  box.hidden = count === 0;
  field.setAttribute("aria-expanded", String(count > 0));
  told.textContent = count ? form.dataset.count.replace("{n}", count) : "";
};

const option = (text, data) => {
  const line = document.createElement("a");
  line.setAttribute("role", "option");
  line.tabIndex = -1;
  line.textContent = text;
  line.href = data.query
    ? `${form.action}?${new URLSearchParams({ q: data.query })}`
    : "#q";
  Object.assign(line.dataset, data);
  return line;
};

const showRecent = () => {
  const queries = recent();
  const group = document.createElement("div");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", form.dataset.recent);
  group.append(...queries.map((query) => option(query, { query })));
  group.append(option(form.dataset.forget, { forget: "true" }));
  box.replaceChildren(...(queries.length ? [group] : []));
  show();
};

const fetched = async (text) => {
  if (known.has(text)) return known.get(text);
  asking = new AbortController();
  const address = `${form.dataset.suggest}?${new URLSearchParams({ q: text })}`;
  const answer = await fetch(address, { signal: asking.signal });
  if (!answer.ok) throw new Error(String(answer.status));
  known.set(text, await answer.text());
  return known.get(text);
};

const ask = async () => {
  const text = typed.trim();
  asking?.abort();
  if (!text) return showRecent();
  if (text.length < SHORTEST) return close();
  try {
    const markup = await fetched(text);
    if (typed.trim() !== text || document.activeElement !== field) return;
    box.innerHTML = markup;
    show();
  } catch {
    // Slow, gone or too many: the form behind the field still works.
  }
};

const move = (step) => {
  const count = options().length;
  // One place more than there are options: what was typed.
  choose(((active + 1 + step + count + 1) % (count + 1)) - 1);
};

field.addEventListener("input", () => {
  typed = field.value;
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
});

field.addEventListener("focus", () => {
  if (!typed.trim()) showRecent();
});

field.addEventListener("blur", close);

field.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (isOpen()) move(event.key === "ArrowDown" ? 1 : -1);
    else ask();
  } else if (event.key === "Escape" && isOpen()) {
    // The browser would empty the field; that is what the second press is for.
    event.preventDefault();
    close();
  } else if (event.key === "Enter" && isOpen() && active >= 0) {
    event.preventDefault();
    options()[active].click();
  }
});

// The field keeps the focus, or its blur would close the list before the click.
box.addEventListener("pointerdown", (event) => event.preventDefault());

box.addEventListener("click", (event) => {
  const { dataset } = event.target.closest("[role=option]") ?? {};
  if (!dataset) return;
  if (dataset.forget) {
    event.preventDefault();
    keep([]);
    close();
  } else if (dataset.query) remember(dataset.query);
});

const remember = (query) => {
  const text = query.trim();
  if (text.length < SHORTEST) return;
  keep([text, ...recent().filter((one) => one !== text)]);
};

form.addEventListener("submit", () => remember(field.value));
