// The shop: each click is an event, and each answer changes the recommendations at once.
import { callService, devstack, queryOf, Refused, useToken } from "../api.js";
import { byId, el, fill } from "../dom.js";
import { Products } from "../products.js";
import { startTheme } from "../theme.js";
import { Notes } from "./notes.js";
import { EventQueue } from "./queue.js";
import { Shelf } from "./shelf.js";
import { answerFacts, cardOf, productOf, timelineOf, whyOf } from "./views.js";

const SHOWN = 12;
const SIMILAR = 6;
const PROMOTED_SHARE = 0.25;
const RETRY_MS = 2500;

const state = {
  session: sessionOf(), online: true, products: null, shelf: null,
  answer: null, reasons: new Map(), stored: null, turn: 0, looked: 0, retry: null,
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
const nameOf = (itemId) => state.products.of(itemId).name;

/** What each request for recommendations asks for: the attributes to show, and how the shop steers. */
function wishes() {
  const promoted = byId("promote").value;
  return {
    limit: SHOWN,
    fields: state.products.fields,
    ...(promoted && { promote: [{ filter: { category: promoted }, share: PROMOTED_SHARE }] }),
    ...(byId("diverse").checked && { diversity: { field: "category", max: 1 } }),
  };
}

/** Add an event to the session: to look at a product, to like it, or to put it into the cart. */
function act(itemId, type, recommendationId) {
  addEvent(itemId, type, recommendationId);
  showProduct(itemId);
  showTimeline();
  return send();
}

function addEvent(itemId, type, recommendationId) {
  const now = Math.max(Date.now(), (queue.newest ?? 0) + 1); // two events of a click have two times
  const event = { item_id: itemId, event_id: crypto.randomUUID(), occurred_at: new Date(now).toISOString(), type };
  if (recommendationId) event.recommendation_id = recommendationId;
  notes.set(itemId, now, { type, status: "queued" });
  queue.add(event);
}

function buyCart() {
  for (const itemId of inCart()) addEvent(itemId, "purchase");
  showTimeline();
  return send();
}

/** Send the queue, unless the visitor is offline. Events that were not acknowledged stay, and are sent again. */
async function send() {
  clearTimeout(state.retry);
  if (!state.online) return showNotice();
  try {
    await queue.flush(async (events) => {
      const result = await callService("POST", path("events"), { events, ...wishes() });
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
    showAnswer(await callService("GET", path(`recommendations?${queryOf(wishes())}`)));
  } catch (error) {
    showNotice(error instanceof Refused ? `The service refused: ${error.message}` : "The service does not answer.");
  }
  await showSession();
}

function showAnswer(result) {
  state.answer = result.answer;
  state.reasons = new Map();
  state.products.learn(result.answer.recommendations);
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
  const cards = answer.recommendations.map((item) => {
    const because = state.reasons.get(item.item_id);
    return cardOf(state.products.of(item.item_id), {
      reason: item.reason, because: because && nameOf(because.item_id),
      act: (type) => act(item.item_id, type, answer.recommendation_id),
    });
  });
  const held = document.activeElement?.closest?.("#recommended") ? document.activeElement.dataset.item : null;
  fill(byId("recommended"), ...cards);
  if (held) (byId("recommended").querySelector(`[data-item="${CSS.escape(held)}"]`) ?? byId("recommended")).focus();
}

function showProduct(itemId) {
  byId("product").hidden = false;
  fill(byId("product"), ...productOf(state.products.of(itemId), (type) => act(itemId, type)));
  return showSimilar(itemId);
}

/** Ask for the items that are most similar to the product. A newer look makes the answer void. */
async function showSimilar(itemId) {
  const looked = ++state.looked;
  const query = queryOf({ limit: SIMILAR, fields: state.products.fields });
  const result = state.online && await callService("GET", `/v1/items/${encodeURIComponent(itemId)}/similar?${query}`).catch(() => null);
  if (looked !== state.looked) return;
  showRow("similar", result ? result.answer.recommendations : []);
}

/** Show items in a row of cards; a row without items is hidden. */
function showRow(name, recommendations) {
  state.products.learn(recommendations);
  byId(`${name}-section`).hidden = !recommendations.length;
  fill(byId(name), ...recommendations.map(({ item_id: itemId }) => cardOf(state.products.of(itemId), { act: (type) => act(itemId, type) })));
}

/** Read the session from the store, which decides about order; without a store the tab shows what it knows. */
async function showSession() {
  state.stored = await devstack(`sessions/${encodeURIComponent(state.session)}`).catch(() => null); // the store does not answer
  await state.products.fetch(eventsNow().map((event) => event.item_id)).catch(() => null); // then ids are shown
  showTimeline();
}

/** All events of the session, newest first. */
function eventsNow() {
  const queued = queue.events.map((event) => ({ item_id: event.item_id, at: Date.parse(event.occurred_at), type: event.type, status: "queued" }));
  const stored = state.stored?.events ?? notes.events();
  const waiting = new Set(queued.map((event) => `${event.item_id}@${event.at}`));
  const events = [...stored.filter((event) => !waiting.has(`${event.item_id}@${event.at}`)), ...queued];
  return events.sort((one, other) => other.at - one.at);
}

/** The items that were put into the cart and not bought since. */
function inCart() {
  const cart = new Set();
  for (const { item_id: itemId, type } of eventsNow().reverse()) {
    if (type === "cart") cart.add(itemId);
    if (type === "purchase") cart.delete(itemId);
  }
  return [...cart];
}

function showTimeline() {
  const events = eventsNow();
  const cart = inCart().length;
  byId("session-count").textContent = `${events.length} events${cart ? `, ${cart} in the cart` : ""}`;
  byId("buy").hidden = !cart;
  fill(byId("timeline"), ...timelineOf(events, { notes, products: state.products }));
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
  showRow("similar", []);
  return Promise.all([refresh(), showTrending(state.shelf.category)]);
}

/** Read attributes of items by ranking just these; an item that is not sold now has none in the answer. */
async function readAttributes(itemIds) {
  const body = { only: itemIds, limit: itemIds.length, fields: state.products.fields };
  const { answer } = await callService("POST", "/v1/recommendations", body);
  return Object.fromEntries(answer.recommendations.map((item) => [item.item_id, item.fields]));
}

/** Show what trends, in a category if one is chosen; nothing while nothing trends. */
async function showTrending(category = null) {
  const query = queryOf({ limit: SHOWN, fields: state.products.fields, ...(category && { category }) });
  const result = await callService("GET", `/v1/trending?${query}`).catch(() => null); // the store does not answer
  byId("trending-title").textContent = category ? `Trending now in ${category}` : "Trending now";
  showRow("trending", result?.answer.served_by === "trending" ? result.answer.recommendations : []);
}

async function start() {
  startTheme();
  byId("online").addEventListener("click", () => setOnline(!state.online));
  window.addEventListener("offline", () => setOnline(false));
  window.addEventListener("online", () => setOnline(true));
  byId("new-session").addEventListener("click", startSession);
  byId("buy").addEventListener("click", buyCart);
  const shop = await devstack("shop");
  useToken(shop.token);
  state.products = new Products(shop.fields, readAttributes);
  byId("steering").hidden = !shop.categories.length;
  byId("promote").append(...shop.categories.map((category) => el("option", {}, category)));
  for (const control of ["promote", "diverse"]) byId(control).addEventListener("change", refresh);
  state.shelf = new Shelf(state.products, shop.categories, act, showTrending);
  await Promise.all([refresh(), state.shelf.choose({}), showTrending()]);
  if (queue.events.length) await send();
}

start().catch((error) => {
  byId("notice").textContent = `The shop cannot start: ${error.message}`;
});
