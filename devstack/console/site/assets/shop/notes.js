// What the tabs of a session know of its events, besides the store: their types and statuses.
// The store has item and time of an event; both together find its note.

const keyOf = (itemId, at) => `${itemId}@${at}`;

export class Notes {
  constructor(session) {
    this.name = `nextitem.notes.${session}`;
  }

  get all() {
    return JSON.parse(localStorage.getItem(this.name) ?? "{}");
  }

  /** Note something about an event: `type` is "view", "cart" ..., `status` is the service's, or "queued". */
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
    return Object.entries(this.all).map(([key, { type }]) => {
      const cut = key.lastIndexOf("@");
      return { item_id: key.slice(0, cut), at: Number(key.slice(cut + 1)), type };
    });
  }
}
