// Small helpers for elements. Text is always set as text, never as HTML.

/** Make an element: `el("p", {class: "soft"}, "text", child)`. `on…` attributes are listeners, false ones are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Replace the children of an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/** Make an SVG element; colours are attributes, because the content security policy admits no inline style. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A question mark that opens an explanation; works with mouse, touch and keyboard. */
export function tip(label, text) {
  const details = el("details", { class: "tip" }, el("summary", { "aria-label": label }, "?"), el("p", {}, text));
  details.addEventListener("keydown", (event) => {
    if (event.key === "Escape") details.open = false;
  });
  return details;
}

export const facts = (pairs) => pairs.filter(Boolean).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));

const SERVED = { session: "good", similar: "good", trending: "good", stateless: "warn", popular: "warn" };

/** A badge of what an answer is based on. */
export const servedBadge = (servedBy) => el("span", { class: `badge ${SERVED[servedBy] ?? "bad"}` }, servedBy);

export const price = (value) => (value === null ? "" : `€ ${value.toFixed(2)}`);
export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const ms = (value) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} ms`);
export const percent = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`);
