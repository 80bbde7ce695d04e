// The console: one view at a time, chosen by the address: #overview, #models, #session/ID, #item/ID, #faults.
import { devstack, useToken } from "../api.js";
import { byId, el, fill } from "../dom.js";
import { startTheme } from "../theme.js";
import { faults } from "./faults.js";
import { item } from "./item.js";
import { models } from "./models.js";
import { overview } from "./overview.js";
import { session } from "./session.js";

const VIEWS = { overview, models, session, item, faults };
const catalogue = { products: new Map() };
let leave = () => {};

/** A product by its id, also one that the shop does not sell. */
catalogue.product = (itemId) => catalogue.products.get(itemId) ?? { item_id: itemId, name: itemId, category: "item", price: null };

/** Say something to the visitor above the page. */
catalogue.say = (text) => {
  byId("notice").textContent = text;
};

/** Ask before something changes; resolves to whether the visitor agreed. */
catalogue.confirm = (title, text, yes) => {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
};

function show() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const view = VIEWS[name] ? name : "overview";
  const argument = rest.length ? decodeURIComponent(rest.join("/")) : null;
  leave();
  for (const link of document.querySelectorAll(".tabs a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  catalogue.say("");
  const place = el("div", { class: "view" });
  place.id = "view";
  byId("view").replaceWith(place);
  leave = VIEWS[view](place, catalogue, argument) ?? (() => {});
}

async function start() {
  startTheme();
  byId("confirm-yes").addEventListener("click", () => byId("confirm").close("yes"));
  byId("confirm-no").addEventListener("click", () => byId("confirm").close("no"));
  const shop = await devstack("shop");
  useToken(shop.token);
  catalogue.products = new Map(shop.products.map((product) => [product.item_id, product]));
  window.addEventListener("hashchange", show);
  show();
}

start().catch((error) => {
  fill(byId("view"), el("p", { class: "notice bad" }, `The console cannot start: ${error.message}`));
});
