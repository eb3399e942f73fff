// Reads vectors ({start, events} or {empty: stream}) as JSON on stdin; writes the state after each.
import { readFileSync } from "node:fs";
import { apply, emptyState } from "../../web/static/state.js";

const vectors = JSON.parse(readFileSync(0, "utf8"));
const states = vectors.map(({ start, events, empty }) => (empty ? emptyState(empty) : events.reduce(apply, start)));
process.stdout.write(JSON.stringify(states));
