// Parts of the shop's page, made from data.
import { clock, el, facts, ms, price, servedBadge, tip } from "../dom.js";
import { picture } from "../pictures.js";

const HOW = "Devstack reads the session from the store and computes this answer again without each of its events, as "
  + "`nextitem explain` does. Shown is the event without which the scores of the recommendations change most.";

/** A product as a card: its picture looks at it, its button puts it into the cart. */
export function cardOf(product, { reason, nameOf, act }) {
  return el("li", {}, el("article", { class: "card" },
    el("button", { type: "button", class: "look", "data-item": product.item_id, onclick: () => act("view") },
      picture(product.item_id, product.category),
      el("span", { class: "name" }, product.name),
      reason ? el("span", { class: "because" }, `because of ${nameOf(reason.item_id)}`) : null),
    el("div", { class: "buy" }, el("span", { class: "price" }, price(product.price)),
      el("button", { type: "button", "aria-label": `Add to cart: ${product.name}`, onclick: () => act("cart") }, "+ Cart"))));
}

/** The product that the visitor looks at. */
export function productOf(product, buy) {
  return [
    picture(product.item_id, product.category),
    el("div", { class: "words" }, el("p", { class: "soft" }, "You look at"), el("h2", {}, product.name),
      el("p", { class: "price" }, price(product.price)),
      el("button", { type: "button", class: "primary", onclick: buy }, "Add to cart")),
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
export function timelineOf(events, { notes, productIn }) {
  if (!events.length) return [el("li", {}, el("span", {}), el("span", { class: "soft" }, "No events yet."))];
  return events.map((event) => {
    const product = productIn(event.item_id);
    const note = notes.of(event.item_id, event.at);
    const [tone, label] = STATUS[event.status ?? note.status] ?? [];
    return el("li", { "data-item": event.item_id, "data-status": event.status ?? note.status ?? "applied" },
      picture(product.item_id, product.category),
      el("span", {}, product.name, el("span", { class: "when" }, el("time", {}, clock(event.at)),
        note.kind === "cart" ? el("span", { class: "badge" }, "cart") : null,
        label ? el("span", { class: `badge ${tone}` }, label) : null)));
  });
}
