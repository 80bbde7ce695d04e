// Published versions and the route: promote and roll back.
import { callService, devstack } from "../api.js";
import { el, facts, fill, percent } from "../dom.js";
import { every, table, when } from "./parts.js";

const POLL_MS = 1000;

export function models(view, shared) {
  const served = el("p", { id: "serving", class: "soft" });
  const route = el("div", { class: "box" });
  const versions = el("div", { class: "box" });
  const history = el("div", { class: "box" });
  fill(view, el("h1", {}, "Models"), route, versions, history);

  async function change(question, path, body) {
    if (!(await shared.confirm(...question))) return;
    try {
      const changed = await devstack(path, body);
      shared.say(`Revision ${changed.revision} is the route now. Functions follow when they next read it: within seconds here, within 30 s by default.`);
    } catch (error) {
      shared.say(`The route was not changed: ${error.message}`);
    }
    await read();
  }

  async function read() {
    const registry = await devstack("registry");
    fill(route, ...routeOf(registry, served, change));
    fill(versions, el("h2", {}, "Versions"), ...registry.versions.map((version) => versionOf(version, change)));
    fill(history, ...historyOf(registry.history));
  }

  read().catch((error) => shared.say(`The registry cannot be read: ${error.message}`));
  return every(POLL_MS, async () => {
    const health = await callService("GET", "/v1/health").catch(() => null);
    served.textContent = health ? `The function serves ${health.answer.model.version} now.` : "The function does not answer.";
  });
}

function routeOf({ route, history }, served, change) {
  const total = route.variants.reduce((sum, variant) => sum + variant.weight, 0);
  const rows = route.variants.map((variant) => [variant.variant, el("code", {}, variant.version),
    el("meter", { class: "share", min: 0, max: 1, value: variant.weight / total, "aria-label": `share of ${variant.version}` }),
    percent(variant.weight / total)]);
  const seen = { true: "left out", false: "not left out", null: "as the deployment says" }[String(route.exclude_seen)];
  return [
    el("div", { class: "title-line" }, el("h2", {}, "The route"), el("span", { class: "soft" }, `revision ${route.revision}, changed ${route.changed}`)),
    table("Variants of the route", ["variant", "version", "share", "#of the sessions"], rows),
    el("p", { class: "soft" }, `Items of the session are ${seen}.${route.restores ? ` This revision restores revision ${route.restores}.` : ""}`),
    served,
    el("div", { class: "actions" }, el("button", {
      type: "button", class: "danger", id: "rollback", disabled: history.length < 2,
      onclick: () => change(["Roll back?", "The previous versions of the route get their traffic back, after their certificates are checked. Sessions stay: only their snapshots are made again.", "Roll back"], "rollback", {}),
    }, "Roll back")),
  ];
}

function versionOf(version, change) {
  const { manifest, certificate, share } = version;
  const { training, model, quantization, evaluation } = manifest;
  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  return el("details", { class: "version", open: share > 0 },
    el("summary", {}, el("code", {}, version.version), share > 0 ? el("span", { class: "badge good" }, `live, ${percent(share)}`) : el("span", { class: "badge" }, "not live"), verdictBadge(version.verdict),
      el("span", { class: "soft" }, `HR@20 ${evaluation["hr@20"]?.toFixed(4) ?? "–"}, ${training.sessions.toLocaleString("en")} sessions`)),
    el("div", { class: "inside" },
      el("div", {}, el("h3", {}, "Evaluation"), el("dl", { class: "facts" }, ...facts(Object.entries(evaluation).map(([name, value]) => [name, value.toFixed(4)])))),
      el("div", {}, el("h3", {}, "Training"), el("dl", { class: "facts" }, ...facts([
        ["sessions, events", `${training.sessions.toLocaleString("en")}, ${training.events.toLocaleString("en")}`],
        ["period", `${day(training.first)} to ${day(training.last)}`], ["items, hidden, layers", `${model.items}, ${model.hidden}, ${model.layers}`],
        ["epochs", String(training.epochs)], ["session memory", manifest.memory ? `${manifest.memory.sessions.toLocaleString("en")} sessions` : "none"]]))),
      el("div", {}, el("h3", {}, "Certificate"), el("dl", { class: "facts" }, ...facts([
        ["golden sessions", String(certificate.golden_sessions)], ["top 20 must agree", `${percent(certificate.overlap)} at least`],
        ["scores may differ", `${percent(certificate.score_tolerance)} at most`], ["scoring scheme", quantization.scheme],
        ["overlap with fp32", quantization.overlap.toFixed(4)], ["HR@20 lost", (-quantization.hr_delta).toFixed(4)]])))),
    ...verdictOf(version),
    el("details", {}, el("summary", {}, "Model card"), el("pre", { class: "card-text", tabindex: "0" }, version.card)),
    el("div", { class: "actions" }, el("button", {
      type: "button", class: "primary", disabled: share === 1, "aria-label": `Promote ${version.version}`,
      onclick: () => change(["Promote?", questionOf(version), "Promote"], "promote", { version: version.version, force: Boolean(version.refusal) }),
    }, "Promote")));
}

function questionOf({ version, verdict, refusal }) {
  const checked = `${version} gets all traffic, after its whole certificate is checked.`;
  if (!refusal) return `${checked} ${verdict?.reason ?? ""}`;
  return `${checked} ${refusal}. The audit log of the route will say that you promoted it all the same.`;
}

const verdictBadge = (verdict) => (verdict ? el("span", { class: `badge ${verdict.passed ? "good" : "bad"}` }, verdict.passed ? "passed the gate" : "did not pass") : el("span", { class: "badge" }, "not judged"));

function verdictOf({ version, verdict, share }) {
  if (!verdict) return share > 0 ? [] : [el("p", { class: "soft" }, "No verdict yet: ", el("code", {}, `nextitem gate ${version}`), " compares it with the live version.")];
  const rows = verdict.bounds.map((bound) => [bound.name, bound.meaning, bound.value.toPrecision(4), `${bound.rule} ${bound.limit}`,
    el("span", { class: `badge ${bound.passed ? "good" : "bad"}` }, bound.passed ? "holds" : "missed")]);
  return [el("h3", {}, "Verdict of the gate"), el("p", {}, verdict.reason),
    el("p", { class: "soft" }, `Beside ${verdict.reference ?? "best sellers"}, ${when(verdict.judged_at)}${verdict.events ? `, on ${verdict.events.sessions.toLocaleString("en")} sessions` : ""}.`),
    table(`Verdict on ${version}`, ["bound", "of", "#value", "allowed", ""], rows)];
}

function historyOf(history) {
  const rows = history.map((route) => [String(route.revision), route.changed, el("code", {}, route.variants.map((variant) => variant.version).join(", ")),
    route.experiment ? `experiment ${route.experiment.experiment}` : route.restores ? `restores ${route.restores}` : "promotion"]);
  return [el("h2", {}, "History of the route"), table("History of the route", ["revision", "changed", "versions", "how"], rows)];
}
