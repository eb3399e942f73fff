/** The stage as tiles: a pure function of its layout and the tracks. Neighbours: `../stage-layout.js`, `session.js`, `desk.js`. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { n, t } from "../i18n.js";
import { icon } from "./parts.js";
import { initials } from "./words.js";

/**
 * @typedef {import("../stage-layout.js").Layout} Layout
 * @typedef {import("../stage-layout.js").Tile} Tile
 * @typedef {import("../stage-layout.js").Screen} Screen
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
  const { shape, screen, tiles, others } = layout;
  /** @type {(Screen | Tile)[]} */
  const all = message ? [] : screen ? [screen, ...tiles] : tiles;
  return html`<section class="stage stage-ground" aria-label=${t("Stage")}>
    <div class="tiles shape-${shape}" data-count=${tiles.length}>
      ${repeat(
        all,
        (one) => ("slot" in one ? `tile-${one.slot || one.person_id}` : "screen"),
        (one) => ("slot" in one ? tileView(one, one.isOwn ? ownCamera : slots.get(one.slot)) : screenView(one, slots.get("screen0"))),
      )}
    </div>
    ${others.length && !message ? othersView(others) : nothing} ${message ? html`<div class="stage-message">${message}</div>` : nothing}
    ${cover ? html`<div class="stage-cover">${cover}</div>` : nothing}
  </section>`;
}

/** @param {Tile} tile @param {MediaStreamTrack | null | undefined} track */
function tileView(tile, track) {
  const name = tile.isOwn ? t("You") : tile.name;
  return html`<figure class="tile ${tile.isSpeaking ? "is-speaking" : ""} ${tile.isOwn ? "is-own" : ""}" data-person=${tile.person_id} data-slot=${tile.slot || nothing}>
    ${track ? picture(track) : html`<div class="no-picture" aria-hidden="true"><span>${initials(tile.name)}</span></div>`}
    <figcaption>
      <span class="tile-name">${name}</span>
      ${tile.isMuted ? html`<span class="tile-mark">${icon("microphone-off")}<span>${t("Microphone off")}</span></span>` : nothing}
    </figcaption>
  </figure>`;
}

/** @param {Screen} screen @param {MediaStreamTrack | undefined} track */
function screenView(screen, track) {
  const caption = screen.isOwn ? t("Your screen") : t("{name} shows a screen", { name: screen.name });
  return html`<figure class="tile is-screen" data-person=${screen.person_id} data-slot=${screen.isOwn ? nothing : "screen0"}>
    ${screen.isOwn
      ? html`<div class="no-picture">${icon("screen")}<p>${t("You share your screen. Everybody sees it now.")}</p></div>`
      : track
        ? picture(track)
        : html`<div class="no-picture">${icon("screen")}</div>`}
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

/** @param {string[]} names */
function othersView(names) {
  return html`<p class="stage-others">${n("{count} more on stage: {names}", "{count} more on stage: {names}", names.length, { names: names.join(", ") })}</p>`;
}
