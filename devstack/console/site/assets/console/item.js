// An item: its neighbours in the demo's sessions, the model's answer after it alone, and sessions that have it.
import { callService, devstack, queryOf } from "../api.js";
import { el, facts, fill, price } from "../dom.js";
import { picture } from "../pictures.js";
import { box, itemLink, ranking, sessionLink } from "./parts.js";

const LIMIT = 12;

export function item(view, shared, argument) {
  const itemId = argument ?? shared.popular[0] ?? "";
  const options = el("datalist", { id: "items" }, ...shared.popular.map((popular) => el("option", { value: popular }, shared.products.of(popular).name)));
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
      const [found, attributes, alone] = await Promise.all([devstack(`items/${encodeURIComponent(itemId)}`),
        devstack(`attributes?${queryOf({ item_id: [itemId] })}`),
        callService("POST", "/v1/recommendations", { item_ids: [itemId], limit: LIMIT, fields: shared.products.fields })]);
      shared.products.learn(alone.answer.recommendations);
      await shared.products.fetch([itemId, ...[...found.neighbours, ...found.followers].map((neighbour) => neighbour.item_id)]);
      fill(result, ...shown(found, attributes[itemId], alone.answer, shared));
    } catch (error) {
      fill(result, el("p", { class: "notice bad" }, `The item cannot be shown: ${error.message}.`));
    }
  }
  read();
}

function shown(found, attributes, alone, shared) {
  const product = shared.products.of(found.item_id);
  const counted = (neighbours) => {
    const sessions = new Map(neighbours.map((neighbour) => [neighbour.item_id, neighbour.sessions]));
    if (!neighbours.length) return el("p", { class: "soft" }, "None in these sessions.");
    return ranking([...sessions.keys()], shared, (itemId) => ({ end: el("span", { class: "badge" }, String(sessions.get(itemId))) }));
  };
  return [
    el("section", { class: "box" }, el("div", { class: "item-head" }, picture(product.item_id, product.picture),
      el("div", {}, el("h2", {}, product.name), el("p", {}, el("code", {}, product.item_id), " ", price(product.price)),
        el("p", { class: "soft" }, `In ${found.sessions_with_it} of the demo's ${found.sessions_counted} sessions.`)))),
    box("In the catalogue", attributes
      ? el("dl", { class: "facts", id: "attributes" }, ...facts(Object.entries(attributes).map(([name, value]) => [name, textOf(value)])))
      : el("p", { class: "soft" }, "The route's catalogue does not have it.")),
    el("div", { class: "three" },
      box("In the same sessions", el("p", { class: "soft" }, "Number of the demo's sessions that have both."), counted(found.neighbours)),
      box("Right after it", el("p", { class: "soft" }, "Number of the demo's sessions in which it follows."), counted(found.followers)),
      box("The model after it alone", el("p", { class: "soft" }, `POST /v1/recommendations, served by ${alone.served_by}.`),
        ranking(alone.recommendations.map((entry) => entry.item_id), shared))),
    box("Sessions that have it", found.sessions.length
      ? el("ul", { class: "plain" }, ...found.sessions.map((demo) => el("li", {}, sessionLink(demo.session_id), ": ",
        ...demo.item_ids.flatMap((itemId, place) => [place ? " → " : "", itemId === found.item_id ? el("strong", {}, itemId) : itemLink({ item_id: itemId, name: itemId })]))))
      : el("p", { class: "soft" }, "None of the demo's sessions.")),
  ];
}

const textOf = (value) => (value === null ? "–" : Array.isArray(value) ? value.join(", ") : String(value));
