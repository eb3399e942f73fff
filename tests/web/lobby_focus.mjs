// Reads [{state, now}] as JSON on stdin; writes for each what the lobby leads to, sessions by their ids.
import { readFileSync } from "node:fs";
import { focusOf } from "../../web/static/focus.js";

const found = JSON.parse(readFileSync(0, "utf8")).map(({ state, now }) => {
  const { step, plan, during, then } = focusOf(state, now);
  return [step, plan?.id ?? null, during?.id ?? null, then?.id ?? null];
});
process.stdout.write(JSON.stringify(found));
