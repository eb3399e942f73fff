// Pages that write in the same notes at random. Asks the server by lines on stdout, hears of its answers and of others by
// lines on stdin; at last tells what each page has.
import { createInterface } from "node:readline";
import { Notes } from "../../web/static/notes.js";
import { Refusal } from "../../web/static/protocol.js";

const [pages, rounds] = [4, 150];
const waiting = new Map();
let last = 0;
let seed = Number(process.argv[2] ?? 1);
const random = (most) => Math.floor(((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648) * most);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const all = Array.from({ length: pages }, (_, page) => {
  const exchange = (body) =>
    new Promise((resolve, reject) => {
      waiting.set((last += 1), { resolve, reject });
      say({ id: last, page, ...body });
    });
  return new Notes(exchange, { pause: 1, retry: 5 });
});

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, page, heard, code, ...answer } = JSON.parse(line);
  if (heard) return all[page].heed(heard);
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (code === "network") reject(new TypeError("failed to fetch"));
  else if (code) reject(new Refusal(code, code));
  else resolve(answer);
});

const until = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};
for (const notes of all) void notes.open();
await until(() => all.every(({ isReady }) => isReady));
for (let round = 0; round < rounds; round += 1) {
  const notes = all[random(pages)];
  const characters = [...notes.text];
  const at = random(characters.length + 1);
  const [before, after] = [characters.slice(0, at).join(""), characters.slice(at)];
  const words = ["å", "🙂", "Vi gör så. ", "\n", "x"][random(5)];
  if (random(12) === 0) notes.undo();
  else if (random(4)) notes.write(before + words + after.join(""), before.length + words.length);
  else notes.write(before + after.slice(3).join(""), before.length);
  if (random(2) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
}
await until(() => all.every(({ status }) => status === "saved"));
for (const notes of all) notes.look(); // whatever was not heard
await until(() => all.every(({ text, status }) => status === "saved" && text === all[0].text));
say({ texts: all.map(({ text }) => text) });
process.exit(0);
