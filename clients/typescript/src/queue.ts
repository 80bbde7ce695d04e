import { type Event, MAX_EVENTS, checkedSessionId } from "./schema.js";

/** Where a queue is kept: `localStorage`, React Native's AsyncStorage, or another one. */
export interface Storage {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): unknown;
}

/** Runs work while no other work with this name runs. */
export type Lock = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export interface QueueOptions {
  /** In memory without it. */
  storage?: Storage;
  /** The key in the storage. */
  name?: string;
  /** Maximum number of events. */
  limit?: number;
  /** By default the browser's locks, so that tabs share a queue; else a lock of this page or app. */
  lock?: Lock;
}

/** The oldest events of one session, at most 64. */
export interface Batch {
  sessionId: string;
  events: Event[];
}

/** The number of dropped events by reason: the queue was full, the service refused them, the storage was damaged. */
export interface Dropped {
  full: number;
  refused: number;
  /** The number of times that the stored text could not be read; how many events it had is unknown. */
  unreadable: number;
}

interface State {
  entries: { session_id: string; event: Event }[];
  dropped: Dropped;
}

/**
 * A bounded queue of events that wait for the network, in their order.
 *
 * A full queue drops its oldest event, because the newest ones say most about the next item, and counts it.
 */
export class EventQueue {
  /** Of sessions with a request before: the latest time of its last event on the service, by our clock. */
  readonly placed = new Map<string, number>();
  readonly #storage: Storage;
  readonly #name: string;
  readonly #limit: number;
  readonly #lock: Lock;

  constructor({ storage = inMemory(), name = "nextitem-events", limit = 1000, lock = defaultLock() }: QueueOptions = {}) {
    if (!(limit >= 1)) throw new RangeError(`limit is ${limit}: a queue needs room for at least one event`);
    this.#storage = storage;
    this.#name = name;
    this.#limit = limit;
    this.#lock = lock;
  }

  /** Append an event. */
  async add(sessionId: string, event: Event): Promise<void> {
    checkedSessionId(sessionId);
    await this.#change((state) => {
      state.entries.push({ session_id: sessionId, event });
      state.dropped.full += state.entries.splice(0, state.entries.length - this.#limit).length;
    });
  }

  /** Return the oldest event with the next ones of its session; undefined if the queue is empty. */
  async batch(): Promise<Batch | undefined> {
    const { entries } = await this.#read();
    const sessionId = entries[0]?.session_id;
    if (sessionId === undefined) return undefined;
    const own = entries.filter((entry) => entry.session_id === sessionId).slice(0, MAX_EVENTS);
    return { sessionId, events: own.map((entry) => entry.event) };
  }

  /** Remove the events of a batch; `refused` counts them as dropped. */
  async remove(batch: Batch, { refused = false } = {}): Promise<void> {
    const ids = new Set(batch.events.map((event) => event.event_id));
    await this.#change((state) => {
      const left = state.entries.filter((entry) => entry.session_id !== batch.sessionId || !ids.has(entry.event.event_id));
      if (refused) state.dropped.refused += state.entries.length - left.length;
      state.entries = left;
    });
  }

  /** Remove the events of a session that is to be deleted: they would start it again. */
  async forget(sessionId: string): Promise<void> {
    await this.#change((state) => {
      state.entries = state.entries.filter((entry) => entry.session_id !== sessionId);
    });
  }

  async size(): Promise<number> {
    return (await this.#read()).entries.length;
  }

  async dropped(): Promise<Dropped> {
    return (await this.#read()).dropped;
  }

  #change(change: (state: State) => void): Promise<void> {
    return this.#lock(this.#name, async () => {
      const state = await this.#read();
      change(state);
      await this.#storage.setItem(this.#name, JSON.stringify(state));
    });
  }

  async #read(): Promise<State> {
    const text = await this.#storage.getItem(this.#name);
    const dropped = { full: 0, refused: 0, unreadable: 0 };
    if (text === null) return { entries: [], dropped };
    try {
      const state = JSON.parse(text);
      if (Array.isArray(state.entries)) return { entries: state.entries, dropped: { ...dropped, ...state.dropped } };
    } catch {
      // Counted below: an app must not stay without its queue because a write was cut off.
    }
    return { entries: [], dropped: { ...dropped, unreadable: 1 } };
  }
}

function inMemory(): Storage {
  const texts = new Map<string, string>();
  return { getItem: (key) => texts.get(key) ?? null, setItem: (key, value) => void texts.set(key, value) };
}

const running = new Map<string, Promise<unknown>>();

function defaultLock(): Lock {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks;
  if (locks) return (name, work) => locks.request(`nextitem ${name}`, work) as ReturnType<typeof work>;
  return (name, work) => {
    const result = (running.get(name) ?? Promise.resolve()).then(work);
    running.set(name, result.catch(() => undefined)); // the caller gets the error; the next work starts after it
    return result;
  };
}
