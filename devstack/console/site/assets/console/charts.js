// Small charts as SVG. They are drawn at the width of their place, so that texts have the same size on a phone.
import { el, svg } from "../dom.js";

export const signed = (value) => `${value >= 0 ? "+" : "-"}${Math.abs(100 * value).toFixed(1)} %`;
const MINIMUM_WIDTH = 260;
const widthOf = (place) => Math.max(MINIMUM_WIDTH, place.clientWidth);
const text = (x, y, content, anchor = "middle") => svg("text", { x, y, "text-anchor": anchor }, content);

/**
 * A relative change with its interval as a bar, beside no change and the accepted loss. `estimate` has value, low and
 * high; a bound that is null is infinite, and the bar then runs to the edge.
 */
export function intervalChart(place, { value, low, high }, margin) {
  const [width, height, side, middle] = [widthOf(place), 92, 14, 40];
  const most = 1.15 * Math.max(0.02, margin, ...[value, low, high].filter((each) => each !== null).map((each) => Math.min(Math.abs(each), 2)));
  const x = (change) => side + ((Math.max(-most, Math.min(most, change)) + most) / (2 * most)) * (width - 2 * side);
  const [from, to] = [x(low ?? -most), x(high ?? most)];
  const line = (name, change) => svg("line", { class: name, x1: x(change), x2: x(change), y1: 20, y2: 62 });
  const parts = [svg("line", { class: "axis", x1: side, x2: width - side, y1: 62, y2: 62 }), line("zero", 0), text(x(0), 78, "no change")];
  if (margin > 0) parts.push(line("margin", -margin), text(Math.max(x(-margin), 70), 14, `accepted loss ${signed(-margin)}`));
  const edges = [[-most, "start"], [most, "end"]].map(([change, anchor]) => text(x(change), 78, signed(change), anchor));
  parts.push(...(width < 420 ? [] : edges), svg("rect", { class: "interval", x: from, y: middle - 8, width: Math.max(2, to - from), height: 16, rx: 4 }));
  if (value !== null) parts.push(svg("circle", { class: "estimate", cx: x(value), cy: middle, r: 6 }));
  const bound = (change, infinite) => (change === null ? infinite : signed(change));
  const label = value === null ? "the change is not known yet" : `change ${signed(value)}, interval ${bound(low, "-∞")} to ${bound(high, "+∞")}, accepted loss ${signed(-margin)}`;
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...parts);
}

const LINES = ["a", "b", "c", "d"];

/** Lines over time, each of `{name, points: [[ms, value], …]}`, and a dashed line of what was promised. */
export function timeChart(place, lines, promised) {
  const [width, height, left, right, bottom] = [widthOf(place), 190, 46, 10, 24];
  const points = lines.flatMap((line) => line.points);
  const times = points.map(([time]) => time);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const most = 1.15 * Math.max(0.05, promised, ...points.map(([, value]) => value));
  const x = (time) => (first === last ? (left + width - right) / 2 : left + ((time - first) / (last - first)) * (width - left - right));
  const y = (value) => height - bottom - (value / most) * (height - bottom - 10);
  const day = (time) => new Date(time).toISOString().slice(5, 16).replace("T", " ");
  const ticks = [0, 0.5, 1].map((share) => (share * most) / 1.15);
  const drawn = lines.flatMap(({ points: own }, index) => [
    svg("polyline", { class: `line ${LINES[index % LINES.length]}`, points: own.map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }),
    ...own.map(([time, value]) => svg("circle", { class: `dot ${LINES[index % LINES.length]}`, cx: x(time), cy: y(value), r: 3.5 })),
  ]);
  const label = `online hit rate: ${lines.map((line) => `${line.name} ${(100 * line.points.at(-1)[1]).toFixed(1)} %`).join(", ")}; promised ${(100 * promised).toFixed(1)} %`;
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ...ticks.flatMap((value) => [svg("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }), text(left - 6, y(value) + 4, `${(100 * value).toFixed(0)} %`, "end")]),
    svg("line", { class: "promised", x1: left, x2: width - right, y1: y(promised), y2: y(promised) }),
    ...drawn, text(left, height - 6, first === last ? "" : day(first), "start"), text(width - right, height - 6, `${day(last)} UTC`, "end"));
}

/** The keys of a time chart's lines. */
export const legend = (lines) => el("p", { class: "legend" },
  ...lines.map(({ name }, index) => el("span", {}, el("span", { class: `key ${LINES[index % LINES.length]}` }), name)),
  el("span", {}, el("span", { class: "key promised" }), "promised by the training"));
