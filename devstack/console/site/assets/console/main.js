// The console: one view at a time, chosen by the address: #overview, #models, #experiments, #drift, #catalogue, #session/ID, #item/ID, #faults.
import { callService, devstack, queryOf, useToken } from "../api.js";
import { byId, el, fill } from "../dom.js";
import { Products } from "../products.js";
import { startTheme } from "../theme.js";
import { catalogue } from "./catalogue.js";
import { drift } from "./drift.js";
import { experiments } from "./experiments.js";
import { faults } from "./faults.js";
import { item } from "./item.js";
import { models } from "./models.js";
import { overview } from "./overview.js";
import { session } from "./session.js";

const POPULAR = 100;
const VIEWS = { overview, models, experiments, drift, catalogue, session, item, faults };
const shared = { products: null, popular: [] };
let leave = () => {};

/** Say something to the visitor above the page. */
shared.say = (text) => {
  byId("notice").textContent = text;
};

/** Ask before something changes; resolves to whether the visitor agreed. */
shared.confirm = (title, text, yes) => {
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
    if (link.getAttribute("href") === `#${view}`) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  shared.say("");
  const place = el("div", { class: "view" });
  place.id = "view";
  byId("view").replaceWith(place);
  leave = VIEWS[view](place, shared, argument) ?? (() => {});
}

async function start() {
  startTheme();
  byId("confirm-yes").addEventListener("click", () => byId("confirm").close("yes"));
  byId("confirm-no").addEventListener("click", () => byId("confirm").close("no"));
  const shop = await devstack("shop");
  useToken(shop.token);
  shared.products = new Products(shop.fields, (itemIds) => devstack(`attributes?${queryOf({ item_id: itemIds })}`));
  const body = { limit: POPULAR, fields: shop.fields };
  const { answer } = await callService("POST", "/v1/recommendations", body);
  shared.products.learn(answer.recommendations);
  shared.popular = answer.recommendations.map((recommendation) => recommendation.item_id);
  window.addEventListener("hashchange", show);
  show();
}

start().catch((error) => {
  fill(byId("view"), el("p", { class: "notice bad" }, `The console cannot start: ${error.message}`));
});
