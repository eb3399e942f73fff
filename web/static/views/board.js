/**
 * The board's page, enhanced: curves one can read point by point, figures that renew themselves, printing.
 * Without this script the page is complete; every curve is drawn from the same data as the server's drawing.
 */

import { CategoryScale, Chart, Filler, LinearScale, LineController, LineElement, PointElement, Tooltip } from "chart.js";
import { timeOf } from "../clock.js";
import { find, setText } from "../dom.js";
import { number, t } from "../i18n.js";
import { pageData } from "../page.js";

/** @typedef {[minute: number, present: number, background: number]} Point */

const REFRESH_MS = 30_000;
const zone = pageData().time_zone;
/** @type {Map<HTMLElement, Chart>} */
const charts = new Map();
/** What the server wrote for each part, before curves were put in and tables opened. @type {WeakMap<Element, string>} */
const written = new WeakMap();

Chart.register(CategoryScale, Filler, LinearScale, LineController, LineElement, PointElement, Tooltip);
Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
Chart.defaults.font.size = 13;
Chart.defaults.animation = false;

find("main", HTMLElement).classList.add("scripted");
const print = find("#board-print", HTMLButtonElement);
print.hidden = false;
print.addEventListener("click", () => window.print());

for (const part of document.querySelectorAll("[data-refresh]")) written.set(part, part.outerHTML);
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
setInterval(() => void refresh(), REFRESH_MS);
document.addEventListener("visibilitychange", () => void refresh());

/** Draws every curve on the page, and forgets those that have left it. */
function drawAll() {
  for (const [place, chart] of charts) {
    chart.destroy();
    place.querySelector(".curve-frame")?.remove();
  }
  charts.clear();
  for (const place of document.querySelectorAll(".curve")) {
    if (place instanceof HTMLElement) draw(place);
  }
}

/** @param {HTMLElement} place */
function draw(place) {
  /** @type {Point[]} */
  const points = JSON.parse(place.dataset.curve ?? "[]");
  if (points.length < 2) return;
  const frame = document.createElement("div");
  frame.className = "curve-frame";
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", t("People present in {title}; the table below has the same figures", { title: place.dataset.title ?? "" }));
  frame.append(canvas);
  place.prepend(frame);
  place.classList.add("is-live-chart");
  charts.set(place, new Chart(canvas, configuration(place, points)));
}

/**
 * @param {HTMLElement} place
 * @param {Point[]} points
 * @returns {import("chart.js").ChartConfiguration<"line">}
 */
function configuration(place, points) {
  const colour = colours(place);
  const from = Date.parse(place.dataset.liveAt ?? "");
  const labels = points.map(([minute]) => timeOf(from + minute * 60_000, zone));
  const step = points.length <= 30 ? 5 : points.length <= 100 ? 15 : 60;
  const line = { borderWidth: 2, pointRadius: 0, pointHitRadius: 12, fill: "origin" };
  return {
    type: "line",
    data: {
      labels,
      datasets: [
        { ...line, label: t("in the background"), data: points.map((point) => point[2]), borderWidth: 0, borderColor: colour.dim, backgroundColor: colour.dim },
        { ...line, label: t("present"), data: points.map((point) => point[1]), borderColor: colour.accent, backgroundColor: colour.fill },
      ],
    },
    options: {
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { grid: { display: false }, border: { color: colour.line }, ticks: { color: colour.muted, maxRotation: 0, autoSkip: false, callback: (_, index) => roundTime(labels[index], step) } },
        y: {
          beginAtZero: true,
          max: Number(place.dataset.top),
          grid: { color: colour.line },
          border: { display: false },
          ticks: { color: colour.muted, maxTicksLimit: 4, callback: (value) => number(Number(value)) },
        },
      },
      plugins: {
        tooltip: {
          itemSort: (a, b) => b.datasetIndex - a.datasetIndex,
          callbacks: { label: (item) => `${number(Number(item.raw))} ${item.dataset.label}` },
        },
      },
    },
  };
}

/** A time that is worth a mark on the axis: 09:15, not 09:07. @param {string | undefined} label @param {number} step minutes */
function roundTime(label, step) {
  const [hour, minute] = (label ?? "").split(":").map(Number);
  return ((hour ?? 0) * 60 + (minute ?? 0)) % step === 0 ? label : "";
}

/** The page's colours as they are now: light, dark or the visitor's own. @param {HTMLElement} place */
function colours(place) {
  const probe = document.createElement("span");
  place.append(probe);
  /** @param {string} token */
  const read = (token) => {
    probe.style.setProperty("color", `var(${token})`);
    return getComputedStyle(probe).color;
  };
  const found = { accent: read("--accent"), fill: read("--curve"), dim: read("--curve-dim"), line: read("--line"), muted: read("--muted") };
  probe.remove();
  return found;
}

/** Fetches the page anew and takes over the parts that differ. A part that somebody is in stays until the next time. */
async function refresh() {
  if (document.visibilityState !== "visible") return;
  try {
    const response = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(String(response.status));
    takeOver(new DOMParser().parseFromString(await response.text(), "text/html"));
    tell("");
  } catch {
    tell(t("The server cannot be reached. The figures are not the latest; we keep trying."));
  }
}

/** @param {Document} fresh */
function takeOver(fresh) {
  let changed = false;
  for (const old of document.querySelectorAll("[data-refresh]")) {
    const replacement = fresh.getElementById(old.id);
    if (!replacement || old.contains(document.activeElement) || written.get(old) === replacement.outerHTML) continue;
    const source = replacement.outerHTML;
    for (const details of old.querySelectorAll("details[open]")) fresh.getElementById(details.id)?.setAttribute("open", "");
    const adopted = document.adoptNode(replacement);
    old.replaceWith(adopted);
    written.set(adopted, source);
    changed = true;
  }
  if (changed) drawAll();
}

/** @param {string} text */
function tell(text) {
  const stale = find("#board-stale", HTMLElement);
  stale.hidden = text === "";
  setText(stale, text);
}
