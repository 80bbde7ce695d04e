// Parts that several views share.
import { el } from "../dom.js";
import { picture } from "../pictures.js";

export const box = (title, ...children) => el("section", { class: "box" }, el("h2", {}, title), ...children);

export const itemLink = (product) => el("a", { href: `#item/${encodeURIComponent(product.item_id)}` }, product.name);
export const sessionLink = (sessionId) => el("a", { href: `#session/${encodeURIComponent(sessionId)}` }, sessionId);

/** A table; `heads` that begin with # are of numbers. */
export function table(label, heads, rows) {
  const number = heads.map((head) => head.startsWith("#"));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, el("table", {},
    el("thead", {}, el("tr", {}, ...heads.map((head, place) => el("th", { scope: "col", class: number[place] && "number" }, head.replace("#", ""))))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, place) => el("td", { class: number[place] && "number" }, cell ?? "–")))))));
}

/** Ranked items; `mark` gives what stands at the end of a line, and whether the item is new. */
export function ranking(itemIds, shared, mark = () => ({})) {
  return el("ol", { class: "ranked" }, ...itemIds.map((itemId, index) => {
    const product = shared.products.of(itemId);
    const { end, fresh } = mark(itemId, index);
    return el("li", { class: fresh && "new" }, el("span", { class: "place" }, String(index + 1)),
      picture(itemId, product.picture), itemLink(product), end ?? "");
  }));
}

/** Call `work` now and every `milliseconds` while the page is visible; returns a function that ends it. */
export function every(milliseconds, work) {
  let ended = false;
  const turn = async () => {
    if (ended) return;
    if (!document.hidden) await work();
    if (!ended) setTimeout(turn, milliseconds);
  };
  turn();
  return () => {
    ended = true;
  };
}

/** Returns a function that says whether a value differs from the one before: only then a view is drawn again, because that takes the focus. */
export function changed() {
  let before;
  return (value) => {
    const now = JSON.stringify(value);
    const isNew = now !== before;
    before = now;
    return isNew;
  };
}

/** A moment of the API in words, UTC. */
export const when = (time) => `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** What a part says that needs the event lake. */
export const noLake = (what) => el("p", { class: "notice", id: "no-lake" }, `${what} need the event lake, which this stack does not collect. Start it with `, el("code", {}, "make run ARGS=--lake"), ", after ", el("code", {}, "make install"), ".");
