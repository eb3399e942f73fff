/**
 * The moderator's desk: run of show, stage, queue. It holds what only this page knows (the open tab, a poll being written)
 * and draws everything else from the state.
 *
 * @import {Poll, Question, SessionPlan, StageMember} from "../../types/messages"
 */

import { html, nothing, render } from "lit";
import { find } from "../dom.js";
import { t } from "../i18n.js";
import { drawKeepingFocus } from "../lost-focus.js";
import { Refusal } from "../protocol.js";
import { nextSession } from "../state.js";
import { toast } from "../toast.js";
import { confirm } from "./confirm.js";
import { DeskBreakouts } from "./desk-breakouts-page.js";
import { DeskHarvest } from "./desk-harvest.js";
import { deskPeopleView, fetchPeople } from "./desk-people.js";
import { deskPollsView, filled, isComplete } from "./desk-polls.js";
import { queueView } from "./desk-questions.js";
import { nextStepView, runOfShowView } from "./desk-run.js";
import { deskTroubleView, fetchTrouble } from "./desk-trouble.js";
import { onStageView, recorderView, softwareView } from "./desk-stage.js";
import { LivePage } from "./live-page.js";
import { button, tabs } from "./parts.js";
import { stageNotes } from "./room-pad.js";
import { stageView } from "./stage.js";
import { roomStage, stageCover, stageMessage } from "./stage-words.js";
import { contactView, marksView } from "./status.js";

/** How often the list of people may be fetched while it is looked at. */
const PEOPLE_MS = 4_000;
/** How often it is asked who is having trouble: while it is looked at, and for the count on the tab. */
const TROUBLE_MS = 5_000;
const TROUBLE_COUNT_MS = 20_000;

const root = find("#desk", HTMLElement);
const page = new LivePage(draw, root.dataset.phase);
const rooms = new DeskBreakouts(page);
const harvest = new DeskHarvest(page);
page.takesVisits = true;

const view = {
  /** What a phone shows: one part at a time. */
  part: "stage",
  tab: "questions",
  draft: /** @type {import("./desk-polls.js").Draft | null} */ (null),
  people: /** @type {import("./desk-people.js").PeoplePage | null} */ (null),
  havePeopleFailed: false,
  peopleAt: 0,
  peopleAsked: 0,
  /** The page of the list that is looked at, whether it has come or not. */
  peoplePage: 0,
  trouble: /** @type {import("./desk-trouble.js").Trouble | null} */ (null),
  troubleAt: 0,
  pass: /** @type {import("./desk-stage.js").Pass | null} */ (page.data.whip ?? null),
};

page.connection.addEventListener("signal", (event) => {
  const isLookedAt = view.tab === "people" && Date.now() - view.peopleAt > PEOPLE_MS;
  if (/** @type {CustomEvent} */ (event).detail.type === "presence" && isLookedAt) void turn(view.peoplePage);
});
setInterval(() => void lookForTrouble(), 1_000);
Object.assign(globalThis, { plenum: page }); // for support and for tests
root.replaceChildren();
page.refresh();

function draw() {
  root.dataset.part = view.part;
  root.dataset.phase = page.isReady ? page.phase : "";
  root.classList.toggle("has-rooms", rooms.isOpen);
  const contact = contactView(page.connection.status, page.zone, page.isDelayed);
  drawKeepingFocus(
    () => render(page.isReady ? html`${contact} ${deskView()}` : html`${contact}<p class="muted">${t("Connecting…")}</p>`, root),
    { ".rooms-page, .rooms-entry, .room-head": rooms.isOpen ? [".rooms-page h2"] : [".room-head h2", ".rooms-entry .button"] },
  );
}

function deskView() {
  if (rooms.isOpen) return rooms.view();
  return html`${partsView()}
    <section class="part part-programme">
      ${runOfShowView({ conference: page.conference, chosen: page.data.session_id, zone: page.zone, actions: page.actions, take: takeStep, takeSurvey })}
    </section>
    <section class="part part-stage">${middleView()}</section>
    <aside class="part part-queue side" aria-label=${t("Queue")}>${queueSide()}</aside>`;
}

/** Under the thumb on a phone, hidden elsewhere. */
function partsView() {
  const waiting = Object.values(page.room.questions).filter(({ status }) => status === "pending").length;
  const part = (/** @type {string} */ id, /** @type {string} */ label, count = 0) =>
    html`<button type="button" aria-current=${id === view.part ? "true" : nothing} @click=${() => show({ part: id })}>
      ${label}${count ? html` <span class="count new">${count}</span>` : nothing}
    </button>`;
  return html`<nav class="parts" aria-label=${t("Parts of the desk")}>
    ${part("programme", t("Programme"))} ${part("stage", t("Stage"))} ${part("queue", t("Questions and polls"), waiting)}
  </nav>`;
}

function middleView() {
  const { plan, phase, actions, room, media, ownId } = page;
  if (!plan) return nothing;
  const stage = Object.values(room.stage);
  const recordings = Object.values(room.recordings);
  return html`
    <header class="desk-head">
      <div class="stack tight">
        <h1>${plan.title}</h1>
        ${marksView({ phase, isRecorded: Boolean(page.recording), present: page.signals.present, quality: media.status.name === "connected" ? media.quality : "" })}
      </div>
      ${nextStepView({ plan, phase, onStage: stage.length, next: nextSession(page.conference, plan.id, page.clock.now()), actions, take: takeStep })}
    </header>
    ${rooms.entry()} ${rooms.visit()} ${stageNotes(page)} ${phase === "ended" ? nothing : stageView(page.away.room ? roomStage(page) : stageProps())} ${page.advice()}
    ${phase === "planned" || phase === "ended"
      ? nothing
      : html`<div class="desk-tools">
            ${soundButton()} ${page.layoutChoice()}
            ${recorderView({ running: page.recording, last: recordings.at(-1), mayRecord: ["plenary", "assembly"].includes(plan.kind), isLive: phase === "live", zone: page.zone, actions, gaps: view.trouble?.unrecorded ?? [], start: startRecording, stop: stopRecording })}
          </div>
          ${page.away.seat ? page.roomControls() : page.maySpeak ? page.controls({ isQuiet: true }) : nothing} ${onStageView({ stage, ownId, nameOf: page.nameOf, actions, remove })}
          ${page.maySpeak ? softwareView({ pass: view.pass, actions, fetchPass, copy }) : nothing}`}
  `;
}

function stageProps() {
  const { media, layout } = page;
  return { layout, slots: media.slots, ownCamera: media.capture.tracks.camera, message: stageMessage(page, { isDesk: true }), cover: stageCover(page) };
}

function soundButton() {
  const { sound } = page;
  return button({ label: t("Sound"), icon: sound.isOn ? "speaker" : "speaker-off", isPressed: sound.isOn, onClick: () => void sound.turn(!sound.isOn) });
}

function queueSide() {
  const questions = Object.values(page.room.questions);
  const polls = Object.values(page.room.polls);
  const waiting = questions.filter(({ status }) => status === "pending").length;
  return html`
    ${tabs({
      label: t("Queue"),
      chosen: view.tab,
      choose: chooseTab,
      controls: "queue-panel",
      tabs: [
        { id: "questions", label: t("Questions"), count: waiting, isNew: waiting > 0 },
        { id: "polls", label: t("Poll"), count: polls.filter(({ phase }) => phase === "open").length },
        ...(harvest.isOffered ? [{ id: "harvest", label: t("From the rooms"), count: harvest.waiting, isNew: harvest.waiting > 0 }] : []),
        { id: "people", label: t("Participants"), count: view.trouble?.troubled ?? 0, isNew: Boolean(view.trouble?.troubled), note: t("having trouble") },
      ],
    })}
    <div class="side-panel" role="tabpanel" id="queue-panel" aria-labelledby=${`tab-${view.tab}`} tabindex="-1">${tabView(questions, polls)}</div>
  `;
}

/** @param {Question[]} questions @param {Poll[]} polls */
function tabView(questions, polls) {
  const { actions, signals, phase } = page;
  if (view.tab === "people") {
    const list = deskPeopleView({ list: view.people, hasFailed: view.havePeopleFailed, signals, turn: (number) => void turn(number) });
    return html`${page.mayWatch ? deskTroubleView(view.trouble) : nothing} ${list}`;
  }
  if (view.tab === "harvest" && harvest.isOffered) return harvest.view();
  if (view.tab === "polls") return deskPollsView({ polls, signals, isLive: phase === "live", draft: view.draft, actions, edit, change, save, take: takePollStep });
  return queueView({ questions, votes: signals.votes, nameOf: page.nameOf, actions, judge });
}

/** @param {Partial<typeof view>} changes */
function show(changes) {
  Object.assign(view, changes);
  page.refresh();
}

/** @param {string} tab */
function chooseTab(tab) {
  show({ tab });
  if (tab !== "people") return;
  view.troubleAt = 0;
  void turn(0);
  void lookForTrouble();
}

/** The page that was turned to last is what is shown, in whatever order the answers come. @param {number} number */
async function turn(number) {
  view.peopleAt = Date.now();
  view.peoplePage = number;
  const question = ++view.peopleAsked;
  /** @type {Partial<typeof view>} */
  let found = { havePeopleFailed: true };
  try {
    found = { people: await fetchPeople(page.data.session_id, number), havePeopleFailed: false };
  } catch {
    // as said
  }
  if (view.peopleAsked === question) show(found);
}

/** Keeps the list of who is having trouble young, while somebody can see it. A failure leaves the old one: the next look is near. */
async function lookForTrouble() {
  const pause = view.tab === "people" ? TROUBLE_MS : TROUBLE_COUNT_MS;
  if (document.hidden || !page.isReady || !page.mayWatch || Date.now() - view.troubleAt < pause) return;
  view.troubleAt = Date.now();
  try {
    show({ trouble: await fetchTrouble(page.data.session_id) });
  } catch {
    // as said
  }
}

/** @param {import("./desk-run.js").Step} step @param {SessionPlan} plan */
async function takeStep(step, plan) {
  const isEnd = step === "session.end";
  const text = t("“{title}” ends for everybody. Its polls close, its recording stops and its stage empties. This cannot be undone.", { title: plan.title });
  if (isEnd && !(await confirm({ title: t("End the session?"), text, action: t("End the session"), isDangerous: true }))) return;
  await page.actions.run(`step-${plan.id}`, () => page.connection.do("conference", { type: step, session_id: plan.id }));
}

/** @param {import("./desk-run.js").SurveyStep} step */
async function takeSurvey(step) {
  const text = t("Nobody can answer any more, and the key that could link answers to people is destroyed. This cannot be undone.");
  if (step === "survey.close" && !(await confirm({ title: t("Close the evaluation?"), text, action: t("Close the evaluation") }))) return;
  await page.actions.run("survey", () => page.connection.do("conference", { type: step }));
}

/** @param {Question} question @param {import("./desk-questions.js").Verdict} type */
async function judge({ id }, type) {
  const done = await page.actions.run(`question-${id}`, () => page.do({ type, question_id: id }));
  if (done) keepFocus("#queue-panel");
}

/** What was pressed is gone: the keyboard goes on in the panel, not at the top of the page. @param {string} selector */
function keepFocus(selector) {
  setTimeout(() => {
    if (document.activeElement && document.activeElement !== document.body) return;
    const panel = find(selector, HTMLElement);
    const next = panel.querySelector("button");
    (next ?? panel).focus();
  }, 50);
}

/** @param {import("./desk-polls.js").Draft | null} draft */
function edit(draft) {
  if (!draft) page.actions.setProblem("draft", ""); // the next draft is another
  show({ draft });
}

/** From what is written now, not from what the page last drew: who types fast is ahead of it. @param {(now: import("./desk-polls.js").Draft) => import("./desk-polls.js").Draft} step */
function change(step) {
  if (view.draft) edit(step(view.draft));
}

/** What is written when it is called; what is written after that stays. */
async function save() {
  const { draft } = view;
  if (!draft || !isComplete(draft)) return;
  const { title, anonymous } = draft;
  const saved = await page.actions.run("draft", () => page.do({ type: "poll.draft", title, options: filled(draft), anonymous }));
  if (saved && view.draft === draft) show({ draft: null });
}

/** @param {import("./desk-polls.js").PollStep} type @param {Poll} poll */
async function takePollStep(type, { id }) {
  const done = await page.actions.run(`poll-${id}`, () => page.do({ type, poll_id: id }));
  if (done) keepFocus("#queue-panel");
}

/** @param {StageMember} member */
function remove({ person_id }) {
  void page.actions.run(`remove-${person_id}`, () => page.do({ type: "stage.remove", person_id }));
}

async function startRecording() {
  const text = t("Everybody sees at once that the session is being recorded. Only the stage is recorded. The recording is published under Recordings after the session.");
  if (!(await confirm({ title: t("Record the session?"), text, action: t("Start recording") }))) return;
  await page.actions.run("recording", () => page.do({ type: "recording.start" }));
}

async function stopRecording() {
  const text = t("What has been recorded is kept. Recording again makes a second part.");
  if (!(await confirm({ title: t("Stop recording?"), text, action: t("Stop recording") }))) return;
  await page.actions.run("recording", () => page.do({ type: "recording.stop" }));
}

function fetchPass() {
  void page.actions.run("whip", async () => {
    const response = await fetch(`/api/whip?session=${encodeURIComponent(page.data.session_id)}`);
    const body = await response.json();
    if (!response.ok) throw new Refusal(body.code, body.message);
    show({ pass: body });
  });
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("Copied."), { tone: "good" });
  } catch {
    toast(t("Copying was not possible. Select the text and copy it."), { tone: "attention" });
  }
}
