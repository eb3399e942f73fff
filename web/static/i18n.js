/**
 * Texts in the page's language. English is the message id; the catalogue comes from the same gettext files as the
 * server's (`/locale/LANG.json`, only the messages that scripts use). Neighbour: `web/extract.py`, which finds the calls.
 *
 * The first argument is always one literal in double quotes, with values in braces: `t("{name} is on stage", { name })`,
 * `n("{count} answer", "{count} answers", count)`.
 *
 * @typedef {Record<string, string | string[]>} Catalogue
 * @typedef {Record<string, string | number>} Values
 */

const root = globalThis.document?.documentElement;

/** The page's language: "sv", "en", "nb" or "da". */
export const lang = root?.lang || "en";

/** The language for `Intl`: English as it is written in Europe, with 24 hours. */
export const locale = lang === "en" ? "en-GB" : lang;

/** @type {Catalogue} */
const catalogue = await load(root?.dataset.catalogue);

/** @param {string | undefined} address @returns {Promise<Catalogue>} */
async function load(address) {
  if (!address) return {};
  try {
    const response = await fetch(address);
    return response.ok ? await response.json() : {};
  } catch {
    return {}; // a page in English is better than none
  }
}

/**
 * @param {string} text
 * @param {Values} [values]
 * @returns {string}
 */
export function t(text, values) {
  const found = catalogue[text];
  return fill(typeof found === "string" ? found : text, values);
}

/**
 * @param {string} one
 * @param {string} many
 * @param {number} count filled in for `{count}`, with the language's separators
 * @param {Values} [values]
 * @returns {string}
 */
export function n(one, many, count, values) {
  const found = catalogue[one];
  const forms = Array.isArray(found) ? found : [one, many];
  return fill(forms[count === 1 ? 0 : 1] ?? many, { count: number(count), ...values });
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export function number(value, options) {
  return new Intl.NumberFormat(locale, options).format(value);
}

/** A share of 0 to 1 as a percentage without decimals. @param {number} share */
export function percent(share) {
  return number(share, { style: "percent", maximumFractionDigits: 0 });
}

/**
 * @param {string} text
 * @param {Values} [values]
 */
export function fill(text, values) {
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole)) : text;
}
