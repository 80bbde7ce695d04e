// The shop: each click is an event, and each answer changes the recommendations at once.
import { callService, devstack, Refused, useToken } from "../api.js";
import { byId, el, fill } from "../dom.js";
import { startTheme } from "../theme.js";
import { Notes } from "./notes.js";
import { EventQueue } from "./queue.js";
import { answerFacts, cardOf, productOf, timelineOf, whyOf } from "./views.js";

const SHOWN = 12;
const SHELF_STEP = 12;
const RETRY_MS = 2500;

const state = {
  session: sessionOf(), online: true, products: new Map(), categories: [], category: null, shelf: SHELF_STEP,
  answer: null, reasons: new Map(), stored: null, turn: 0, retry: null,
};
let queue = new EventQueue(state.session);
let notes = new Notes(state.session);
let channel = listen();

/** The session of the address, else the one that this browser used last, else a new one. */
function sessionOf() {
  const named = new URLSearchParams(location.search).get("session");
  const session = named ?? localStorage.getItem("nextitem.session") ?? newSession();
  localStorage.setItem("nextitem.session", session);
  return session;
}

function newSession() {
  return `visitor-${crypto.randomUUID().slice(0, 8)}`;
}

/** Other tabs of the session say when they have changed it. */
function listen() {
  const opened = new BroadcastChannel(`nextitem.${state.session}`);
  opened.addEventListener("message", () => refresh());
  return opened;
}

const path = (end) => `/v1/sessions/${encodeURIComponent(state.session)}/${end}`;
const nameOf = (itemId) => state.products.get(itemId)?.name ?? itemId;

/** Add an event to the session: to look at a product, or to put it into the cart. */
function act(itemId, kind, recommendationId) {
  const now = Date.now();
  const event = { item_id: itemId, event_id: crypto.randomUUID(), occurred_at: new Date(now).toISOString() };
  if (recommendationId) event.recommendation_id = recommendationId;
  notes.set(itemId, now, { kind, status: "queued" });
  queue.add(event);
  showProduct(itemId);
  showTimeline();
  return send();
}

/** Send the queue, unless the visitor is offline. Events that were not acknowledged stay, and are sent again. */
async function send() {
  clearTimeout(state.retry);
  if (!state.online) return showNotice();
  try {
    await queue.flush(async (events) => {
      const result = await callService("POST", path("events"), { events, limit: SHOWN });
      for (const event of events) {
        const outcome = result.answer.events.find((candidate) => candidate.event_id === event.event_id);
        notes.set(event.item_id, Date.parse(event.occurred_at), { status: result.answer.stored ? outcome.status : "queued" });
      }
      showAnswer(result);
      return result.answer.stored;
    });
    showNotice();
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof TypeError) && error.name !== "TimeoutError") throw error;
    showNotice(error instanceof Refused ? `The service refused: ${error.message}` : "The service does not answer.");
  }
  if (queue.events.length) state.retry = setTimeout(send, RETRY_MS);
  await showSession();
  channel.postMessage("changed");
}

/** Read what is recommended to the session now; nothing is added to it. */
async function refresh() {
  if (!state.online) return;
  try {
    showAnswer(await callService("GET", path(`recommendations?limit=${SHOWN}`)));
  } catch (error) {
    showNotice(error instanceof Refused ? `The service refused: ${error.message}` : "The service does not answer.");
  }
  await showSession();
}

function showAnswer(result) {
  state.answer = result.answer;
  state.reasons = new Map();
  fill(byId("answer"), ...answerFacts(result));
  fill(byId("why"));
  showRecommendations();
  explain();
}

/** Ask devstack which event moved the answer most. A newer answer makes the question void. */
async function explain() {
  const turn = ++state.turn;
  if (state.answer.served_by !== "session") return;
  const version = state.answer.model.version;
  const why = await devstack(`sessions/${encodeURIComponent(state.session)}/why?version=${version}&limit=${SHOWN}`).catch(() => null);
  if (turn !== state.turn || why === null) return;
  state.reasons = new Map(why.reasons.map((reason) => [reason.item_id, reason.because]));
  fill(byId("why"), ...whyOf(why, nameOf));
  showRecommendations();
}

const NOTES = {
  session: (answer) => (answer.session_length === 1 ? "from the one event of your session" : `from the ${answer.session_length} events of your session`),
  stateless: () => "from the events of the last request only: the session store did not answer",
  popular: () => "what most visitors look at: your session has no events yet",
};

function showRecommendations() {
  const { answer } = state;
  byId("recommended-note").textContent = NOTES[answer.served_by](answer);
  const cards = answer.recommendations.map((item) => cardOf(productIn(item.item_id), {
    reason: state.reasons.get(item.item_id), nameOf, act: (kind) => act(item.item_id, kind, answer.recommendation_id),
  }));
  const held = document.activeElement?.closest?.("#recommended") ? document.activeElement.dataset.item : null;
  fill(byId("recommended"), ...cards);
  if (held) (byId("recommended").querySelector(`[data-item="${CSS.escape(held)}"]`) ?? byId("recommended")).focus();
}

function productIn(itemId) {
  return state.products.get(itemId) ?? { item_id: itemId, name: itemId, category: "item", price: null };
}

function showProduct(itemId) {
  byId("product").hidden = false;
  fill(byId("product"), ...productOf(productIn(itemId), () => act(itemId, "cart")));
}

function showShelf() {
  const { category, shelf } = state;
  const all = [...state.products.values()].filter((product) => !category || product.category === category);
  const products = all.sort((one, other) => other.popularity - one.popularity);
  fill(byId("shelf"), ...products.slice(0, shelf).map((product) => cardOf(product, { act: (kind) => act(product.item_id, kind) })));
  byId("more").hidden = products.length <= shelf;
  const chips = [{ prefix: null, label: "All" }, ...state.categories].map(({ prefix, label }) => el("button", {
    type: "button", "aria-pressed": String(prefix === category),
    onclick: () => {
      Object.assign(state, { category: prefix, shelf: SHELF_STEP });
      showShelf();
      byId("categories").querySelector('[aria-pressed="true"]').focus();
    },
  }, label));
  fill(byId("categories"), ...chips);
}

/** Read the session from the store, which decides about order; without a store the tab shows what it knows. */
async function showSession() {
  state.stored = await devstack(`sessions/${encodeURIComponent(state.session)}`).catch(() => null); // the store does not answer
  showTimeline();
}

function showTimeline() {
  const queued = queue.events.map((event) => ({ item_id: event.item_id, at: Date.parse(event.occurred_at), status: "queued" }));
  const stored = state.stored?.events ?? notes.events();
  const waiting = new Set(queued.map((event) => `${event.item_id}@${event.at}`));
  const events = [...stored.filter((event) => !waiting.has(`${event.item_id}@${event.at}`)), ...queued];
  events.sort((one, other) => other.at - one.at);
  const cart = notes.inCart;
  byId("session-count").textContent = `${events.length} events${cart ? `, ${cart} in the cart` : ""}`;
  fill(byId("timeline"), ...timelineOf(events, { notes, productIn }));
  const address = `?session=${encodeURIComponent(state.session)}`;
  byId("second-tab").href = `/${address}`;
  byId("inspect").href = `/console#session/${encodeURIComponent(state.session)}`;
}

function showNotice(problem) {
  const waiting = queue.events.length;
  const events = waiting === 1 ? "1 event waits" : `${waiting} events wait`;
  let text = problem ?? "";
  if (!state.online) text = `You are offline. ${waiting ? `${events} in this tab and will be sent in order.` : "Clicks wait in this tab."}`;
  else if (waiting) text = `${text} ${events} in this tab: the session store has not acknowledged. Sent again soon, under the same ids.`.trim();
  byId("notice").textContent = text;
}

function setOnline(online) {
  state.online = online;
  byId("online").setAttribute("aria-checked", String(online));
  byId("online").querySelector(".label").textContent = online ? "Online" : "Offline";
  showNotice();
  if (online) return queue.events.length ? send() : refresh();
}

function startSession() {
  channel.close();
  state.session = newSession();
  localStorage.setItem("nextitem.session", state.session);
  history.replaceState(null, "", "/");
  [queue, notes, channel] = [new EventQueue(state.session), new Notes(state.session), listen()];
  byId("product").hidden = true;
  return refresh();
}

async function start() {
  startTheme();
  byId("online").addEventListener("click", () => setOnline(!state.online));
  window.addEventListener("offline", () => setOnline(false));
  window.addEventListener("online", () => setOnline(true));
  byId("new-session").addEventListener("click", startSession);
  byId("more").addEventListener("click", () => {
    state.shelf += SHELF_STEP;
    showShelf();
  });
  const shop = await devstack("shop");
  useToken(shop.token);
  state.products = new Map(shop.products.map((product) => [product.item_id, product]));
  const used = new Set(shop.products.map((product) => product.category));
  state.categories = shop.categories.filter((category) => used.has(category.prefix));
  showShelf();
  await refresh();
  if (queue.events.length) await send();
}

start().catch((error) => {
  byId("notice").textContent = `The shop cannot start: ${error.message}`;
});
