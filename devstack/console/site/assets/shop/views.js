// Parts of the shop's page, made from data.
import { clock, el, facts, ms, price, servedBadge, tip } from "../dom.js";
import { picture } from "../pictures.js";

const HOW = "Devstack reads the session from the store and computes this answer again without each of its events, as "
  + "`nextitem explain` does. Shown is the event without which the scores of the recommendations change most.";

const BADGES = { new: ["good", "New"], promoted: ["warn", "Promoted"] };

/** A product as a card: its picture looks at it, its button puts it into the cart. `reason` is the service's. */
export function cardOf(product, { reason, because, act }) {
  const [tone, label] = BADGES[reason] ?? [];
  return el("li", {}, el("article", { class: "card" },
    el("button", { type: "button", class: "look", "data-item": product.item_id, onclick: () => act("view") },
      picture(product.item_id, product.picture),
      label ? el("span", { class: `badge flag ${tone}` }, label) : null,
      el("span", { class: "name" }, product.name),
      product.category ? el("span", { class: "category" }, product.category) : null,
      because ? el("span", { class: "because" }, `because of ${because}`) : null),
    el("div", { class: "buy" }, el("span", { class: "price" }, price(product.price)),
      el("button", { type: "button", "aria-label": `Add to cart: ${product.name}`, onclick: () => act("cart") }, "+ Cart"))));
}

/** The product that the visitor looks at. */
export function productOf(product, act) {
  return [
    picture(product.item_id, product.picture),
    el("div", { class: "words" }, el("p", { class: "soft" }, product.category ? `You look at ${product.category}` : "You look at"),
      el("h2", {}, product.name), el("p", { class: "price" }, price(product.price)),
      el("div", { class: "actions" },
        el("button", { type: "button", class: "primary", onclick: () => act("cart") }, "Add to cart"),
        el("button", { type: "button", onclick: () => act("like") }, "Like"))),
  ];
}

/** The facts of an answer. */
export function answerFacts({ answer, roundTrip, functionMs, coldStart }) {
  const time = el("span", { id: "function-time" }, ms(functionMs), coldStart ? el("span", {}, " ", el("span", { class: "badge warn" }, "cold start")) : null);
  return facts([
    ["time in the function", time],
    ["round trip of the browser", ms(roundTrip)],
    ["served by", servedBadge(answer.served_by)],
    ["model version", el("code", {}, answer.model.version)],
    ["variant", answer.model.variant],
    answer.stored === undefined ? null : ["stored", el("span", { class: `badge ${answer.stored ? "good" : "bad"}` }, answer.stored ? "yes" : "no, will be sent again")],
    answer.session_length === undefined ? null : ["session length", String(answer.session_length)],
  ]);
}

/** Which event moved the answer most, and how that was found. */
export function whyOf(why, nameOf) {
  if (!why.reasons.length) return [];
  const text = why.moved_most === null
    ? "The session has one event, so this answer is all due to it."
    : `Moved most by event ${why.moved_most.place}: ${nameOf(why.moved_most.item_id)}`;
  return [el("p", {}, text), tip("How this is found", HOW)];
}

const STATUS = {
  queued: ["warn", "queued"],
  late: ["warn", "late: put at its time"],
  duplicate: ["", "duplicate"],
  too_old: ["bad", "too old"],
  unknown_item: ["", "unknown item"],
};

/** The events of a session, newest first. */
export function timelineOf(events, { notes, products }) {
  if (!events.length) return [el("li", {}, el("span", {}), el("span", { class: "soft" }, "No events yet."))];
  return events.map((event) => {
    const product = products.of(event.item_id);
    const note = notes.of(event.item_id, event.at);
    const [tone, label] = STATUS[event.status ?? note.status] ?? [];
    return el("li", { "data-item": event.item_id, "data-status": event.status ?? note.status ?? "applied" },
      picture(product.item_id, product.picture),
      el("span", {}, product.name, el("span", { class: "when" }, el("time", {}, clock(event.at)),
        event.type === "view" ? null : el("span", { class: "badge" }, event.type),
        label ? el("span", { class: `badge ${tone}` }, label) : null)));
  });
}
