// Pictures of products: drawn from the category and the id alone, so the same product always looks the same.
import { svg } from "./dom.js";

const HUES = ["#c9552c", "#2f6f9f", "#6a8f3c", "#8a5a9e", "#b8862b", "#2f8f83", "#b0476b", "#4a5fb0"];
const GROUNDS = ["#fbe9df", "#e2eef7", "#eaf2dd", "#f0e6f5", "#f9efd8", "#dff1ee", "#f8e3eb", "#e4e8f7"];

// Each draws in a box of 120 x 90; c is the colour, v a variant from 0 to 4.
const SHAPES = {
  espresso: (c, v) => [rect(34, 16, 52, 16, 4, c), rect(38, 32, 12, 36, 2, c), rect(34, 66, 52, 9, 3, c), rect(60, 32, 16, 9, 2, dark(c)), rect(60, 52, 16, 13, 3, "#fff", 0.85), dot(44 + 6 * v, 24, 2.5, "#fff")],
  grinder: (c, v) => [poly(`40,18 80,18 70,42 50,42`, c), rect(46, 42, 28, 32, 4, dark(c)), line(60, 18, 60, 8, c, 4), line(60, 8, 74 + v, 8, c, 4), dot(60, 58, 5, "#fff")],
  coffee: (c, v) => [rect(40, 14, 40, 62, 5, c), rect(40, 14, 40, 9, 3, dark(c)), oval(60, 48, 9, 13, "#fff", 15 * v), path("M55 57 Q63 48 58 39", c, 2)],
  care: (c, v) => [rect(46, 30, 28, 46, 6, c), rect(54, 18, 12, 12, 2, dark(c)), rect(50, 12, 20 + v, 7, 3, dark(c)), rect(51, 44, 18, 18, 3, "#fff", 0.85)],
  tea: (c, v) => [rect(42, 26, 36, 50, 5, c), rect(42, 20, 36, 12, 4, dark(c)), path(`M60 66 Q${50 - v} 52 60 42 Q${70 + v} 52 60 66`, "#fff", 0, "#fff"), line(60, 64, 60, 48, c, 1.5)],
  teapot: (c, v) => [oval(58, 52, 25, 21, c), path("M82 46 Q98 40 94 26", c, 6), path("M34 42 Q18 46 32 64", c, 5), rect(46, 26, 24, 6, 3, dark(c)), dot(58, 23, 4, dark(c)), dot(50 + 4 * v, 52, 3, "#fff")],
  mug: (c, v) => [rect(38, 30, 38, 42, 7, c), path("M76 38 Q94 40 76 60", c, 6), rect(38, 44 + v, 38, 6, 0, "#fff", 0.55), path("M50 24 q-4 -6 0 -11 M62 24 q-4 -6 0 -11", dark(c), 2.5)],
  pan: (c, v) => [oval(50, 50, 29, 24, dark(c)), oval(50, 50, 22, 18, c), line(76, 46, 108, 36, dark(c), 7), dot(42 + 3 * v, 48, 4, "#fff")],
  knife: (c, v) => [path(`M18 52 L76 ${26 + v} Q80 44 66 52 Z`, "#9aa4b5", 0, "#9aa4b5"), path("M64 50 L104 50", c, 10), dot(78, 50, 2, "#fff"), dot(90, 50, 2, "#fff")],
  board: (c, v) => [rect(26, 24, 62, 46, 8, c), rect(86, 40, 16, 13, 6, c), path(`M34 ${36 + v} H80 M34 48 H80 M34 ${60 - v} H80`, dark(c), 1.6), dot(95, 46, 3, "#fff")],
  tent: (c, v) => [poly("16,74 60,18 104,74", c), poly(`60,18 ${50 - v},74 ${70 + v},74`, dark(c)), line(60, 18, 60, 10, dark(c), 3)],
  sleep: (c, v) => [rect(22, 34, 76, 34, 16, c), rect(22, 34, 24, 34, 12, dark(c)), path(`M56 34 V68 M${70 + v} 34 V68 M86 36 V66`, dark(c), 1.6)],
  stove: (c, v) => [rect(34, 40, 52, 10, 3, dark(c)), rect(50, 50, 20, 24, 6, c), path(`M48 38 Q46 26 54 22 Q54 30 60 ${16 + v} Q68 28 72 38 Z`, "#e8862e", 0, "#f0a33c")],
  lamp: (c, v) => [rect(44, 34, 32, 34, 8, "#ffe08a"), rect(40, 66, 40, 9, 3, c), rect(42, 26, 36, 9, 3, c), path("M46 26 Q60 2 74 26", dark(c), 3.5), line(52 + 2 * v, 42, 52 + 2 * v, 60, "#fff", 3)],
  pack: (c, v) => [rect(38, 20, 44, 56, 14, c), rect(45, 48, 30, 22, 6, dark(c)), path("M50 20 Q60 6 70 20", dark(c), 4), rect(47, 30, 26, 6 + v, 3, "#fff", 0.55)],
  bottle: (c, v) => [rect(48, 28, 24, 48, 8, c), rect(53, 16, 14, 12, 3, dark(c)), rect(48, 44 + 2 * v, 24, 6, 0, "#fff", 0.6)],
  item: (c, v) => [rect(36, 28, 48, 44, 6, c), path(`M36 ${42 + v} H84 M60 28 V72`, "#fff", 3)],
};

/** Draw a product. The picture is decoration: its name stands beside it. */
export function picture(itemId, category) {
  const number = hash(itemId);
  const draw = SHAPES[category] ?? SHAPES.item;
  const place = (Object.keys(SHAPES).indexOf(category) + 1 + number) % HUES.length;
  return svg("svg", { class: "picture", viewBox: "0 0 120 90", "aria-hidden": "true", focusable: "false" },
    svg("rect", { width: 120, height: 90, fill: GROUNDS[place] }),
    svg("ellipse", { cx: 60, cy: 78, rx: 40, ry: 4, fill: "#000", opacity: 0.08 }),
    ...draw(HUES[place], (number >> 4) % 5));
}

function hash(text) {
  let value = 2166136261;
  for (const char of text) value = Math.imul(value ^ char.codePointAt(0), 16777619) >>> 0;
  return value >>> 0;
}

const dark = (colour) => `#${[1, 3, 5].map((at) => Math.round(parseInt(colour.slice(at, at + 2), 16) * 0.72).toString(16).padStart(2, "0")).join("")}`;
const rect = (x, y, width, height, rx, fill, opacity = 1) => svg("rect", { x, y, width, height, rx, fill, opacity });
const dot = (cx, cy, r, fill) => svg("circle", { cx, cy, r, fill });
const oval = (cx, cy, rx, ry, fill, turn = 0) => svg("ellipse", { cx, cy, rx, ry, fill, transform: `rotate(${turn} ${cx} ${cy})` });
const poly = (points, fill) => svg("polygon", { points, fill });
const line = (x1, y1, x2, y2, stroke, width) => svg("line", { x1, y1, x2, y2, stroke, "stroke-width": width, "stroke-linecap": "round" });
const path = (d, stroke, width, fill = "none") => svg("path", { d, stroke, "stroke-width": width, fill, "stroke-linecap": "round", "stroke-linejoin": "round" });
