// What a page knows of items: their attributes, from answers of the service or as it asks for them.
const MOST = 100; // items of one request

export class Products {
  /** `fields`: the columns to show; none without a catalogue. `read(itemIds)` returns their attributes by id. */
  constructor(fields, read) {
    Object.assign(this, { fields, read, known: new Map() });
  }

  /** Keep the attributes of the items of an answer. */
  learn(recommendations) {
    for (const { item_id: itemId, fields } of recommendations) if (fields) this.known.set(itemId, fields);
  }

  /** An item for people: its id stands for a title that is not known. Pictures are drawn by the beginning of the id. */
  of(itemId) {
    const { title, category, price } = this.known.get(itemId) ?? {};
    return { item_id: itemId, name: title ?? itemId, category: category ?? null, price: price ?? null, picture: itemId.split("-")[0] };
  }

  /** Read the attributes of items that no answer had yet. One that has none is not asked for again. */
  async fetch(itemIds) {
    const missing = [...new Set(itemIds)].filter((itemId) => !this.known.has(itemId));
    for (let at = 0; this.fields.length && at < missing.length; at += MOST) {
      const some = missing.slice(at, at + MOST);
      const found = await this.read(some);
      for (const itemId of some) this.known.set(itemId, found[itemId] ?? {});
    }
  }
}
