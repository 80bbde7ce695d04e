// Requests: to the service's own API as any client sends them, and to devstack's API of these pages.

const CALL_HEADER = "x-devstack-call"; // devstack keeps the function's time under this name; the function ignores it
let token = null;

/** Send this token with every request to the service, if it needs one. */
export function useToken(value) {
  token = value;
}

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * Call the service. Returns its answer, the round trip in ms, and the function's time as devstack measured it.
 * Throws a TypeError if the network fails, and Refused if the answer is an error.
 */
export async function callService(method, path, body, { limitMs = 10000 } = {}) {
  const call = crypto.randomUUID();
  const headers = { [CALL_HEADER]: call };
  if (body) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  const begun = performance.now();
  const response = await fetch(path, {
    method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(limitMs),
  });
  const text = await response.text();
  const roundTrip = performance.now() - begun;
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Refused(response.status, answer?.detail ?? answer?.message ?? `status ${response.status}`);
  const time = await devstack(`calls/${call}`).catch(() => null); // a restarted devstack has forgotten it
  return { answer, roundTrip, functionMs: time?.milliseconds ?? null, coldStart: time?.cold_start ?? false };
}

/** A query string: lists repeat their name, and other values that are no texts are JSON. */
export function queryOf(options) {
  const query = new URLSearchParams();
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  for (const [name, value] of Object.entries(options)) {
    const isTexts = Array.isArray(value) && value.every((part) => typeof part === "string");
    if (isTexts) value.forEach((part) => query.append(name, part));
    else query.set(name, text(value));
  }
  return query;
}

/** Call devstack's API of these pages: GET without a body, else POST. Throws Refused with its reason. */
export async function devstack(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(`/devstack/api/${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Refused(response.status, answer.detail);
  return answer;
}
