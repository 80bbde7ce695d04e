// The figures of `python -m devstack top`, live.
import { devstack } from "../api.js";
import { el, fill, ms, percent, servedBadge, svg } from "../dom.js";
import { box, every, table } from "./parts.js";

const READ_MS = 2000;
const POINTS = 90;

export function overview(view, shared) {
  const tiles = el("dl", { class: "tiles" });
  const chart = el("div", {});
  const rest = el("div", { class: "two" });
  const points = [];
  fill(view, el("h1", {}, "Overview"), tiles, box("Latency in the function",
    el("p", { class: "legend" }, el("span", {}, el("span", { class: "key" }), "p50"), el("span", {}, el("span", { class: "key p95" }), "p95"),
      el("span", {}, "each point is over the last five minutes, as in devstack top")), chart), rest);
  return every(READ_MS, async () => {
    try {
      const figures = await devstack("figures");
      points.push(figures);
      if (points.length > POINTS) points.shift();
      fill(tiles, ...tilesOf(figures));
      fill(chart, chartOf(points));
      fill(rest, ...tablesOf(figures));
    } catch (error) {
      shared.say(`The figures cannot be read: ${error.message}`);
    }
  });
}

const tile = (name, value, note) => el("div", { class: "tile" }, el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null));

function tilesOf(figures) {
  return [
    tile("requests", String(figures.requests), `${figures.requests_per_second.toFixed(1)} a second over ${figures.window_seconds / 60} minutes`),
    tile("p50", ms(figures.p50_ms), `p95 ${ms(figures.p95_ms)}, p99 ${ms(figures.p99_ms)}`),
    tile("cold starts", String(figures.cold_starts), `${percent(figures.slow_share)} of the requests were slow`),
    tile("hit rate @20", percent(figures.hit_rate), `of next events: ${figures.labelled_events}`),
    tile("click-through", percent(figures.click_rate), "events that name an answer"),
    tile("failed", percent(figures.failed_share), `${figures.store_faults} store faults, ${figures.route_faults} route faults`),
  ];
}

function tablesOf(figures) {
  const served = Object.entries(figures.served_by).map(([source, share]) => [servedBadge(source),
    el("meter", { class: "share", min: 0, max: 1, value: share, "aria-label": `share of ${source}` }), percent(share)]);
  const alarms = figures.alarms.filter((alarm) => alarm.state === "ALARM" && alarm.action);
  const evaluated = figures.alarms.filter((alarm) => alarm.state !== "NOT_EVALUATED").length;
  const versions = figures.versions.map((version) => [el("code", {}, version.version), version.variant, String(version.requests),
    ms(version.p95_ms), percent(version.hit_rate), percent(version.click_rate)]);
  return [
    box("Served by", table("Answers by source", ["source", "share", "#of all"], served)),
    box("By version", table("Figures by version", ["version", "variant", "#requests", "#p95", "#hit@20", "#clicks"], versions)),
    box("Alarms", alarms.length
      ? table("Alarms", ["alarm", "action", "meaning", "runbook"], alarms.map((alarm) => [el("span", { class: "badge bad" }, alarm.name),
        alarm.action, alarm.meaning, el("code", {}, alarm.runbook)]))
      : el("p", {}, el("span", { class: "badge good" }, "no alarm"), ` ${evaluated} of ${figures.alarms.length} deployed alarms can be evaluated here`)),
  ];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [1120, 170, 48, 24];

function chartOf(points) {
  const most = Math.max(5, ...points.map((point) => point.p95_ms ?? 0)) * 1.15;
  const x = (place) => LEFT + (place / (POINTS - 1)) * (WIDTH - LEFT - 8);
  const y = (value) => HEIGHT - BOTTOM - (value / most) * (HEIGHT - BOTTOM - 10);
  const first = POINTS - points.length;
  const line = (name, key) => svg("polyline", { class: name, points: points.map((point, place) => [x(first + place), point[key]])
    .filter(([, value]) => value !== null).map(([at, value]) => `${at.toFixed(1)},${y(value).toFixed(1)}`).join(" ") });
  const ticks = [0, 0.5, 1].map((share) => (most / 1.15) * share);
  const last = points.at(-1);
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `p50 is ${ms(last.p50_ms)}, p95 is ${ms(last.p95_ms)}` },
    ...ticks.flatMap((value) => [svg("line", { class: "axis", x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, `${value.toFixed(value < 10 ? 1 : 0)} ms`)]),
    svg("text", { x: WIDTH - 8, y: HEIGHT - 6, "text-anchor": "end" }, "now"),
    svg("text", { x: LEFT, y: HEIGHT - 6 }, "3 minutes ago"),
    ...[["p50", last.p50_ms], ["p95", last.p95_ms]].filter(([, value]) => value !== null)
      .map(([name, value]) => svg("circle", { class: `last ${name}`, cx: x(POINTS - 1), cy: y(value), r: 4 })),
    line("p50", "p50_ms"), line("p95", "p95_ms"));
}
