/**
 * The session's page: before, during and after, for the hall and for those on stage. It holds what only this page knows
 * (which tab is open, what is being written) and draws everything else from the state.
 *
 * @import {Event as StreamEvent, Poll, Question} from "../../types/messages"
 */

import { html, nothing, render } from "lit";
import { rangeOf, timeOf } from "../clock.js";
import { find } from "../dom.js";
import { t } from "../i18n.js";
import { breakBefore, nextSession, runOf } from "../state.js";
import { drawKeepingFocus } from "../lost-focus.js";
import { toast } from "../toast.js";
import { BreakoutsOfPage } from "./breakouts-page.js";
import { LivePage } from "./live-page.js";
import { button, empty, icon, tabs } from "./parts.js";
import { peopleView } from "./people.js";
import { pollsView } from "./polls.js";
import { isQuestion, questionsView } from "./questions.js";
import { stageView } from "./stage.js";
import { roomStage, stageCover, stageMessage } from "./stage-words.js";
import { contactView, marksView, recordingView } from "./status.js";
import { harvestView } from "./harvest.js";
import { RoomPad, stageNotes } from "./room-pad.js";
import { endView } from "./waiting.js";

/** @typedef {"questions" | "polls" | "people" | "group" | "notes" | "harvest"} TabId */

const root = find("#session", HTMLElement);
const page = new LivePage(draw, root.dataset.phase);
const rooms = new BreakoutsOfPage(page, (isIn) => choose(isIn ? "group" : view.tab === "group" ? (pad.room ? "notes" : "questions") : view.tab), () => pad.flush());
const pad = new RoomPad(page);

const view = {
  tab: /** @type {TabId} */ ("questions"),
  text: "",
  /** The recording whose notice has been put away. */
  understood: "",
  /** Polls that opened while another tab was in front. */
  isPollNew: false,
  /** @type {Map<string, number>} what is chosen and not yet sent, by poll */
  choices: new Map(),
};

page.connection.addEventListener("event", (event) => heed(/** @type {CustomEvent<{stream: string, event: StreamEvent}>} */ (event).detail.event));
Object.assign(globalThis, { plenum: page }); // for support and for tests: `plenum.media.status`
root.replaceChildren(); // what stood there while the scripts were loading
page.refresh();

/** What deserves a word when it happens. @param {StreamEvent} event */
function heed(event) {
  if (event.type === "poll.opened") {
    toast(t("A poll is open: {title}", { title: event.poll.title }));
    if (isWriting()) view.isPollNew = view.tab !== "polls";
    else choose("polls");
  } else if (event.type === "poll.shown") {
    toast(t("The result of a poll is shown."));
    if (!isWriting()) choose("polls");
  } else if (event.type === "question.published" && event.question.author_id === page.ownId) {
    toast(t("Your question can now be seen by everybody."), { tone: "good" });
  } else if (event.type === "harvest.shown") {
    toast(t("You can now see what the breakout rooms bring back."));
    if (!isWriting()) choose("harvest");
  } else if (event.type === "session.went_live" && event.session_id === page.data.session_id) {
    toast(t("The session is live."), { tone: "good" });
  }
}

/** What one writes is not taken away: a question, notes, points. */
function isWriting() {
  return Boolean(view.text || document.activeElement?.matches("textarea, input.input"));
}

/** Chosen by hand: on a phone the panel comes up from under the stage. @param {string} tab */
function goTo(tab) {
  choose(tab);
  if (matchMedia("(max-width: 61.99rem)").matches) root.querySelector(".side-panel")?.scrollIntoView();
}

/** @param {string} tab */
function choose(tab) {
  view.tab = /** @type {TabId} */ (tab);
  if (tab === "polls") view.isPollNew = false;
  page.refresh();
}

function draw() {
  root.dataset.phase = page.isReady ? page.phase : "";
  rooms.look();
  pad.look();
  const contact = contactView(page.connection.status, page.zone, page.isDelayed);
  drawKeepingFocus(
    () => render(page.isReady ? html`${contact} ${sessionView()}` : html`${contact} ${loadingView()}`, root),
    { ".room-head, .told, .join-in, .side-panel .hall": [".room-head h2"] }, // into the room and out of it
  );
}

function sessionView() {
  if (page.phase === "ended") return html`${headView()} <div class="session-main">${endPanel()}</div> ${sideView()}`;
  return html`
    ${headView()} ${recordingNotice()}
    <div class="session-main">${rooms.told()} ${rooms.head()} ${rooms.hasHall ? rooms.hallHead(view.tab === "group", () => goTo("group")) : nothing} ${stageNotes(page)} ${stageView(rooms.room ? roomStage(page) : stageProps())} ${underStage()}</div>
    ${sideView()}
  `;
}

function loadingView() {
  return html`<section class="stage stage-ground"><div class="stage-message">${empty({ icon: "network", title: t("Connecting…") })}</div></section>`;
}

function recordingNotice() {
  const { recording } = page;
  const isNews = recording && recording.id !== view.understood;
  return recordingView(isNews ? recording : undefined, page.zone, () => {
    view.understood = recording?.id ?? "";
    page.refresh();
  });
}

function headView() {
  const { plan, phase } = page;
  if (!plan) return nothing;
  const isWatching = page.media.status.name === "connected" || page.media.status.name === "reconnecting";
  const about = [rangeOf(plan.starts_at, plan.ends_at, page.zone), plan.host, plan.speakers.join(", ")].filter(Boolean);
  return html`<header class="session-head">
    <div>
      <h1>${plan.title}</h1>
      <p class="muted small tabular">${about.join(" · ")}</p>
    </div>
    ${marksView({ phase, isRecorded: Boolean(page.recording), present: page.signals.present, quality: isWatching ? page.media.quality : "" })}
  </header>`;
}

function stageProps() {
  const { media, layout } = page;
  return { layout, slots: media.slots, ownCamera: media.capture.tracks.camera, message: stageMessage(page), cover: stageCover(page) };
}

function underStage() {
  return html`<div class="under-stage">
    ${page.advice()} ${rooms.room ? page.roomControls() : nothing} ${page.mayWatch ? viewerButtons() : nothing} ${page.maySpeak && !rooms.room ? speakerView() : nothing}
    ${page.phase === "backstage" && page.mayWatch ? html`<p class="notice attention">${icon("info")}<span>${t("Backstage: the hall sees and hears nothing yet.")}</span></p>` : nothing}
  </div>`;
}

function viewerButtons() {
  const { sound, speaker } = page;
  return html`<div class="viewer-buttons">
    ${button({ label: t("Sound"), icon: sound.isOn ? "speaker" : "speaker-off", isPressed: sound.isOn, onClick: () => void sound.turn(!sound.isOn) })}
    ${button({ label: t("Simpler mode"), icon: "network", isPressed: speaker.isLean, name: t("Simpler mode: sound only, for slow networks"), onClick: () => speaker.setLean(!speaker.isLean) })}
    ${document.fullscreenEnabled ? button({ label: t("Full screen"), icon: "fullscreen", onClick: toggleFullscreen }) : nothing}
    ${page.layoutChoice()} ${upNextView()}
  </div>`;
}

function upNextView() {
  const next = nextSession(page.conference, page.data.session_id, page.clock.now());
  if (!next) return nothing;
  return html`<p class="up-next muted small">${t("Next at {time}: {title}", { time: timeOf(next.starts_at, page.zone), title: next.title })}</p>`;
}

function toggleFullscreen() {
  const stage = root.querySelector(".stage");
  if (document.fullscreenElement) void document.exitFullscreen();
  else void stage?.requestFullscreen();
}

function speakerView() {
  if (page.phase === "planned") return html`<p class="muted small">${t("You are one of those who may go on stage. The backstage opens when the moderator prepares the session.")}</p>`;
  return page.controls();
}

function endPanel() {
  const now = page.clock.now();
  const next = nextSession(page.conference, page.data.session_id, now);
  return endView({
    next,
    pause: next && breakBefore(page.conference, next, now),
    nextIsLive: Boolean(next && runOf(page.conference, next.id).phase === "live"),
    now,
    zone: page.zone,
    surveyIsOpen: page.conference.survey.phase === "open",
    willBeReplayed: Object.values(page.room.recordings).some(({ status }) => status !== "failed" && status !== "erased"),
  });
}

function sideView() {
  const polls = Object.values(page.room.polls);
  const published = Object.values(page.room.questions).filter(({ status }) => status === "published");
  const open = polls.filter(({ phase }) => phase === "open").length;
  const harvest = shownHarvest();
  return html`<aside class="side" aria-label=${t("Take part")}>
    ${tabs({
      label: t("Take part"),
      chosen: view.tab,
      choose: goTo,
      controls: "side-panel",
      tabs: [
        ...(rooms.room ? [{ id: "group", label: t("Group"), count: rooms.room.people.length }] : rooms.hasChoices ? [{ id: "group", label: t("Rooms") }] : []),
        ...(pad.room && !rooms.room ? [{ id: "notes", label: t("Notes") }] : []),
        ...(harvest ? [{ id: "harvest", label: t("From the rooms") }] : []),
        { id: "questions", label: t("Questions"), count: published.length },
        { id: "polls", label: t("Poll"), count: open, isNew: view.isPollNew },
        { id: "people", label: t("Participants") },
      ],
    })}
    <div class="side-panel" role="tabpanel" id="side-panel" aria-labelledby=${`tab-${view.tab}`} tabindex="0">${tabView()}</div>
  </aside>`;
}

/** What the rooms bring home, once everybody sees it. */
function shownHarvest() {
  const { harvest } = page.room;
  return harvest?.shown && harvest.groups.length ? harvest : null;
}

function tabView() {
  const { actions, mine, signals, ownId } = page;
  if (view.tab === "polls") {
    const polls = Object.values(page.room.polls);
    return pollsView({ polls, signals, mine, actions, choices: view.choices, choose: choosePollOption, answer });
  }
  if (view.tab === "group") return rooms.room ? html`${rooms.group()} ${pad.view()}` : rooms.hall();
  const harvest = shownHarvest();
  if (view.tab === "notes" && pad.room) return pad.view();
  if (view.tab === "harvest" && harvest) return harvestView({ harvest, questions: page.room.questions, votes: signals.votes, mine, isLive: page.phase === "live", actions, vote });
  if (view.tab === "people") {
    return peopleView({ signals, stage: Object.values(page.room.stage), nameOf: page.nameOf });
  }
  const questions = Object.values(page.room.questions);
  const isLive = page.phase === "live";
  return questionsView({ questions, votes: signals.votes, mine, ownId, nameOf: page.nameOf, isLive, text: view.text, actions, write, ask, vote });
}

/** @param {string} text */
function write(text) {
  view.text = text;
  page.actions.setProblem("ask", ""); // that was about other words
  page.refresh();
}

async function ask() {
  const { text } = view;
  if (!isQuestion(text)) return;
  const words = { too_many: t("You have several questions that wait for the moderator. Please let them be read first.") };
  const asked = await page.actions.run("ask", () => page.do({ type: "question.ask", text }), words);
  if (!asked) return;
  if (view.text === text) write("");
  toast(t("Your question has been sent to the moderator."), { tone: "good" });
}

/** @param {Question} question @param {boolean} up */
function vote({ id }, up) {
  void page.actions.run(`vote-${id}`, () => page.do({ type: "question.vote", question_id: id, up }));
}

/** @param {Poll} poll @param {number} option */
function choosePollOption({ id }, option) {
  view.choices.set(id, option);
  page.refresh();
}

/** @param {Poll} poll */
async function answer({ id }) {
  const option = view.choices.get(id);
  if (option === undefined) return; // nothing is chosen that is not saved
  const saved = await page.actions.run(`answer-${id}`, () => page.do({ type: "poll.answer", poll_id: id, option }));
  if (saved && view.choices.get(id) === option) view.choices.delete(id);
  page.refresh();
}
