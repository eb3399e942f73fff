/** The stage as tiles: a pure function of its layout and the tracks. Neighbours: `../stage-layout.js`, `session.js`, `desk.js`. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { n, t } from "../i18n.js";
import { MOST_TILES, WANTS } from "../stage-layout.js";
import { unshownWords } from "./advice.js";
import { icon } from "./parts.js";
import { initials } from "./words.js";

/**
 * @typedef {import("../stage-layout.js").Layout} Layout
 * @typedef {import("../stage-layout.js").Tile} Tile
 * @typedef {import("../stage-layout.js").Screen} Screen
 * @typedef {import("../stage-layout.js").Want} Want
 * @typedef {{layout: Layout, slots: Map<string, MediaStreamTrack>, ownCamera: MediaStreamTrack | null, message?: unknown,
 *   cover?: unknown}} Props `message` instead of the tiles, `cover` over them
 */

/** @type {WeakMap<MediaStreamTrack, MediaStream>} one stream a track, so that a picture is not started anew at every rendering */
const streams = new WeakMap();

/** @param {MediaStreamTrack | null | undefined} track @returns {MediaStream | null} */
export function streamOf(track) {
  if (!track) return null;
  const known = streams.get(track) ?? new MediaStream([track]);
  streams.set(track, known);
  return known;
}

/** @param {Props} props */
export function stageView({ layout, slots, ownCamera, message, cover }) {
  const { shape, screen, tiles, others, large } = layout;
  /** @type {(Screen | Tile)[]} */
  const all = message ? [] : screen ? [screen, ...tiles] : tiles;
  return html`<section class="stage stage-ground" aria-label=${t("Stage")}>
    <div class="tiles shape-${shape} ${all.length > MOST_TILES + 1 ? "is-circle" : ""}" data-count=${tiles.length + (screen ? 1 : 0)}>
      ${repeat(
        all,
        (one) => ("slot" in one ? `tile-${one.slot || one.person_id}` : "screen"),
        (one) => ("slot" in one ? tileView(one, one.isOwn ? ownCamera : slots.get(one.slot), one.person_id === large) : screenView(one, slots.get("screen0"), shape === "screen")),
      )}
    </div>
    ${others.length && !message ? othersView(others) : nothing} ${message ? html`<div class="stage-message">${message}</div>` : nothing}
    ${cover ? html`<div class="stage-cover">${cover}</div>` : nothing}
  </section>`;
}

/** The initials lie under the picture too: there is no black tile until it comes. @param {Tile} tile @param {MediaStreamTrack | null | undefined} track @param {boolean} isLarge */
function tileView(tile, track, isLarge) {
  const name = tile.isOwn ? t("You") : tile.name;
  const looks = [tile.isSpeaking && "is-speaking", tile.isOwn && "is-own", isLarge && "is-large", tile.isPaused && "is-paused"];
  return html`<figure class="tile ${looks.filter(Boolean).join(" ")}" data-person=${tile.person_id} data-slot=${tile.slot || nothing}>
    <div class="no-picture" aria-hidden="true"><span>${initials(tile.name)}</span></div>
    ${track && !tile.unshown ? picture(track) : nothing} ${troubleView(tile)}
    <figcaption>
      <span class="tile-name">${name}</span>
      ${tile.isMuted ? html`<span class="tile-mark">${icon("microphone-off")}<span>${t("Microphone off")}</span></span>` : nothing}
    </figcaption>
  </figure>`;
}

/** Why there is no picture, or none that moves. @param {Tile | Screen} one */
function troubleView({ name, unshown, isPaused }) {
  if (unshown) return html`<p class="tile-trouble">${icon("camera-off")}<span class="at-length">${unshownWords(name, unshown)}</span><span class="in-short" aria-hidden="true">${t("No picture")}</span></p>`;
  if (isPaused) return html`<p class="tile-trouble">${icon("network")}<span class="at-length">${t("The picture is paused: the network is too narrow now.")}</span><span class="in-short" aria-hidden="true">${t("Paused")}</span></p>`;
  return nothing;
}

/** @param {Screen} screen @param {MediaStreamTrack | undefined} track @param {boolean} isLarge */
function screenView(screen, track, isLarge) {
  const caption = screen.isOwn ? t("Your screen") : t("{name} shows a screen", { name: screen.name });
  return html`<figure class="tile is-screen ${isLarge ? "is-large" : ""} ${screen.isPaused ? "is-paused" : ""}" data-person=${screen.person_id} data-slot=${screen.isOwn ? nothing : "screen0"}>
    ${screen.isOwn
      ? html`<div class="no-picture">${icon("screen")}<p>${t("You share your screen. Everybody sees it now.")}</p></div>`
      : html`<div class="no-picture" aria-hidden="true">${icon("screen")}</div>${track && !screen.unshown ? picture(track) : nothing}${troubleView(screen)}`}
    <figcaption><span class="tile-name">${caption}</span></figcaption>
  </figure>`;
}

/**
 * Always without sound, which is played by `sound.js`: so browsers let it start by itself. `live`, since lit sets a property
 * that is an object anew at every rendering, and a picture would start anew with it.
 * @param {MediaStreamTrack} track
 */
export function picture(track) {
  return html`<video autoplay playsinline disablepictureinpicture .muted=${true} .srcObject=${live(streamOf(track))} @loadedmetadata=${start}></video>`;
}

/** Some browsers forget `autoplay` when a stream is exchanged. @param {Event} event */
function start(event) {
  void /** @type {HTMLVideoElement} */ (event.currentTarget).play().catch(() => undefined);
}

/**
 * The choice between layouts, where there is one: radio buttons, so arrows move in it.
 * @param {{layout: Layout, want: Want, choose: (want: Want) => void}} props
 */
export function layoutChoiceView({ layout, want, choose }) {
  if (layout.tiles.length + (layout.screen ? 1 : 0) < 2) return nothing;
  return html`<fieldset class="layout-choice">
    <legend class="visually-hidden">${t("Layout of the stage")}</legend>
    ${WANTS.map(
      (each) => html`<label><input type="radio" name="layout" value=${each} .checked=${live(each === want)} @change=${() => choose(each)} /><span>${wantWord(each)}</span></label>`,
    )}
  </fieldset>`;
}

/** @param {Want} want @returns {string} */
function wantWord(want) {
  if (want === "speaker") return t("Speaker");
  return want === "grid" ? t("Everybody") : t("Automatic");
}

/** @param {string[]} names */
function othersView(names) {
  return html`<p class="stage-others">${n("{count} more on stage: {names}", "{count} more on stage: {names}", names.length, { names: names.join(", ") })}</p>`;
}
