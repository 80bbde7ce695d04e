// The experiment of the route: start, look, stop, its evidence, and every decision.
import { devstack } from "../api.js";
import { el, facts, fill, percent } from "../dom.js";
import { intervalChart, signed } from "./charts.js";
import { box, changed, every, noLake, table, when } from "./parts.js";

const POLL_MS = 5000;
const LOOK_MS = 30000;
const GUARDS = { p99_ms: "p99, ms", error_rate: "requests that failed", slow_share: "slow requests" };

export function experiments(view, shared) {
  const [state, form, log] = [el("div", { class: "view" }), el("div", {}), el("div", {})];
  const automatic = el("input", { type: "checkbox", id: "look-again" });
  const again = el("label", { class: "check" }, automatic, "look every 30 s while this page is open");
  fill(view, el("h1", {}, "Experiments"), state, again, form, log);
  const [isNewState, isNewForm, isNewLog] = [changed(), changed(), changed()];
  let lastLook = Date.now();
  let running = false;

  async function act(path, body, failed, done) {
    try {
      shared.say(done(await devstack(`experiments/${path}`, body)));
    } catch (error) {
      shared.say(`${failed}: ${error.message}`);
    }
    await read();
  }
  const look = () => {
    lastLook = Date.now();
    return act("look", {}, "The look failed", (found) => (found === null ? "There is nothing to decide yet." : `Look ${found.decision.look}: ${found.decision.reason}.`));
  };
  async function stop(record) {
    const text = `${record.champion} gets all sessions back. The audit log of the route will say that a person stopped ${record.experiment}.`;
    if (await shared.confirm("Stop the experiment?", text, "Stop it")) await act("stop", {}, "The experiment was not stopped", (ended) => `Experiment ${ended.experiment} is stopped: ${ended.champion} has all sessions.`);
  }
  async function start(body, refusal) {
    const text = `${body.version} gets ${percent(body.share)} of the sessions, after its whole certificate is checked.`;
    const forced = refusal ? ` ${refusal}. The audit log of the route will say that you started it all the same.` : "";
    if (!(await shared.confirm(refusal ? "Start without a passing verdict?" : "Start the experiment?", text + forced, refusal ? "Start it all the same" : "Start"))) return;
    await act("start", { ...body, force: Boolean(refusal) }, "The experiment was not started", (record) => `Experiment ${record.experiment} runs. Functions follow when they next read the route.`);
  }

  async function read() {
    const [found, registry] = await Promise.all([devstack("experiments"), devstack("registry")]);
    running = found.is_running;
    again.hidden = !(running && found.has_lake);
    if (isNewState([found.record, found.look, found.is_running, found.fault, found.has_lake, state.clientWidth])) {
      fill(state, ...(found.has_lake ? [] : [noLake("Experiments")]), found.fault && el("p", { class: "notice bad" }, `Events do not reach the lake: ${found.fault}`),
        ...(found.record ? shown(state, found, look, stop) : [box("No experiment yet", el("p", { class: "soft" }, "An experiment gives a part of the sessions to a new version, and compares their outcomes."))]));
    }
    const candidates = registry.versions.filter((version) => version.share === 0);
    if (isNewForm([running, found.has_lake, candidates.map(({ version, refusal }) => [version, refusal])])) {
      form.hidden = running || !found.has_lake;
      fill(form, form.hidden ? null : startForm(candidates, start));
    }
    if (isNewLog(found.log)) fill(log, logOf(found.log));
  }

  return every(POLL_MS, async () => {
    try {
      if (automatic.checked && running && Date.now() - lastLook >= LOOK_MS) await look();
      else await read();
    } catch (error) {
      shared.say(`The experiments cannot be read: ${error.message}`);
    }
  });
}

function shown(place, found, look, stop) {
  const { record, look: last, is_running: running } = found;
  const decision = last?.decision;
  const share = record.shares.at(-1)?.share ?? 0;
  const arm = (name, version, evidence, sessions) => [name, el("code", {}, version),
    el("meter", { class: "share", min: 0, max: 1, value: sessions, "aria-label": `share of ${version}` }), percent(sessions),
    String(evidence?.sessions ?? 0), evidence?.mean === null || evidence === undefined ? "–" : evidence.mean.toFixed(4)];
  const buttons = el("div", { class: "actions" },
    el("button", { type: "button", class: "primary", id: "look", disabled: !found.has_lake, onclick: look }, "Look now"),
    el("button", { type: "button", class: "danger", id: "stop", disabled: !found.has_lake, onclick: () => stop(record) }, "Stop the experiment"));
  const parts = [
    el("div", { class: "title-line" }, el("h2", {}, running ? "The experiment that runs" : "The last experiment"),
      el("span", { class: "soft" }, el("code", {}, record.experiment), ` ${record.kind}, since ${when(record.started)}`)),
    el("p", {}, el("span", { class: `badge ${running ? "good" : ""}` }, running ? "running" : "ended"), running ? "" : ` ${found.outcome ?? "a person changed the route"}`),
    table("Arms of the experiment", ["arm", "version", "share", "#of the sessions", "#sessions counted", record.kind === "interleaving" ? "#share of credits" : "#hit rate @20"], [
      arm("champion", record.champion, decision?.champion, running ? 1 - share : share === 1 ? 0 : 1),
      arm("challenger", record.challenger, decision?.challenger, running ? share : found.record.outcome === "promoted" ? 1 : 0)]),
  ];
  if (!decision) parts.push(el("p", { class: "soft" }, "No look yet. A look counts the sessions that have ended, and decides."));
  else parts.push(...evidenceOf(place, found));
  if (running) parts.push(buttons);
  return [el("section", { class: "box" }, ...parts)];
}

function evidenceOf(place, { look, change, record }) {
  const { decision, left_out: left } = look;
  const chart = el("div", { id: "interval" }, intervalChart(place, decision.relative_difference, record.rules.margin));
  const guards = decision.guards.map((guard) => [GUARDS[guard.name] ?? guard.name, guard.value === null ? "not measured" : guard.value.toPrecision(4),
    String(guard.most), el("span", { class: `badge ${guard.breached ? "bad" : guard.value === null ? "" : "good"}` }, guard.breached ? "breached" : guard.value === null ? "unknown" : "holds")]);
  return [
    el("div", {}, el("h3", {}, "Challenger against champion"), el("p", { id: "change" }, change),
      el("p", { class: "soft" }, `The bar is the interval that holds at every look (${percent(record.rules.level)}). ${ruleOf(record.rules.margin)}`), chart),
    el("dl", { class: "facts" }, ...facts([["newest look", `${decision.look}, ${when(look.at)}`], ["it says", decision.reason],
      ["shares", record.rules.steps.map(percent).join(", ")], ["sessions of each arm, at least", String(record.rules.minimum_sessions)],
      ["shares that the arms got", assignmentOf(decision.assignment)], ["left out by this look", `${left.under_way} under way at a change, ${left.in_both_arms} in both arms, ${left.no_outcome} without outcome, ${left.too_long} too long`]])),
    el("div", {}, el("h3", {}, "Guard rails"), guards.length ? table("Guard rails", ["measurement", "#now", "#at most", ""], guards) : el("p", { class: "soft" }, "None.")),
  ];
}

function assignmentOf({ champion, challenger, challenger_expected: expected, mismatch }) {
  const count = (value) => Math.round(value).toLocaleString("en");
  const text = `${count(challenger)} of ${count(champion + challenger)} sessions are the challenger's, ${count(expected)} expected`;
  return el("span", {}, text, mismatch ? el("span", { class: "badge bad" }, "a mismatch: nothing is decided") : null);
}

const ruleOf = (margin) => {
  const at = margin > 0 ? `the accepted loss of ${signed(-margin)} (dashed)` : "no change";
  return `Left of ${at}, the challenger is rolled back. Right of that, it is promoted at its last share.`;
};

function startForm(candidates, start) {
  const input = (id, value, attributes) => el("input", { type: "number", id, value, ...attributes });
  const label = (text, field) => el("label", {}, text, field);
  const version = el("select", { id: "challenger" }, ...candidates.map((each) => el("option", { value: each.version }, each.version)));
  const note = el("p", { id: "verdict-note", class: "soft", role: "status" });
  const fields = {
    share: input("share", 5, { min: 0.1, max: 50, step: "any", required: true }), margin: input("margin", 0, { min: 0, max: 99, step: "any", required: true }),
    sessions: input("minimum", 100, { min: 2, step: 1, required: true }), idle: input("idle", 60, { min: 1, step: "any", required: true }),
    p99: input("p99", "", { min: 0, step: "any" }), errors: input("errors", "", { min: 0, max: 100, step: "any" }),
  };
  const kind = el("select", { id: "kind" }, el("option", { value: "canary" }, "canary"), el("option", { value: "interleaving" }, "interleaving"));
  const chosen = () => candidates.find((each) => each.version === version.value);
  const say = () => {
    const found = chosen();
    fill(note, el("span", { class: `badge ${found.refusal ? "warn" : "good"}` }, found.refusal ? "needs a verdict" : "passed the gate"),
      ` ${found.refusal ? `${found.refusal}. ` : found.verdict?.reason ?? ""}`, found.refusal ? el("code", {}, `nextitem gate ${found.version}`) : null, found.refusal ? " judges it." : null);
  };
  if (!candidates.length) return box("Start an experiment", el("p", { class: "soft" }, "There is no published version beside the live one: ", el("code", {}, "nextitem publish"), " adds one."));
  version.addEventListener("change", say);
  say();
  const optional = (field, scale = 1) => (field.value === "" ? null : Number(field.value) / scale);
  const submit = (event) => {
    event.preventDefault();
    start({
      version: version.value, kind: kind.value, share: Number(fields.share.value) / 100, margin: Number(fields.margin.value) / 100,
      minimum_sessions: Number(fields.sessions.value), idle_seconds: Number(fields.idle.value), p99_ms: optional(fields.p99), error_rate: optional(fields.errors, 100),
    }, chosen().refusal);
  };
  return box("Start an experiment", el("form", { class: "fields", onsubmit: submit }, label("challenger", version), label("kind", kind),
    label("share, % of the sessions", fields.share), label("accepted loss, %", fields.margin), label("sessions of each arm, at least", fields.sessions),
    label("a session ends after, s", fields.idle), label("guard rail: p99 at most, ms", fields.p99), label("guard rail: failed at most, %", fields.errors),
    el("div", { class: "actions" }, el("button", { class: "primary", id: "start" }, "Start"))), note);
}

function logOf(entries) {
  if (!entries.length) return box("Decisions", el("p", { class: "soft" }, "None yet."));
  return box("Decisions", el("p", { class: "soft" }, "Every look with its evidence, and what people did by hand. Entries are never changed."),
    ...entries.map((entry) => el("details", { class: "version entry" }, el("summary", {}, el("time", { datetime: entry.at }, when(entry.at)), el("strong", {}, entry.what), el("span", { class: "soft" }, entry.reason)),
      el("pre", { class: "card-text", tabindex: "0" }, JSON.stringify(entry.look ?? entry.details, null, 1)))));
}
