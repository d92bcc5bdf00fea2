// Suggestions below the search field: a combobox with a list box, as WAI-ARIA's
// authoring practices describe it. Without it the field is a plain form.
const form = all("form[data-suggest]")[0];
const field = form.elements.q;
const words = form.dataset;
const PAUSE = 150; // milliseconds without a key
const SHORTEST = 2;
const REMEMBERED = 5;

const box = make("div", { id: "suggestions", className: "suggestions", hidden: true });
box.role = "listbox";
box.ariaLabel = words.label;
const told = make("p", { className: "sr", role: "status" });
form.append(box, told);

const known = new Map();
let typed = field.value;
let active = -1;
let typing;
let asking;

field.role = "combobox";
field.autocomplete = "off";
field.ariaAutoComplete = "list";
field.ariaHasPopup = "listbox";
field.ariaExpanded = false;
field.setAttribute("aria-controls", box.id);

// What was searched for stays in this browser; one that keeps nothing is fine.
const recent = () => {
  try {
    return JSON.parse(localStorage.recent);
  } catch {
    return [];
  }
};

const keep = (queries) => {
  try {
    localStorage.recent = JSON.stringify(queries.slice(0, REMEMBERED));
  } catch {}
};

const remember = (query) => {
  const text = query.trim();
  if (text.length >= SHORTEST) keep([text, ...recent().filter((one) => one !== text)]);
};

const options = () => all("[role=option]", box);

const choose = (index) => {
  options().forEach((option, place) => {
    option.id = `suggestion-${place}`;
    option.ariaSelected = place === index;
  });
  active = index;
  const chosen = options()[index];
  field.value = chosen?.dataset.query ?? typed;
  if (!chosen) return field.removeAttribute("aria-activedescendant");
  field.setAttribute("aria-activedescendant", chosen.id);
  chosen.scrollIntoView({ block: "nearest" });
};

const show = () => {
  choose(-1);
  const found = options().length;
  box.hidden = !found;
  field.ariaExpanded = found > 0;
  told.textContent = found ? words.count.replace("{n}", found) : "";
};

const close = () => {
  clearTimeout(typing);
  asking?.abort();
  box.replaceChildren();
  show();
};

const address = (base, q) => `${base}?${new URLSearchParams({ q })}`;

const option = (textContent, href, data) => {
  const line = make("a", { textContent, href, tabIndex: -1 });
  line.role = "option";
  Object.assign(line.dataset, data);
  return line;
};

const showRecent = () => {
  const queries = recent();
  const group = make("div", { ariaLabel: words.recent });
  group.role = "group";
  for (const query of queries) {
    group.append(option(query, address(form.action, query), { query }));
  }
  group.append(option(words.forget, "#q", { forget: 1 }));
  box.replaceChildren(...(queries.length ? [group] : []));
  show();
};

const ask = async () => {
  const text = typed.trim();
  asking?.abort();
  if (!text) return showRecent();
  if (text.length < SHORTEST) return close();
  asking = new AbortController();
  try {
    if (!known.has(text)) {
      const answer = await fetch(address(words.suggest, text), { signal: asking.signal });
      if (!answer.ok) return;
      known.set(text, await answer.text());
    }
    if (typed.trim() !== text || document.activeElement !== field) return;
    box.innerHTML = known.get(text);
    show();
  } catch {
    // Slow or gone: the form behind the field still works.
  }
};

on("input", () => {
  typed = field.value;
  clearTimeout(typing);
  typing = setTimeout(ask, PAUSE);
}, field);
on("focus", () => typed.trim() || showRecent(), field);
on("blur", close, field);

on("keydown", (event) => {
  const { key } = event;
  const isOpen = !box.hidden;
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  const isOurs = step || (isOpen && (key === "Escape" || (key === "Enter" && active >= 0)));
  if (event.isComposing || !isOurs) return;
  // A form sent, a cursor moved, or (Escape) a field emptied: not while the list is open.
  event.preventDefault();
  if (key === "Escape") close();
  else if (key === "Enter") options()[active].click();
  else if (!isOpen) ask();
  else {
    // One place more than there are options: what was typed.
    const places = options().length + 1;
    choose(((active + 1 + step + places) % places) - 1);
  }
}, field);

// The field keeps the focus, or its blur would close the list before the click.
on("pointerdown", (event) => event.preventDefault(), box);

on("click", (event) => {
  const { query, forget } = event.target.closest("[role=option]")?.dataset ?? {};
  if (query) remember(query);
  if (!forget) return;
  event.preventDefault();
  keep([]);
  close();
}, box);

on("submit", () => remember(field.value), form);
