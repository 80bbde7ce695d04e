// An item: its neighbours in the demo's sessions, the model's answer after it alone, and sessions that have it.
import { callService, devstack } from "../api.js";
import { el, fill, price } from "../dom.js";
import { picture } from "../pictures.js";
import { box, itemLink, ranking, sessionLink } from "./parts.js";

const LIMIT = 12;

export function item(view, catalogue, argument) {
  const itemId = argument ?? catalogue.products.keys().next().value ?? "";
  const options = el("datalist", { id: "items" }, ...[...catalogue.products.values()].map((product) => el("option", { value: product.item_id }, product.name)));
  const input = el("input", { type: "text", id: "item-id", list: "items", value: itemId, required: true, autocomplete: "off", spellcheck: "false" });
  const result = el("div", { class: "view" });
  const form = el("form", {
    class: "form",
    onsubmit: (event) => {
      event.preventDefault();
      location.hash = `#item/${encodeURIComponent(input.value)}`;
    },
  }, el("label", {}, "Item id", input), options, el("button", { class: "primary" }, "Show"));
  fill(view, el("h1", {}, "Item"), form, result);

  async function read() {
    try {
      const [found, alone] = await Promise.all([devstack(`items/${encodeURIComponent(itemId)}`),
        callService("POST", "/v1/recommendations", { item_ids: [itemId], limit: LIMIT })]);
      fill(result, ...shown(found, alone.answer, catalogue));
    } catch (error) {
      fill(result, el("p", { class: "notice bad" }, `The item cannot be shown: ${error.message}.`));
    }
  }
  read();
}

function shown(found, alone, catalogue) {
  const product = catalogue.product(found.item_id);
  const counted = (neighbours) => {
    const sessions = new Map(neighbours.map((neighbour) => [neighbour.item_id, neighbour.sessions]));
    if (!neighbours.length) return el("p", { class: "soft" }, "None in these sessions.");
    return ranking([...sessions.keys()], catalogue, (itemId) => ({ end: el("span", { class: "badge" }, String(sessions.get(itemId))) }));
  };
  return [
    el("section", { class: "box" }, el("div", { class: "item-head" }, picture(product.item_id, product.category),
      el("div", {}, el("h2", {}, product.name), el("p", {}, el("code", {}, product.item_id), " ", price(product.price)),
        el("p", { class: "soft" }, `In ${found.sessions_with_it} of the demo's ${found.sessions_counted} sessions.`)))),
    el("div", { class: "three" },
      box("In the same sessions", el("p", { class: "soft" }, "Number of the demo's sessions that have both."), counted(found.neighbours)),
      box("Right after it", el("p", { class: "soft" }, "Number of the demo's sessions in which it follows."), counted(found.followers)),
      box("The model after it alone", el("p", { class: "soft" }, `POST /v1/recommendations, served by ${alone.served_by}.`),
        ranking(alone.recommendations.map((entry) => entry.item_id), catalogue))),
    box("Sessions that have it", found.sessions.length
      ? el("ul", { class: "plain" }, ...found.sessions.map((demo) => el("li", {}, sessionLink(demo.session_id), ": ",
        ...demo.item_ids.flatMap((itemId, place) => [place ? " → " : "", itemId === found.item_id ? el("strong", {}, itemId) : itemLink({ item_id: itemId, name: itemId })]))))
      : el("p", { class: "soft" }, "None of the demo's sessions.")),
  ];
}
