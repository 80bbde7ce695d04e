import assert from "node:assert/strict";
import { test } from "node:test";

import {
  Client, EventQueue, NoAnswer, NotAuthorized, NotStored, Refused, Unavailable, UnexpectedAnswer, newEvent,
} from "../src/index.js";
import { DEFAULT_RETRIES, pauseMs } from "../src/retries.js";
import { ANSWER, withServer } from "./scripted.js";

const QUICK = { timeoutMs: 60_000, attemptTimeoutMs: 20_000, firstPauseMs: 1 };
const HURRIED = { timeoutMs: 400, attemptTimeoutMs: 200, attempts: 2, firstPauseMs: 1 };

for (const status of [408, 425, 429, 500, 502, 503, 504]) {
  test(`a ${status} is tried again with the same events`, () =>
    withServer([{ status }, { status, headers: { "retry-after": "0" } }, { status: 200, body: ANSWER }], async (url, received) => {
      await new Client(url, { retries: QUICK }).appendEvents("me", [newEvent("tea-001")]);
      assert.equal(received.length, 3);
      assert.deepEqual(received[0]?.body.events, received[2]?.body.events);
      assert.ok(received[0]?.body.sent_at <= received[2]?.body.sent_at);
    }));
}

for (const [status, error] of [[400, Refused], [401, NotAuthorized], [403, NotAuthorized], [404, Refused], [422, Refused]] as const) {
  test(`a ${status} is thrown after one try`, () =>
    withServer([{ status, body: { message: "no" } }], async (url, received) => {
      await assert.rejects(new Client(url).recommend(["tea-001"]), (fault) => fault instanceof error && /no/.test(String(fault)));
      assert.equal(received.length, 1);
    }));
}

for (const body of ["<html>", "{}", ""]) {
  test(`the answer ${JSON.stringify(body)} is of another server`, () =>
    withServer([{ status: 200, body }], async (url) => {
      await assert.rejects(new Client(url).health(), UnexpectedAnswer);
    }));
}

test("a redirect gets no token", () =>
  withServer([{ status: 200, body: ANSWER }], (other, received) =>
    withServer([{ status: 307, headers: { location: other } }], async (url) => {
      await assert.rejects(new Client(url, { headers: () => ({ authorization: "secret" }) }).health(), UnexpectedAnswer);
      assert.equal(received.length, 0);
    })));

test("a Retry-After beyond the deadline ends the call at once", () =>
  withServer([{ status: 503, headers: { "retry-after": "70" } }], async (url, received) => {
    await assert.rejects(new Client(url).recommend(["tea-001"]), (fault) => fault instanceof Unavailable && fault.retryAfterMs === 70_000);
    assert.equal(received.length, 1);
  }));

test("a Retry-After may be a date", () =>
  withServer([{ status: 429, headers: { "retry-after": new Date(Date.now() + 3_600_000).toUTCString() } }], async (url) => {
    await assert.rejects(
      new Client(url).recommend([]),
      (fault) => fault instanceof Unavailable && (fault.retryAfterMs ?? 0) > 3_000_000 && (fault.retryAfterMs ?? 0) <= 3_600_000,
    );
  }));

test("pauses grow to a limit, are random, and add to Retry-After", () => {
  const pauses = [0, 1, 2, 9].map((attempt) => pauseMs(DEFAULT_RETRIES, attempt, 0, 1));
  assert.deepEqual(pauses, [100, 200, 400, 2000]);
  assert.equal(pauseMs(DEFAULT_RETRIES, 0, 4000, 0.25), 4025);
});

test("the deadline holds for an answer that does not end, and is sent", () =>
  withServer([{ status: 200, trickles: true }], async (url, received) => {
    await assert.rejects(new Client(url, { retries: HURRIED }).appendEvents("me", [newEvent("tea-001")]), NoAnswer);
    assert.equal(received.length, HURRIED.attempts);
    for (const { body } of received) assert.ok(body.deadline_ms > 0 && body.deadline_ms <= HURRIED.attemptTimeoutMs);
  }));

test("headers are asked for at each try", () =>
  withServer([{ status: 503 }, { status: 200, body: ANSWER }], async (url, received) => {
    let tries = 0;
    const client = new Client(url, { retries: QUICK, headers: ({ method }) => ({ authorization: `${method} ${++tries}` }) });
    await client.getRecommendations("me", { limit: 3, only: ["a,b", "c d"], exclude_seen: true, exclude: null });
    assert.deepEqual(received.map(({ headers }) => headers.authorization), ["GET 1", "GET 2"]);
    assert.match(received[0]?.target ?? "", /^\/v1\/sessions\/me\/recommendations\?limit=3&only=a%2Cb&only=c%20d&exclude_seen=true&deadline_ms=\d+$/);
  }));

test("an option with objects inside is JSON in a query", () =>
  withServer([{ status: 200, body: ANSWER }], async (url, received) => {
    const filter = { category: { in: ["a,b", "c"] } };
    await new Client(url).getRecommendations("me", { filter, pin: [{ item_id: "é", place: 1 }], fields: ["title", "price"] });
    const sent = new URLSearchParams(received[0]?.target.split("?")[1]);
    assert.deepEqual(JSON.parse(sent.get("filter") ?? ""), filter);
    assert.deepEqual(JSON.parse(sent.get("pin") ?? ""), [{ item_id: "é", place: 1 }]);
    assert.deepEqual(sent.getAll("fields"), ["title", "price"]);
  }));

test("what no request can carry is refused before it is sent", async () => {
  const client = new Client("http://127.0.0.1:1");
  for (const id of ["", ".", "..", "a/b", "a%b", "a?b"]) await assert.rejects(client.getRecommendations(id), RangeError);
  await assert.rejects(client.appendEvents("me", []), RangeError);
  await assert.rejects(client.appendEvents("me", Array.from({ length: 65 }, () => newEvent("a"))), RangeError);
});

test("events stay queued until the store confirms them", () =>
  withServer([{ status: 200, body: { ...ANSWER, stored: false } }, { status: 200, body: ANSWER }], async (url, received) => {
    const queue = new EventQueue();
    await queue.add("me", newEvent("tea-001"));
    const client = new Client(url, { retries: QUICK });
    const delivery = await client.deliver(queue);
    assert.ok(delivery.fault instanceof NotStored);
    assert.equal(delivery.left, 1);
    assert.equal((await client.deliver(queue)).left, 0);
    assert.deepEqual(received[0]?.body.events, received[1]?.body.events);
  }));

for (const status of [401, 404, 429, 503]) {
  test(`a ${status} does not empty the queue`, () =>
    withServer([{ status }], async (url) => {
      const queue = new EventQueue();
      await queue.add("me", newEvent("tea-001"));
      const delivery = await new Client(url, { retries: HURRIED }).deliver(queue);
      assert.deepEqual([delivery.left, delivery.refused], [1, 0]);
      assert.ok(delivery.fault);
    }));
}

test("a slow request before a quick one does not change the order of their events", async () => {
  const events = Array.from({ length: 65 }, (_, place) => newEvent(String(place), { occurred_at: 1_000_000 }));
  const queue = new EventQueue();
  for (const event of events) await queue.add("me", event);
  const placed: number[] = []; // the times that the service would give the events
  const slowThenQuick: typeof fetch = async (_, init) => {
    if (!placed.length) await new Promise((resume) => setTimeout(resume, 50));
    const body = JSON.parse(String(init?.body));
    placed.push(...body.events.map((event: { occurred_at: number }) => event.occurred_at + Date.now() - body.sent_at));
    return new Response(JSON.stringify(ANSWER));
  };
  const { left } = await new Client("http://shop", { retries: QUICK, fetch: slowThenQuick }).deliver(queue);
  assert.equal(left, 0);
  assert.deepEqual(placed, [...placed].sort((one, other) => one - other));
  assert.equal(placed.length, 65);
});
