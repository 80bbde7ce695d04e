import { NoAnswer, NotAuthorized, Refused, RequestFailed, Unavailable } from "./errors.js";
import type { Problem } from "./schema.js";

/** How often and how long a call is tried. Every operation may be repeated: events have ids. */
export interface Retries {
  /** For a call with all its tries and pauses. */
  timeoutMs: number;
  /** For one try; the service gets it as `deadline_ms`. */
  attemptTimeoutMs: number;
  attempts: number;
  /** Each later pause may be twice as long. Pauses are random from 0 to that. */
  firstPauseMs: number;
  longestPauseMs: number;
}

export const DEFAULT_RETRIES: Retries = {
  timeoutMs: 4000,
  attemptTimeoutMs: 1500,
  attempts: 4,
  firstPauseMs: 100,
  longestPauseMs: 2000,
};

/** Return the pause before the next try; `attempt` counts from 0, `share` is from 0 to 1. */
export function pauseMs(retries: Retries, attempt: number, retryAfterMs: number, share: number): number {
  return retryAfterMs + share * Math.min(retries.firstPauseMs * 2 ** attempt, retries.longestPauseMs);
}

/**
 * Call `attempt` with its limit in milliseconds, again after failures that may pass.
 * Throws the error of the last try, at once where there is no time for another one.
 */
export async function withRetries<T>(retries: Retries, attempt: (limitMs: number) => Promise<T>): Promise<T> {
  const end = Date.now() + retries.timeoutMs;
  for (let tried = 0; ; tried++) {
    try {
      return await attempt(Math.min(end - Date.now(), retries.attemptTimeoutMs));
    } catch (fault) {
      if (!(fault instanceof Unavailable) || tried + 1 >= retries.attempts) throw fault;
      const pause = pauseMs(retries, tried, fault.retryAfterMs ?? 0, Math.random());
      if (Date.now() + pause >= end) throw fault;
      await new Promise((resume) => setTimeout(resume, pause));
    }
  }
}

/** Send a request, and read its answer within a limit; a failure of the network is `NoAnswer`. */
export async function sendWithin(
  send: typeof fetch,
  url: string,
  init: RequestInit,
  limitMs: number,
): Promise<{ response: Response; text: string }> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  // The limit also holds where fetch ignores the signal while it reads, as in React Native.
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort();
      reject(new NoAnswer(`${init.method} ${url}: no answer within ${Math.round(limitMs)} ms`));
    }, limitMs);
  });
  const answer = async () => {
    const response = await send(url, { ...init, signal: controller.signal });
    return { response, text: await response.text() };
  };
  try {
    return await Promise.race([answer(), late]);
  } catch (fault) {
    throw fault instanceof RequestFailed ? fault : new NoAnswer(`${init.method} ${url}: ${String(fault)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Return the error of an answer with a status of 400 or more. */
export function faultOf(status: number, retryAfter: string | null, text: string): RequestFailed {
  const problem = problemOf(status, text);
  if (status >= 500 || [408, 425, 429].includes(status)) {
    return new Unavailable(new Refused(problem).message, retryAfterMs(retryAfter));
  }
  return [401, 403].includes(status) ? new NotAuthorized(problem) : new Refused(problem);
}

function problemOf(status: number, text: string): Problem {
  let detail = text.slice(0, 200);
  try {
    const document = JSON.parse(text);
    if (typeof document.title === "string" && typeof document.detail === "string") return document;
    if (typeof document.message === "string") detail = document.message;
  } catch {
    // Not JSON, so not an answer of this API: the text itself is all there is to say.
  }
  return { type: "about:blank", title: "HTTP error", status, detail };
}

function retryAfterMs(header: string | null): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) || !/[a-z]/i.test(header) ? undefined : Math.max(date - Date.now(), 0);
}
