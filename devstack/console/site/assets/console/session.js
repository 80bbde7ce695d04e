// The session inspector: what the store has, and the replay event by event.
import { devstack } from "../api.js";
import { clock, el, facts, fill, svg } from "../dom.js";
import { picture } from "../pictures.js";
import { box, ranking, sessionLink } from "./parts.js";

export function session(view, shared, argument) {
  const sessionId = argument ?? localStorage.getItem("nextitem.session") ?? "";
  const result = el("div", { class: "view" });
  const input = el("input", { type: "text", id: "session-id", value: sessionId, required: true, autocomplete: "off", spellcheck: "false" });
  const version = el("select", { id: "replay-version" }, el("option", { value: "" }, "the live one"));
  const form = el("form", {
    class: "form",
    onsubmit: (event) => {
      event.preventDefault();
      const address = `#session/${encodeURIComponent(input.value)}`;
      if (location.hash === address) read();
      else location.hash = address;
    },
  }, el("label", {}, "Session id", input), el("label", {}, "Replay on version", version), el("button", { class: "primary" }, "Inspect"));
  version.addEventListener("change", () => read());
  fill(view, el("h1", {}, "Session inspector"), form, result);

  async function read() {
    try {
      const path = `sessions/${encodeURIComponent(input.value)}`;
      const query = version.value ? `?version=${version.value}` : "";
      const [stored, replay] = await Promise.all([devstack(path), devstack(`${path}/replay${query}`)]);
      await shared.products.fetch([...stored.events.map((event) => event.item_id), ...replay.steps.flatMap((step) => step.top)]);
      fill(result, ...(stored.events.length ? shown(stored, replay, shared) : [empty()]));
    } catch (error) {
      fill(result, el("p", { class: "notice bad" }, `The session cannot be read: ${error.message}.`));
    }
  }

  devstack("registry").then((registry) => version.append(...registry.versions.map((published) => el("option", { value: published.version }, published.version))));
  if (sessionId) read();
}

const empty = () => el("p", {}, "The store has no such session. Click in the ", el("a", { href: "/" }, "shop"), ", or try a session of the replay: ", sessionLink("shop-2026-0000001"), ".");

function shown(stored, replay, shared) {
  const steps = el("div", { class: "steps" });
  const detail = el("div", { class: "view" });
  const buttons = stored.events.map((event, index) => {
    const product = shared.products.of(event.item_id);
    const snapshots = stored.snapshots.filter((snapshot) => snapshot.events === index + 1);
    return el("button", { type: "button", onclick: () => choose(index) }, picture(event.item_id, product.picture),
      el("span", { class: "number" }, `${index + 1} · ${clock(event.at)}`), el("span", {}, product.name), event.type === "view" ? null : el("span", { class: "badge" }, event.type),
      snapshots.length ? el("span", { class: "badge" }, "snapshot") : null);
  });
  function choose(index) {
    buttons.forEach((button, place) => (place === index ? button.setAttribute("aria-current", "step") : button.removeAttribute("aria-current")));
    fill(detail, ...stepOf(replay, index, shared, choose));
  }
  fill(steps, ...buttons);
  choose(stored.events.length - 1);
  return [
    el("div", { class: "two" }, box("In the store", el("dl", { class: "facts" }, ...facts([
      ["distinct events", String(stored.length)], ["in the log", String(stored.events.length)],
      ["forgotten in", `${Math.round(stored.seconds_left / 360) / 10} h without events`],
      ...stored.snapshots.map((snapshot) => [`snapshot of ${snapshot.version}`,
        snapshot.events === null ? "of an older log: the next request replays" : `${snapshot.values} values after event ${snapshot.events}`]),
      stored.impression && ["last recommended", `${stored.impression.item_ids.length} items after event ${stored.impression.events ?? "?"}, by ${stored.impression.version}`],
      stored.impression && ["recommendation id", el("code", {}, stored.impression.recommendation_id)],
    ]))), box("Replayed on", el("dl", { class: "facts" }, ...facts([["version", el("code", {}, replay.version)],
      ["the session's items", replay.exclude_seen ? "are left out, as the route says" : "may be recommended"]])),
    el("p", { class: "soft" }, "Devstack opens this version and steps it through the stored log, event by event, as the function would, without places for exploring new items."))),
    box("Events, oldest first", steps), detail,
  ];
}

function stepOf(replay, index, shared, choose) {
  const step = replay.steps[index];
  const before = index ? replay.steps[index - 1].top : [];
  const mark = (itemId, place) => {
    const old = before.indexOf(itemId);
    if (!index) return {};
    if (old < 0) return { end: el("span", { class: "badge good" }, "new"), fresh: true };
    if (old === place) return {};
    return { end: el("span", { class: "badge", title: `was ${old + 1}` }, `${old > place ? "▲" : "▼"} ${Math.abs(old - place)}`) };
  };
  const kept = before.filter((itemId) => step.top.includes(itemId)).length;
  return [box(`After event ${index + 1} of ${replay.steps.length}`,
    el("div", { class: "actions" },
      el("button", { type: "button", disabled: index === 0, onclick: () => choose(index - 1) }, "Step back"),
      el("button", { type: "button", disabled: index === replay.steps.length - 1, onclick: () => choose(index + 1) }, "Step on")),
    el("p", { class: "soft" }, step.known ? "" : "The model does not know this item: the event is kept for a later model and changes nothing. ",
      index ? `${kept} of the top ${step.top.length} were there before. ` : "",
      step.snapshot_difference === null ? "" : `The stored snapshot of this place differs from the replay by ${step.snapshot_difference}.`),
    stripOf(step.hidden, index ? replay.steps[index - 1].hidden : []),
    ranking(step.top, shared, mark))];
}

/** The hidden state as a strip of cells: blue is negative, orange positive. */
function stripOf(hidden, before) {
  const changed = Math.sqrt(hidden.reduce((sum, value, place) => sum + (value - (before[place] ?? 0)) ** 2, 0));
  return svg("svg", { class: "strip", viewBox: `0 0 ${Math.max(hidden.length, 1)} 1`, preserveAspectRatio: "none", role: "img",
    "aria-label": `Hidden state of ${hidden.length} values; this event moved it by ${changed.toFixed(2)}` },
  ...hidden.map((value, place) => svg("rect", { x: place, y: 0, width: 1.02, height: 1, fill: value < 0 ? "#2f6fd0" : "#e08a2c", opacity: Math.min(1, Math.abs(value)).toFixed(2) })));
}
