// The queue of a tab's events: they are sent in order, and leave only when the store has acknowledged them.
// A retry sends the same event ids, so an event whose answer was lost counts once.

const MAX_EVENTS = 64; // of one request

export class EventQueue {
  /** `storage` keeps the events over a reload; sessionStorage belongs to one tab. */
  constructor(name, storage = sessionStorage) {
    this.name = `nextitem.queue.${name}`;
    this.storage = storage;
    this.sending = null;
  }

  get events() {
    return JSON.parse(this.storage.getItem(this.name) ?? "[]");
  }

  add(event) {
    this.newest = Date.parse(event.occurred_at);
    this.#keep([...this.events, event]);
  }

  /**
   * Send what waits, one request at a time, until the queue is empty or `send` returns false or throws.
   * `send` gets the oldest events and returns whether they are acknowledged.
   */
  flush(send) {
    this.sending ??= this.#flush(send).finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  async #flush(send) {
    for (let batch = this.events.slice(0, MAX_EVENTS); batch.length; batch = this.events.slice(0, MAX_EVENTS)) {
      if (!(await send(batch))) return;
      const sent = new Set(batch.map((event) => event.event_id));
      this.#keep(this.events.filter((event) => !sent.has(event.event_id)));
    }
  }

  #keep(events) {
    this.storage.setItem(this.name, JSON.stringify(events));
  }
}
