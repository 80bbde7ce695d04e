// The shelf: what visitors look at most of a category and a price range, asked of the service by a filter.
import { callService } from "../api.js";
import { byId, el, fill } from "../dom.js";
import { cardOf } from "./views.js";

const STEP = 12;
const PRICES = [
  ["any price", {}], ["under € 20", { lt: 20 }], ["€ 20 to € 50", { gte: 20, lt: 50 }],
  ["€ 50 to € 150", { gte: 50, lt: 150 }], ["€ 150 and more", { gte: 150 }],
];

export class Shelf {
  /** `categories` are the catalogue's; `act(itemId, type)` adds an event; `entered(category)` is called with each choice. */
  constructor(products, categories, act, entered) {
    Object.assign(this, { products, categories, act, entered, category: null, price: 0, next: null, turn: 0 });
    byId("prices").hidden = !products.fields.includes("price");
    fill(byId("price"), ...PRICES.map(([label], place) => el("option", { value: place }, label)));
    byId("price").addEventListener("change", (event) => this.choose({ price: Number(event.target.value) }));
    byId("more").addEventListener("click", () => this.#read({ after: this.next }));
  }

  /** Show another category or price range. */
  choose(wishes) {
    Object.assign(this, wishes, { next: null });
    byId("more").hidden = true; // the next page of another shelf
    this.#showChips();
    return this.#read({});
  }

  #filter() {
    const price = PRICES[this.price][1];
    const filter = { ...(this.category && { category: this.category }), ...(Object.keys(price).length && { price }) };
    return Object.keys(filter).length ? { filter } : {};
  }

  /** Read a page of the shelf, and add it to the one before if it comes after one. A newer wish makes an answer void. */
  async #read(page) {
    const turn = ++this.turn;
    const { answer } = await callService("POST", "/v1/recommendations", { limit: STEP, fields: this.products.fields, ...this.#filter(), ...page });
    if (turn !== this.turn) return;
    this.products.learn(answer.recommendations);
    this.next = answer.next ?? null;
    const cards = answer.recommendations.map(({ item_id: itemId, reason }) => cardOf(this.products.of(itemId), { reason, act: (type) => this.act(itemId, type) }));
    if (page.after) byId("shelf").append(...cards);
    else fill(byId("shelf"), ...cards);
    byId("shelf-note").textContent = byId("shelf").children.length ? "" : "Nothing of this category has such a price.";
    byId("more").hidden = this.next === null;
  }

  #showChips() {
    fill(byId("categories"), ...(this.categories.length ? [null, ...this.categories] : []).map((category) => el("button", {
      type: "button", "aria-pressed": String(category === this.category),
      onclick: () => {
        this.choose({ category });
        this.entered(category);
        byId("categories").querySelector('[aria-pressed="true"]').focus();
      },
    }, category ?? "All")));
  }
}
