/**
 * Short messages at the bottom of the page, read aloud by screen readers. At most three are shown; the oldest gives way.
 */

const MOST = 3;

/**
 * @param {string} text
 * @param {{ tone?: "good" | "attention" | "danger" | "", seconds?: number }} [options]
 */
export function toast(text, { tone = "", seconds = 6 } = {}) {
  const region = document.getElementById("toasts");
  if (!region) return;
  while (region.children.length >= MOST) region.firstElementChild?.remove();
  const message = document.createElement("p");
  message.className = `toast ${tone}`.trim();
  message.textContent = text;
  region.append(message);
  setTimeout(() => message.remove(), seconds * 1000);
}
