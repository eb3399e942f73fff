/** How this browser's viewer wants the stage: kept from one session to the next. Neighbour: `stage-layout.js`. */

import { WANTS } from "./stage-layout.js";

const KEY = "plenum.layout";

/** @returns {import("./stage-layout.js").Want} */
export function rememberedWant() {
  try {
    return WANTS.find((want) => want === localStorage.getItem(KEY)) ?? "auto";
  } catch {
    return "auto"; // storage can be switched off
  }
}

/** @param {import("./stage-layout.js").Want} want */
export function rememberWant(want) {
  try {
    localStorage.setItem(KEY, want);
  } catch {
    // nothing is lost but the convenience
  }
}
