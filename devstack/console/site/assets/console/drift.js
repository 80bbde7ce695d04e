// The drift of the route: the newest report, and hit rates over time.
import { devstack } from "../api.js";
import { el, facts, fill, percent } from "../dom.js";
import { legend, timeChart } from "./charts.js";
import { box, changed, every, noLake, table, when } from "./parts.js";

const POLL_MS = 10000;
const KIND = { steady: "good", moderate: "warn", elevated: "bad", failing: "bad" };
const level = (name) => el("span", { class: `badge ${KIND[name]}` }, name);

export function drift(view, shared) {
  const result = el("div", { class: "view" });
  const hours = el("input", { type: "number", id: "hours", value: 1, min: 0.01, max: 168, step: "any", required: true });
  const idle = el("input", { type: "number", id: "idle", value: 60, min: 1, step: "any", required: true });
  const form = el("form", { class: "fields", onsubmit: measure, hidden: true }, el("label", {}, "window, hours", hours), el("label", {}, "a session ends after, s", idle),
    el("div", { class: "actions" }, el("button", { class: "primary", id: "measure" }, "Measure now")));
  fill(view, el("h1", {}, "Drift"), form, result);
  const isNew = changed();

  async function measure(event) {
    event.preventDefault();
    try {
      const report = await devstack("drift/measure", { hours: Number(hours.value), idle_seconds: Number(idle.value) });
      shared.say(`Measured ${report.sessions} sessions: ${report.level}.`);
    } catch (error) {
      shared.say(`The drift was not measured: ${error.message}`);
    }
    await read();
  }

  async function read() {
    const found = await devstack("drift");
    form.hidden = !found.has_lake;
    if (isNew([found, result.clientWidth])) fill(result, ...shown(result, found));
  }
  return every(POLL_MS, () => read().catch((error) => shared.say(`The drift cannot be read: ${error.message}`)));
}

function shown(place, { has_lake: hasLake, report, thresholds, hit_rates: points }) {
  if (!hasLake) return [noLake("Drift")];
  if (!report) return [box("No report yet", el("p", { class: "soft" }, "A measurement compares the sessions of a window with the training of the live version, and with last week."))];
  return [summaryOf(report, thresholds), hitRatesOf(place, report, points), measuresOf(report, thresholds)];
}

function summaryOf(report, thresholds) {
  const { unknown } = report;
  return box("The newest report", el("p", { id: "drift-level" }, level(report.level), ` ${report.reasons.length ? report.reasons.join("; ") : "nothing has moved by more than chance explains"}`),
    el("dl", { class: "facts" }, ...facts([["version", el("code", {}, report.version)], ["measured", when(report.measured)],
      ["window", `${when(report.since)} to ${when(report.until)}`], ["sessions, events", `${report.sessions.toLocaleString("en")}, ${report.events.toLocaleString("en")}`],
      ["items that the model does not know", `${percent(unknown.share)} of the events, ${percent(unknown.before)} in the training; elevated from a rise of ${percent(thresholds.unknown_rise)}`],
      unknown.items.length ? ["the most frequent of them", unknown.items.map((item) => item.name).join(", ")] : null,
      ["hit rate that is missing", `${percent(report.shortfall)} at least; failing from ${percent(thresholds.max_shortfall)}`]])));
}

function hitRatesOf(place, report, points) {
  const versions = [...new Set(points.map((point) => point.version))];
  const lines = versions.map((version) => ({ name: version, points: points.filter((point) => point.version === version).map((point) => [Date.parse(point.at), point.smoothed]) }));
  const rows = report.hit_rates.map((rate) => [el("code", {}, rate.version), rate.variant, String(rate.events), String(rate.sessions),
    `${percent(rate.value)} (${percent(rate.low)} to ${percent(rate.high)})`, percent(rate.smoothed), percent(rate.last_week)]);
  return box("Online hit rate @20 by version", ...(lines.length ? [legend(lines), timeChart(place, lines, report.promised)] : [el("p", { class: "soft" }, "No event followed an answer in this window.")]),
    table("Hit rate by version", ["version", "variant", "#events", "#sessions", "#hit rate", "#smoothed", "#last week"], rows));
}

function measuresOf(report, thresholds) {
  const moved = (changes) => changes.map((each) => `${each.name} (${percent(each.before)} to ${percent(each.now)})`).join(", ");
  const text = (content) => (content ? el("span", { class: "text" }, content) : "–");
  const rows = report.measures.map((each) => (each.skipped ? [each.name, each.against, "–", "–", "–", el("span", { class: "soft text" }, each.skipped), "–", "–"]
    : [each.name, each.against, each.psi.toFixed(3), each.bound.toFixed(3), each.smoothed.toFixed(3), level(each.level), text(moved(each.gained)), text(moved(each.lost))]));
  return box("Distributions", el("p", { class: "soft" }, `The population stability index beyond chance, smoothed, is moderate from ${thresholds.moderate} and elevated from ${thresholds.elevated}.`),
    table("Distributions", ["distribution", "against", "#PSI", "#by chance at most", "#beyond chance", "level", "gained most", "lost most"], rows));
}
