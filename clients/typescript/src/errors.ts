import type { Problem } from "./schema.js";

/** The base of all errors of requests. */
export class RequestFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** The service refused the request (4xx). Sent again, it would be refused again. */
export class Refused extends RequestFailed {
  constructor(readonly problem: Problem) {
    const fields = (problem.errors ?? []).map((fault) => `; ${fault["field"]}: ${fault["detail"]}`).join("");
    super(`${problem.status} ${problem.title}: ${problem.detail}${fields}`);
  }
}

/** Token or signature is missing, wrong or expired (401, 403). */
export class NotAuthorized extends Refused {}

/** The service could not serve the request now (408, 429, 5xx), also after retries. It may be sent again. */
export class Unavailable extends RequestFailed {
  /** @param retryAfterMs after which the service wants the next try; undefined: it did not say. */
  constructor(message: string, readonly retryAfterMs?: number) {
    super(message);
  }
}

/** No whole answer came before the deadline. The service may have the events or not: send the same ids again. */
export class NoAnswer extends Unavailable {}

/** The service answered, but its store did not confirm the events. */
export class NotStored extends Unavailable {}

/** The answer is not one of this API: the URL may be of another server. */
export class UnexpectedAnswer extends RequestFailed {}
