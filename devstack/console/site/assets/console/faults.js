// Faults of the session store, and what a visitor notices.
import { callService, devstack, Refused } from "../api.js";
import { clock, el, fill, ms, servedBadge } from "../dom.js";
import { box, every, table } from "./parts.js";

const PROBE_MS = 1000;
const ROWS = 12;

export function faults(view, shared) {
  const session = `probe-${crypto.randomUUID().slice(0, 8)}`;
  const items = shared.popular;
  const state = el("p", { id: "store-state" });
  const noticed = el("div", { id: "noticed" });
  const rows = [];
  let sent = 0;
  const pause = el("select", { id: "pause" }, ...[20, 100, 300].map((value) => el("option", { value, selected: value === 100 }, `${value} ms`)));

  async function set(action, pauseMs = 0) {
    try {
      showState(await devstack("store", { action, pause_ms: pauseMs }));
    } catch (error) {
      shared.say(`That did not work: ${error.message}`);
    }
  }
  function showState(store) {
    const slow = store.pause_ms ? el("span", { class: "badge warn" }, `slow: it stops for ${store.pause_ms} ms again and again`) : null;
    fill(state, "The session store is ", el("span", { class: `badge ${store.runs ? "good" : "bad"}` }, store.runs ? "running" : "dead"), " ", slow);
  }

  const button = (text, kind, act) => el("button", { type: "button", class: kind, onclick: act }, text);
  fill(view, el("h1", {}, "Faults"),
    box("The session store", state,
      el("div", { class: "actions" }, button("Kill the store", "danger", () => set("kill")), button("Start it again", "primary", () => set("start"))),
      el("div", { class: "form" }, el("label", {}, "Stop for", pause), button("Slow it down", "", () => set("slow", Number(pause.value))), button("Full speed", "", () => set("slow", 0))),
      el("p", { class: "soft" }, "A killed store loses every session: it starts empty, as an ElastiCache without replicas would. The events that a client has not seen acknowledged are sent again by the shop.")),
    box("What a visitor notices", el("p", { class: "soft" }, `One event a second in session ${session}, as a shop would send it.`), noticed));

  devstack("store").then(showState);
  return every(PROBE_MS, async () => {
    rows.unshift(await probe(session, items[sent++ % items.length]));
    rows.length = Math.min(rows.length, ROWS);
    fill(noticed, table("Answers", ["at", "status", "served by", "stored", "#items", "#in the function"], rows));
  });
}

async function probe(session, itemId) {
  const at = clock(Date.now());
  try {
    const { answer, functionMs } = await callService("POST", `/v1/sessions/${session}/events`, { events: [{ item_id: itemId, event_id: crypto.randomUUID() }] });
    return [at, "200", servedBadge(answer.served_by), el("span", { class: `badge ${answer.stored ? "good" : "bad"}` }, answer.stored ? "yes" : "no"),
      String(answer.recommendations.length), ms(functionMs)];
  } catch (error) {
    return [at, error instanceof Refused ? String(error.status) : "no answer", "–", "–", "0", "–"];
  }
}
