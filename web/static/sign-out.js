/** Signing out in one tab ends the others too: on a shared computer the next person must not find an open session. */

const KEY = "plenum.signed-out";
/** The other tab's form has been answered by then. */
const ANSWERED_MS = 1_000;

document.addEventListener("submit", ({ target }) => {
  if (target instanceof HTMLFormElement && new URL(target.action).pathname === "/sign-out") localStorage.setItem(KEY, String(Date.now()));
});

addEventListener("storage", ({ key }) => {
  if (key === KEY) setTimeout(() => location.assign("/"), ANSWERED_MS);
});
