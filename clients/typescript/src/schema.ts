import type { components } from "./api.js";

type Schemas = components["schemas"];

export type Answer = Schemas["Answer"];
export type AppendedEvent = Schemas["AppendedEvent"];
export type Health = Schemas["Health"];
export type Problem = Schemas["Problem"];
export type Recommendation = Schemas["Recommendation"];
export type ServedModel = Schemas["ServedModel"];

/** Options of every request for recommendations; the client sets `deadline_ms` itself. */
export type RankingOptions = Omit<Schemas["ItemsBody"], "item_ids" | "deadline_ms">;
/** Options of every request for a list of items. */
export type ListOptions = Omit<RankingOptions, "promote" | "pin" | "explain" | "exclude_seen">;
/** Options of `similar`. */
export type SteeredOptions = Omit<RankingOptions, "exclude_seen" | "explore">;
/** Options of `trending`. */
export type TrendingOptions = ListOptions & { category?: string };
/** Options of `appendEvents`; the client sets `sent_at` itself. */
export type AppendOptions = Omit<Schemas["EventsBody"], "events" | "sent_at" | "deadline_ms">;

/** An event with the id and the time that every try sends; `occurred_at` is in epoch milliseconds. */
export type Event = Schemas["EventBody"] & { event_id: string; occurred_at: number };

/** The maximum of events in one request. */
export const MAX_EVENTS = 64;

/**
 * Make an event of now. Its id is made here, before the first try, so that it counts once.
 * `fields` may hold `recommendation_id`, the answer that led the visitor to the item, and `type`, such as `cart`.
 */
export function newEvent(item_id: string, fields: Partial<Omit<Event, "item_id">> = {}): Event {
  return { item_id, event_id: newId(), occurred_at: Date.now(), ...fields };
}

/** Return a session id that may be a part of a path; the service refuses the others, too. */
export function checkedSessionId(sessionId: string): string {
  if (["", ".", ".."].includes(sessionId) || /[/%?]/.test(sessionId)) {
    throw new RangeError(`sessionId "${sessionId}": must not be empty, "." or "..", nor contain / % ?`);
  }
  return sessionId;
}

/** Return an item id that may be a part of a path; `recommend` takes the others, too. */
export function checkedItemId(itemId: string): string {
  if (["", ".", ".."].includes(itemId) || /[%?]/.test(itemId)) {
    throw new RangeError(`itemId "${itemId}": must not be empty, "." or "..", nor contain % ?; recommend takes it`);
  }
  return itemId;
}

function newId(): string {
  // React Native and pages without TLS have no randomUUID. An id must be unique in its session only.
  return globalThis.crypto?.randomUUID?.() ?? [0, 0].map(() => Math.random().toString(16).slice(2)).join("");
}
