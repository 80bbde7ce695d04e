import { NotStored, Refused, RequestFailed, UnexpectedAnswer } from "./errors.js";
import type { EventQueue } from "./queue.js";
import { DEFAULT_RETRIES, type Retries, faultOf, sendWithin, withRetries } from "./retries.js";
import { type Answer, type AppendOptions, type Event, type Health, MAX_EVENTS, type RankingOptions, type SteeredOptions, type TrendingOptions } from "./schema.js";
import { checkedItemId, checkedSessionId } from "./schema.js";

const MAX_DEADLINE_MS = 10_000;

/** A try as it will be sent, for those who sign it. */
export interface UnsignedRequest {
  method: string;
  url: string;
  body: string | undefined;
}

export interface ClientOptions {
  /** Returns more headers of each try, such as `{ authorization: "Bearer ..." }`. */
  headers?: (request: UnsignedRequest) => Record<string, string> | Promise<Record<string, string>>;
  retries?: Partial<Retries>;
  /** Sends the requests; by default the global `fetch`. One that signs them is a way to use IAM. */
  fetch?: typeof fetch;
}

/** The outcome of a delivery. */
export interface Delivery {
  /** The newest answer of each session that got events. */
  answers: Map<string, Answer>;
  /** The number of events by status, such as `applied`, `late`, `too_old` (not kept) or `invalid` (skipped). */
  statuses: Record<string, number>;
  /** The number of events that the service refused for good; they left the queue, too. */
  refused: number;
  /** The number of events that are still in the queue. */
  left: number;
  /** Why events are left. */
  fault?: RequestFailed;
}

interface Call {
  method: "GET" | "POST" | "DELETE";
  path: string;
  fields?: Record<string, unknown>;
  /** Milliseconds by which `sent_at` lies before the try; undefined: the operation does not take it. */
  lagMs?: number;
  hasDeadline?: boolean;
}

/** Calls the HTTP API. Every method throws a `RequestFailed`, or a `RangeError` for what no request can carry. */
export class Client {
  readonly #url: string;
  readonly #headers: NonNullable<ClientOptions["headers"]>;
  readonly #retries: Retries;
  readonly #fetch: typeof fetch;

  /** @param url of the API, with the stage if there is one. */
  constructor(url: string, { headers = () => ({}), retries = {}, fetch: send }: ClientOptions = {}) {
    this.#url = url.replace(/\/+$/, "");
    this.#headers = headers;
    this.#retries = { ...DEFAULT_RETRIES, ...retries };
    this.#fetch = send ?? ((...request) => globalThis.fetch(...request));
  }

  /** Add 1 to 64 events to a session and return recommendations. `Answer.stored` says whether it has them. */
  appendEvents(sessionId: string, events: Event[], options: AppendOptions = {}): Promise<Answer> {
    return this.#append(sessionId, events, options, 0);
  }

  /** Return recommendations for a stored session. */
  async getRecommendations(sessionId: string, options: RankingOptions = {}): Promise<Answer> {
    return this.#run({ method: "GET", path: sessionPath(sessionId, "/recommendations"), fields: { ...options } });
  }

  /** Delete a session. Call `EventQueue.forget` before, or its queued events start it again. */
  async deleteSession(sessionId: string): Promise<void> {
    await this.#run({ method: "DELETE", path: sessionPath(sessionId), hasDeadline: false });
  }

  /** Return recommendations for items, oldest first, without a session. */
  recommend(itemIds: string[], options: RankingOptions = {}): Promise<Answer> {
    return this.#run({ method: "POST", path: "/v1/recommendations", fields: { item_ids: itemIds, ...options } });
  }

  /** Return the items most similar to one, without a session. */
  async similar(itemId: string, options: SteeredOptions = {}): Promise<Answer> {
    const path = `/v1/items/${encodeURIComponent(checkedItemId(itemId))}/similar`;
    return this.#run({ method: "GET", path, fields: { ...options } });
  }

  /** Return what many visitors look at now, without a session. */
  trending(options: TrendingOptions = {}): Promise<Answer> {
    return this.#run({ method: "GET", path: "/v1/trending", fields: { ...options } });
  }

  /** Return the serving model, and whether the store answers. */
  health(): Promise<Health> {
    return this.#run({ method: "GET", path: "/v1/health", hasDeadline: false });
  }

  /**
   * Send the events of a queue in their order, 64 at a time; stop at the first failure, and keep the rest.
   *
   * The service corrects times by its own time less `sent_at`, so it adds the time that a request travels, which
   * differs: the first event of a quick request could get a time before the last one of a slow request. So `sent_at` is
   * so much earlier that the next event follows the latest time that the last one may have got.
   */
  async deliver(queue: EventQueue, options: RankingOptions = {}): Promise<Delivery> {
    const delivery: Delivery = { answers: new Map(), statuses: {}, refused: 0, left: 0 };
    for (let batch; !delivery.fault && (batch = await queue.batch()); ) {
      const { sessionId, events } = batch;
      const lagMs = Math.max((queue.placed.get(sessionId) ?? 0) - (events[0]?.occurred_at ?? 0), 0);
      const started = Date.now();
      try {
        const answer = await this.#append(sessionId, events, { ...options, on_invalid: "skip" }, lagMs);
        delivery.answers.set(sessionId, answer);
        if (answer.stored) {
          await queue.remove(batch);
          for (const { status } of answer.events ?? []) {
            delivery.statuses[status] = (delivery.statuses[status] ?? 0) + 1;
          }
        } else {
          delivery.fault = new NotStored("the session store did not confirm the events; they stay in the queue");
        }
      } catch (fault) {
        if (!(fault instanceof RequestFailed)) throw fault;
        if (isAboutEvents(fault)) {
          await queue.remove(batch, { refused: true });
          delivery.refused += events.length;
        } else {
          delivery.fault = fault;
        }
      }
      const ended = Date.now();
      const latest = (events.at(-1)?.occurred_at ?? 0) + lagMs + Math.max(ended - started, 0);
      queue.placed.set(sessionId, Math.min(latest, ended)); // the service takes a time in the future as now
    }
    delivery.left = await queue.size();
    if (!delivery.left) queue.placed.clear(); // later events happen later than the answers
    return delivery;
  }

  async #append(sessionId: string, events: Event[], options: AppendOptions, lagMs: number): Promise<Answer> {
    if (events.length < 1 || events.length > MAX_EVENTS) {
      throw new RangeError(`${events.length} events: one request takes 1 to ${MAX_EVENTS}`);
    }
    return this.#run({ method: "POST", path: sessionPath(sessionId, "/events"), fields: { events, ...options }, lagMs });
  }

  #run<T>(call: Call): Promise<T> {
    return withRetries(this.#retries, (limitMs) => this.#try<T>(call, limitMs));
  }

  async #try<T>(call: Call, limitMs: number): Promise<T> {
    const fields = { ...call.fields };
    if (call.hasDeadline !== false) fields["deadline_ms"] = Math.min(Math.max(Math.floor(limitMs), 1), MAX_DEADLINE_MS);
    if (call.lagMs !== undefined) fields["sent_at"] = Date.now() - call.lagMs;
    const isPost = call.method === "POST";
    const url = this.#url + call.path + (isPost ? "" : query(fields));
    const body = isPost ? JSON.stringify(fields) : undefined;
    const own = await this.#headers({ method: call.method, url, body });
    const headers = { accept: "application/json", ...(isPost ? { "content-type": "application/json" } : {}), ...own };
    const init = { method: call.method, headers, redirect: "manual", ...(body === undefined ? {} : { body }) } as const;
    const { response, text } = await sendWithin(this.#fetch, url, init, limitMs);
    if (response.status >= 400) throw faultOf(response.status, response.headers.get("retry-after"), text);
    if (call.method === "DELETE" && response.status === 204) return undefined as T;
    try {
      const document = JSON.parse(text);
      if (response.status === 200 && typeof document.model?.version === "string") return document;
    } catch {
      // Not JSON, so not an answer of this API: said below.
    }
    throw new UnexpectedAnswer(`status ${response.status}: is ${this.#url} the URL of a nextitem API?`);
  }
}

function sessionPath(sessionId: string, rest = ""): string {
  return `/v1/sessions/${encodeURIComponent(checkedSessionId(sessionId))}${rest}`;
}

function query(fields: Record<string, unknown>): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : texts(value).map((text) => [name, text]),
  );
  const text = pairs.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  return text && `?${text}`;
}

/** Return whether the events themselves are at fault, not the options, the token or the URL of the caller. */
function isAboutEvents(fault: RequestFailed): boolean {
  const fields = fault instanceof Refused ? (fault.problem.errors ?? []).map((error) => error["field"] ?? "") : [];
  return fields.length > 0 && fields.every((name) => name.startsWith("events") || name.startsWith("session_id"));
}

/** A list of texts is repeated in a query; what has objects inside is JSON. */
function texts(value: unknown): string[] {
  const parts = [value].flat();
  return parts.some((part) => typeof part === "object") ? [JSON.stringify(value)] : parts.map(String);
}
