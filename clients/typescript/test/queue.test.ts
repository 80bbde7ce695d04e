import assert from "node:assert/strict";
import { test } from "node:test";

import { EventQueue, newEvent } from "../src/index.js";

/** Storage as React Native has it: every call answers later. */
function slowStorage() {
  const texts = new Map<string, string>();
  const later = () => new Promise((resume) => setImmediate(resume));
  return {
    texts,
    getItem: async (key: string) => (await later(), texts.get(key) ?? null),
    setItem: async (key: string, value: string) => (await later(), void texts.set(key, value)),
  };
}

async function drain(queue: EventQueue): Promise<string[]> {
  const taken: string[] = [];
  for (let batch; (batch = await queue.batch()); await queue.remove(batch)) {
    taken.push(...batch.events.map(({ item_id }) => `${batch?.sessionId} ${item_id}`));
  }
  return taken;
}

test("a full queue drops its oldest event and counts it", async () => {
  const queue = new EventQueue({ limit: 2 });
  for (const item of ["1", "2", "3"]) await queue.add("me", newEvent(item));
  assert.equal((await queue.dropped()).full, 1);
  assert.deepEqual(await drain(queue), ["me 2", "me 3"]);
});

test("a batch has one session and at most 64 events, in order", async () => {
  const queue = new EventQueue();
  for (let place = 0; place < 70; place++) await queue.add(place % 10 ? "a" : "b", newEvent(String(place)));
  const first = await queue.batch();
  assert.deepEqual([first?.sessionId, first?.events.length], ["b", 7]);
  const taken = await drain(queue);
  assert.deepEqual(taken.slice(7), [...Array(70).keys()].filter((place) => place % 10).map((place) => `a ${place}`));
});

test("a storage keeps events, ids, times and drops", async () => {
  const storage = slowStorage();
  const events = ["1", "2", "3"].map((item) => newEvent(item, { recommendation_id: "4c96" }));
  const queue = new EventQueue({ storage, limit: 2 });
  for (const event of events) await queue.add("me", event);
  const reopened = new EventQueue({ storage, limit: 2 });
  assert.deepEqual((await reopened.batch())?.events, events.slice(1));
  assert.equal((await reopened.dropped()).full, 1);
});

test("two queues on one storage lose nothing, even at once", async () => {
  const storage = slowStorage();
  const [one, other] = [new EventQueue({ storage }), new EventQueue({ storage })];
  await Promise.all([...Array(20).keys()].map((place) => (place % 2 ? one : other).add("me", newEvent(String(place)))));
  assert.deepEqual(await drain(one), [...Array(20).keys()].map((place) => `me ${place}`));
  assert.equal(await other.size(), 0);
});

test("a storage that cannot be written to is an error, and the next event is tried", async () => {
  const storage = slowStorage();
  let isFull = true;
  const queue = new EventQueue({
    storage: { ...storage, setItem: (key, value) => (isFull ? Promise.reject(new Error("quota")) : storage.setItem(key, value)) },
  });
  await assert.rejects(queue.add("me", newEvent("1")), /quota/);
  isFull = false;
  await queue.add("me", newEvent("2"));
  assert.deepEqual(await drain(queue), ["me 2"]);
});

test("a damaged storage is counted, and the queue goes on", async () => {
  const storage = slowStorage();
  for (const text of ["{", "null", "[]"]) {
    storage.texts.set("nextitem-events", text);
    const queue = new EventQueue({ storage });
    await queue.add("me", newEvent("1"));
    assert.deepEqual(await queue.dropped(), { full: 0, refused: 0, unreadable: 1 });
    assert.deepEqual(await drain(queue), ["me 1"]);
  }
});

test("a session can be forgotten", async () => {
  const queue = new EventQueue();
  for (const session of ["a", "b", "a"]) await queue.add(session, newEvent("1"));
  await queue.forget("a");
  assert.deepEqual(await drain(queue), ["b 1"]);
});

test("ids differ, also without randomUUID", () => {
  const { crypto } = globalThis;
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  try {
    assert.equal(new Set([...Array(1000)].map(() => newEvent("1").event_id)).size, 1000);
  } finally {
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
  }
});
