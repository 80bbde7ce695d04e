// The route's catalogue: its columns, its named filters, and its history with a rollback.
import { devstack } from "../api.js";
import { el, facts, fill } from "../dom.js";
import { box, table } from "./parts.js";

export function catalogue(view, shared) {
  const result = el("div", { class: "view" });
  fill(view, el("h1", {}, "Catalogue"), result);

  async function rollBack() {
    if (!(await shared.confirm("Roll back the catalogue?", "The route uses its previous catalogue again. Models and sessions stay.", "Roll back"))) return;
    try {
      const pointer = await devstack("catalogue/rollback", {});
      shared.say(`Revision ${pointer.revision} is the route's catalogue now. Functions follow when they next read the route.`);
    } catch (error) {
      shared.say(`The catalogue was not changed: ${error.message}`);
    }
    await read();
  }

  async function read() {
    const found = await devstack("catalogue");
    fill(result, ...(found ? shown(found, rollBack) : [el("p", {}, "The route has no catalogue. ", el("code", {}, "nextitem items publish FILE"), " adds one.")]));
  }
  read().catch((error) => shared.say(`The catalogue cannot be read: ${error.message}`));
}

function shown(found, rollBack) {
  const values = ({ samples, distinct, kind }) => {
    if (!samples.length) return "–";
    return distinct === null ? `${samples.join(" to ")}${kind === "time" ? " (UTC)" : ""}` : `${samples.join(", ")}${distinct > samples.length ? ", …" : ""}`;
  };
  const columns = found.columns.map((column) => [el("code", {}, column.name), column.kind, String(column.missing),
    column.distinct === null ? "–" : String(column.distinct), values(column)]);
  const filters = Object.entries(found.named_filters).map(([name, filter]) => [el("code", {}, name), el("code", {}, JSON.stringify(filter))]);
  const history = found.history.map((pointer) => [String(pointer.revision), pointer.changed, el("code", {}, pointer.version),
    String(pointer.items), pointer.restores ? `restores ${pointer.restores}` : "publication"]);
  return [
    box("The route's catalogue", el("dl", { class: "facts" }, ...facts([["version", el("code", {}, found.version)], ["items", found.items.toLocaleString("en")]])),
      el("div", { class: "actions" }, el("button", { type: "button", class: "danger", id: "catalogue-rollback", disabled: history.length < 2, onclick: rollBack }, "Roll back"))),
    box("Columns", table("Columns of the catalogue", ["column", "kind", "#items without", "#different", "values"], columns)),
    box("Named filters", filters.length ? table("Named filters", ["name", "filter"], filters) : el("p", { class: "soft" }, "None.")),
    box("History", table("History of the catalogue", ["revision", "changed", "version", "#items", "how"], history)),
  ];
}
