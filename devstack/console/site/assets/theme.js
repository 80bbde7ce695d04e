// The colours: as the system, light or dark. Kept for both pages.
import { byId } from "./dom.js";

const THEMES = ["system", "light", "dark"];
const SIGN = { system: "◐", light: "☀", dark: "☾" };

/** Apply the kept choice, and change it with the button `#theme`. */
export function startTheme() {
  const button = byId("theme");
  let theme = localStorage.getItem("nextitem.theme") ?? "system";
  const apply = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const label = `Colours: ${theme === "system" ? "as the system" : theme}`;
    button.title = label;
    button.children[0].textContent = label;
    button.children[1].textContent = SIGN[theme];
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem("nextitem.theme", theme);
    apply();
  });
  apply();
}
