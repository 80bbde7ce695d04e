// What the tabs of a session know of its events, besides the store: looked or put into the cart, and the status.
// The store has item and time of an event; both together find its note.

const keyOf = (itemId, at) => `${itemId}@${at}`;

export class Notes {
  constructor(session) {
    this.name = `nextitem.notes.${session}`;
  }

  get all() {
    return JSON.parse(localStorage.getItem(this.name) ?? "{}");
  }

  /** Note something about an event: `kind` is "view" or "cart", `status` is the service's, or "queued". */
  set(itemId, at, note) {
    const notes = this.all;
    notes[keyOf(itemId, at)] = { ...notes[keyOf(itemId, at)], ...note };
    localStorage.setItem(this.name, JSON.stringify(notes));
  }

  of(itemId, at) {
    return this.all[keyOf(itemId, at)] ?? {};
  }

  /** All noted events, for the time in which the store does not answer. */
  events() {
    return Object.keys(this.all).map((key) => {
      const cut = key.lastIndexOf("@");
      return { item_id: key.slice(0, cut), at: Number(key.slice(cut + 1)) };
    });
  }

  get inCart() {
    return Object.values(this.all).filter((note) => note.kind === "cart").length;
  }
}
