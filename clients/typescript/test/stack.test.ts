/** Against a real devstack at API_URL, and at LOSSY_URL one that loses the first answer to a session `lost-...`. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { Client, EventQueue, NoAnswer, Refused, newEvent } from "../src/index.js";

const API = process.env["API_URL"] ?? "";
const LOSSY = process.env["LOSSY_URL"] ?? "";
const retries = { timeoutMs: 60_000, attemptTimeoutMs: 20_000, firstPauseMs: 1 };
const client = new Client(API, { retries });

test("every operation works", async () => {
  const id = `ts 1+2~ü*'() ${randomUUID()}`;
  const first = await client.appendEvents(id, [newEvent("tea-001"), newEvent("tea-002")], { limit: 3 });
  assert.deepEqual([first.stored, first.recommendations.length, first.session_id], [true, 3, id]);
  const read = await client.getRecommendations(id, { limit: 3 });
  assert.deepEqual([read.session_length, read.recommendation_id], [2, first.recommendation_id]);
  await client.deleteSession(id);
  assert.equal((await client.getRecommendations(id)).served_by, "popular");
  assert.equal((await client.recommend(["tea-001"])).served_by, "stateless");
  assert.equal((await client.health()).store, "ok");
});

test("an event counts once if the network drops between sending and answer", async () => {
  const id = `lost-${randomUUID()}`;
  const answer = await new Client(LOSSY, { retries }).appendEvents(id, [newEvent("tea-001")]);
  assert.deepEqual(answer.events?.map(({ status }) => status), ["duplicate"]);
  assert.equal((await client.getRecommendations(id)).session_length, 1);
});

test("an offline queue arrives whole and in order, though the first answer is lost", async () => {
  const id = randomUUID();
  const queue = new EventQueue();
  for (let place = 0; place < 70; place++) await queue.add(id, newEvent(`tea-${String((place % 9) + 1).padStart(3, "0")}`));
  const offline = new Client("http://127.0.0.1:1", { retries: { attempts: 2, firstPauseMs: 1 } });
  const away = await offline.deliver(queue);
  assert.ok(away.fault instanceof NoAnswer);
  assert.equal(away.left, 70);
  let requests = 0;
  const lossy: typeof fetch = async (...request) => {
    const response = await fetch(...request);
    if (requests++ === 0) throw new TypeError("network");
    return response;
  };
  const delivery = await new Client(API, { retries, fetch: lossy }).deliver(queue, { limit: 2 });
  assert.deepEqual([delivery.left, delivery.refused, delivery.fault], [0, 0, undefined]);
  assert.deepEqual(delivery.statuses, { duplicate: 64, applied: 6 });
  assert.equal(delivery.answers.get(id)?.session_length, 70);
});

test("a wrong event does not block the queue; wrong options cost no events", async () => {
  const id = randomUUID();
  const queue = new EventQueue();
  for (const item of ["null", "tea-001"]) await queue.add(id, newEvent(item));
  await queue.add(`${id}-wrong`, newEvent("null"));
  const wrong = await client.deliver(queue, { limit: 0 });
  assert.ok(wrong.fault instanceof Refused);
  assert.equal(wrong.left, 3);
  const delivery = await client.deliver(queue);
  assert.deepEqual([delivery.left, delivery.refused, delivery.statuses], [0, 1, { invalid: 1, applied: 1 }]);
  assert.equal((await queue.dropped()).refused, 1);
});
