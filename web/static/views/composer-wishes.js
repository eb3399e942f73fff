/** What the moderator wishes of the groups: how people get there, how many, how long, by which rules. Pure functions; neighbour: `composer.js`. */

import { html, noChange, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { n, number, t } from "../i18n.js";
import { ruleWord, wayHelp, wayWord } from "./breakout-words.js";
import { button, problem } from "./parts.js";

/**
 * @typedef {import("../../types/breakouts").BreakoutPlan} BreakoutPlan
 * @typedef {import("../../types/grouping").Rule} Rule
 * @typedef {import("../../types/breakouts").BreakoutWay} Way
 * @typedef {(now: BreakoutPlan) => Partial<BreakoutPlan>} Step
 * @typedef {{plan: BreakoutPlan, people: readonly string[], nameOf: (id: string) => string, asked: readonly string[], choices: number, willing: number,
 *   actions: import("./actions.js").Actions, change: (step: Step) => void, ask: (on: boolean) => void}} Wishes
 *   `change` works on the plan as it is by then, which is not always drawn yet; `asked`: the topics that participants choose from now, `choices`: how many have; `willing`: how many would facilitate
 */

/** @type {readonly Way[]} */
export const WAYS = ["composed", "topics", "chosen", "drawn", "again", "list", "tables", "pairs"];
/** Rules of which at most one makes sense; the others stand alone. @type {readonly (readonly Rule[])[]} */
const FAMILIES = [["size_same", "size_neighbouring", "size_mixed"], ["teams_together", "teams_apart"]];
/** @type {readonly Rule[]} */
const SINGLE = ["never_met", "experience", "county", "field", "turnout", "facilitator"];
/** Of `rooms/grouping/model.py`: no breach can be told of the first, and the others are always musts. */
const ONLY_WISHES = new Set(["size_mixed", "turnout"]);
const ALWAYS_MUSTS = new Set(["teams_together", "facilitator"]);
/** What goes without saying with a way. @type {Partial<Record<Way, Partial<BreakoutPlan>>>} */
const BY_WAY = { tables: { minutes: 0, count: 4, per_room: 0, pairs: false }, pairs: { minutes: 0, count: 0, per_room: 0, pairs: true } };
const IMPORTANT = 3;
/** Of `rooms/grouping/model.py`. */
export const MOST_IN_A_ROOM = 12;
/** Of `rooms/messages/breakouts.py`. */
const MOST_ROUNDS = 3;
const MOST_MINUTES = 240;
const USUAL_MINUTES = 20;
const USUAL_SIZE = 6;
/** Of `rooms/messages/breakouts.py` and `rooms/breakouts/planning.py`. */
const MOST_TOPICS = 20;
const TOPIC_LENGTH = 80;

/** Whether this way is composed by wishes. @param {Way} way */
export function hasWishes(way) {
  return way === "composed" || way === "topics";
}

/** @param {Wishes} props */
export function wishesView(props) {
  const { plan } = props;
  return html`<div class="wishes stack">
    ${wayView(props)} ${plan.way === "pairs" ? nothing : sizeView(props)} ${["composed", "topics", "chosen", "tables"].includes(plan.way) ? topicsView(props) : nothing}
    ${hasWishes(plan.way) ? html`${rulesView(props)} ${pairsView(props)}` : nothing}
  </div>`;
}

/** @param {Wishes} props */
function wayView({ plan, change }) {
  const choose = (/** @type {Way} */ way) => change((now) => ({ way, ...(BY_WAY[way] ?? usual(now)) }));
  return html`<fieldset class="ways">
    <legend class="field-label">${t("How do people get to their rooms?")}</legend>
    <div class="way-list">
      ${WAYS.map(
        (way) => html`<label class="choice"><input type="radio" name="way" value=${way} .checked=${live(plan.way === way)} @change=${() => choose(way)} /><span>${wayWord(way)}</span></label>`,
      )}
    </div>
    <p class="field-help" role="status">${wayHelp(plan.way)}</p>
  </fieldset>`;
}

/** After tables or pairs, which have no end and no size. @param {BreakoutPlan} plan @returns {Partial<BreakoutPlan>} */
function usual({ minutes, count, per_room }) {
  return { minutes: minutes || USUAL_MINUTES, count, per_room: count ? 0 : per_room || USUAL_SIZE, pairs: false };
}

/** @param {Wishes} props */
function sizeView({ plan, change }) {
  const isByRooms = plan.count > 0;
  const size = (/** @type {boolean} */ byRooms, /** @type {number} */ value) => change(() => (byRooms ? { count: value, per_room: 0 } : { count: 0, per_room: value }));
  return html`<div class="sizes">
    ${plan.way === "tables" ? nothing : numberField(t("Minutes"), plan.minutes, 1, MOST_MINUTES, (minutes) => change(() => ({ minutes })))}
    ${plan.way === "again" || plan.way === "list"
      ? nothing
      : html`<label class="field"><span class="field-label">${t("Size")}</span>
            <select class="input" @change=${(/** @type {Event} */ event) => size(valueOf(event) === "rooms", valueOf(event) === "rooms" ? 4 : USUAL_SIZE)}>
              <option value="per_room" ?selected=${!isByRooms}>${t("People per room")}</option><option value="rooms" ?selected=${isByRooms}>${t("Number of rooms")}</option>
            </select></label>
          ${numberField(isByRooms ? t("Rooms") : t("People"), isByRooms ? plan.count : plan.per_room, isByRooms ? 1 : 2, isByRooms ? 100 : MOST_IN_A_ROOM, (value) => size(isByRooms, value))}`}
    ${hasWishes(plan.way) ? numberField(t("Rounds"), plan.rounds, 1, MOST_ROUNDS, (rounds) => change(() => ({ rounds }))) : nothing}
    ${plan.way === "tables" ? html`<label class="check"><input type="checkbox" .checked=${live(plan.pairs)} @change=${(/** @type {Event} */ event) => change(() => ({ pairs: isChecked(event) }))} /><span>${t("Offer one to one as well: five minutes with somebody drawn at random")}</span></label>` : nothing}
    <label class="check"><input type="checkbox" .checked=${live(plan.sound)} @change=${(/** @type {Event} */ event) => change(() => ({ sound: isChecked(event) }))} /><span>${t("A soft sound with the warnings at 5 minutes and 1 minute")}</span></label>
  </div>`;
}

/** @param {string} label @param {number} value @param {number} least @param {number} most @param {(value: number) => void} set */
function numberField(label, value, least, most, set) {
  const heed = (/** @type {Event} */ event) => {
    const wanted = Number(valueOf(event));
    if (Number.isInteger(wanted) && wanted >= least && wanted <= most) set(wanted);
    else /** @type {HTMLInputElement} */ (event.target).value = String(value);
  };
  return html`<label class="field is-number"><span class="field-label">${label}</span><input class="input tabular" type="number" inputmode="numeric" min=${least} max=${most} .value=${String(value)} @change=${heed} /></label>`;
}

/** @param {Wishes} props */
function topicsView(props) {
  const { plan, change } = props;
  const lines = (/** @type {string} */ text) => text.split("\n").map((line) => line.trim().slice(0, TOPIC_LENGTH));
  const heed = (/** @type {Event} */ event) => change(() => ({ topics: [...new Set(lines(valueOf(event)).filter(Boolean))].slice(0, MOST_TOPICS) }));
  return html`<label class="field"><span class="field-label">${t("Topics, one per line")}</span>
      <textarea class="input" rows="3" name="topics" .value=${isWritten("topics") ? noChange : plan.topics.join("\n")} @input=${heed}></textarea>
      <span class="field-help">${plan.topics.length ? n("{count} topic", "{count} topics", plan.topics.length) : t("Leave it empty if everybody talks about the same.")}</span></label>
    ${hasWishes(plan.way) && (plan.topics.length || props.asked.length) ? askView(props) : nothing}`;
}

/** Participants choose beforehand, on the session's page. @param {Wishes} props */
function askView({ plan, asked, choices, actions, ask }) {
  const isAsked = asked.length > 0;
  const isSame = asked.join("\n") === plan.topics.join("\n");
  return html`<div class="cluster">
      ${plan.topics.length && !isSame ? button({ label: isAsked ? t("Ask again, with these topics") : t("Let participants choose"), icon: "survey", isBusy: actions.isBusy("ask-topics"), onClick: () => ask(true) }) : nothing}
      ${isAsked ? button({ label: t("Stop asking"), look: "plain", isBusy: actions.isBusy("ask-topics"), onClick: () => ask(false) }) : nothing}
      <span class="muted small tabular" role="status">${isAsked ? n("{count} has chosen", "{count} have chosen", choices) : ""}</span>
    </div>
    ${problem(actions, "ask-topics")}`;
}

/** @param {Wishes} props */
function rulesView(props) {
  return html`<fieldset class="rules">
    <legend class="field-label">${t("Wishes")}</legend>
    <div class="rule-list">
      ${FAMILIES.map((family) => familyView(family, props))} ${SINGLE.map((rule) => ruleView(rule, ruleWord(rule), props))}
      ${props.plan.topics.length ? ruleView("topic", ruleWord("topic"), props) : nothing}
    </div>
  </fieldset>`;
}

/** The wishes after one of a family was chosen, or none. @param {BreakoutPlan} now @param {readonly Rule[]} family @param {Rule | ""} rule @returns {Partial<BreakoutPlan>} */
function wishing({ wishes }, family, rule) {
  const others = wishes.filter((wish) => !family.includes(wish.rule));
  return { wishes: rule ? [...others, { rule, strength: ALWAYS_MUSTS.has(rule) ? "must" : "wish", weight: 1 }] : others };
}

/** One of several that exclude each other. @param {readonly Rule[]} family @param {Wishes} props */
function familyView(family, props) {
  const { plan, change } = props;
  const chosen = family.find((rule) => plan.wishes.some((wish) => wish.rule === rule));
  const choose = (/** @type {Event} */ event) => {
    const rule = /** @type {Rule | ""} */ (valueOf(event));
    change((now) => wishing(now, family, rule));
  };
  const label = family[0] === "size_same" ? t("Size of the municipality") : t("Executive teams");
  return html`<div class="rule">
    <label class="field"><span class="field-label small">${label}</span>
      <select class="input" @change=${choose}>
        <option value="" ?selected=${!chosen}>${t("Does not matter")}</option>
        ${family.map((rule) => html`<option value=${rule} ?selected=${rule === chosen}>${ruleWord(rule)}</option>`)}
      </select></label>
    ${chosen ? strengthView(chosen, ruleWord(chosen), props) : nothing}
  </div>`;
}

/** @param {Rule} rule @param {string} label @param {Wishes} props */
function ruleView(rule, label, props) {
  const { plan, change } = props;
  const isChosen = plan.wishes.some((wish) => wish.rule === rule);
  const toggle = (/** @type {Event} */ event) => change((now) => wishing(now, [rule], isChecked(event) ? rule : ""));
  return html`<div class="rule">
    <label class="check"><input type="checkbox" .checked=${live(isChosen)} @change=${toggle} /><span>${label}</span></label>
    ${isChosen ? strengthView(rule, label, props) : nothing}
  </div>`;
}

/** @param {Rule} rule @param {string} label @param {Wishes} props */
function strengthView(rule, label, { plan, change, willing }) {
  if (rule === "facilitator") return html`<span class="muted small tabular">${willing ? n("{count} is willing", "{count} are willing", willing) : t("Nobody is willing yet")}</span>`;
  if (ALWAYS_MUSTS.has(rule)) return html`<span class="muted small">${t("Required")}</span>`;
  const wish = plan.wishes.find((one) => one.rule === rule);
  const now = wish?.strength === "must" ? "must" : (wish?.weight ?? 1) >= IMPORTANT ? "important" : "wish";
  const set = (/** @type {Event} */ event) => {
    const value = valueOf(event);
    const strength = /** @type {"wish" | "must"} */ (value === "must" ? "must" : "wish");
    change(({ wishes }) => ({ wishes: wishes.map((one) => (one.rule === rule ? { rule, strength, weight: value === "important" ? IMPORTANT : 1 } : one)) }));
  };
  return html`<select class="input strength" aria-label=${t("How much it matters: {rule}", { rule: label })} @change=${set}>
    <option value="wish" ?selected=${now === "wish"}>${t("A wish")}</option>
    <option value="important" ?selected=${now === "important"}>${t("Important")}</option>
    ${ONLY_WISHES.has(rule) ? nothing : html`<option value="must" ?selected=${now === "must"}>${t("Required")}</option>`}
  </select>`;
}

/** Keep together, keep apart. Participants are never told. @param {Wishes} props */
function pairsView({ plan, people, nameOf, change }) {
  const sorted = [...people].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
  const add = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const pick = (/** @type {string} */ name) => /** @type {HTMLSelectElement} */ (form.elements.namedItem(name)).value;
    const pair = [pick("one"), pick("other")];
    const kind = /** @type {"together" | "apart"} */ (pick("kind"));
    if (pair[0] && pair[1] && pair[0] !== pair[1]) change((now) => ({ [kind]: [...now[kind], pair] }));
  };
  const options = sorted.map((id) => html`<option value=${id}>${nameOf(id)}</option>`);
  return html`<details class="answered pairs">
    <summary>${t("Keep people together or apart ({count})", { count: number(plan.together.length + plan.apart.length) })}</summary>
    <p class="field-help">${t("Always required. Participants are never told.")}</p>
    <ul role="list">${["together", "apart"].map((kind) => pairList(/** @type {"together" | "apart"} */ (kind), { plan, nameOf, change }))}</ul>
    ${sorted.length
      ? html`<form class="pair-form" @submit=${add}>
          <select class="input" name="one" aria-label=${t("One person")}>${options}</select>
          <select class="input" name="kind" aria-label=${t("Together or apart")}><option value="together">${t("together with")}</option><option value="apart">${t("apart from")}</option></select>
          <select class="input" name="other" aria-label=${t("Another person")}>${options}</select>
          <button class="button">${t("Add")}</button>
        </form>`
      : html`<p class="muted small">${t("Compose once, and the people can be chosen here.")}</p>`}
  </details>`;
}

/** @param {"together" | "apart"} kind @param {Pick<Wishes, "plan" | "nameOf" | "change">} props */
function pairList(kind, { plan, nameOf, change }) {
  return plan[kind].map((pair) => {
    const names = pair.map(nameOf).join(", ");
    const words = kind === "together" ? t("Together: {names}", { names }) : t("Apart: {names}", { names });
    const remove = () => change((now) => ({ [kind]: now[kind].filter((other) => other !== pair) }));
    return html`<li><span>${words}</span>${button({ label: t("Remove"), icon: "close", look: "plain", name: t("Remove: {what}", { what: words }), onClick: remove })}</li>`;
  });
}

/** What is being written is left alone. @param {string} name of a field */
function isWritten(name) {
  return document.activeElement?.getAttribute("name") === name;
}

/** @param {Event} event @returns {string} */
function valueOf(event) {
  return /** @type {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} */ (event.target).value;
}

/** @param {Event} event */
function isChecked(event) {
  return /** @type {HTMLInputElement} */ (event.target).checked;
}
