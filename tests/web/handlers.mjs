// Finds the handlers in what a view has drawn, and calls them: as often as one likes before it is drawn again.

/** Every handler in a drawing, with the words around it, innermost first. */
function* handlersIn(view) {
  if (Array.isArray(view)) for (const one of view) yield* handlersIn(one);
  else if (view?._$litDirective$) yield* handlersIn(drawnBy(view));
  else if (view?.strings) {
    for (const value of view.values) if (typeof value === "object") yield* handlersIn(value);
    for (const [place, value] of view.values.entries()) {
      const event = /@(\w+)=$/.exec(view.strings[place])?.[1];
      if (event && typeof value === "function") yield { event, handler: value, words: wordsOf(view).replace(/\s+/g, " ") };
    }
  }
}

/** What `repeat` draws; of other directives nothing is known. */
function drawnBy({ values }) {
  const draw = values.at(-1);
  return Array.isArray(values[0]) && typeof draw === "function" ? values[0].map(draw) : [];
}

function wordsOf(view) {
  if (Array.isArray(view)) return view.map(wordsOf).join(" ");
  if (view?._$litDirective$) return wordsOf(drawnBy(view));
  if (!view?.strings) return typeof view === "string" ? view : "";
  return view.strings.map((string, place) => `${string} ${wordsOf(view.values[place])}`).join(" ");
}

/** The function that does what this event does where these words are. */
export function on(view, event, words) {
  for (const found of handlersIn(view)) {
    if (found.event === event && found.words.includes(words)) return found.handler;
  }
  throw new Error(`nothing takes ${event} at ${words}`);
}

/** An event of a field that is this now. */
export const field = (value) => ({ target: { value }, preventDefault: () => undefined });

/** An event of a box that is ticked now, or not. */
export const box = (checked) => ({ target: { checked }, preventDefault: () => undefined });

/** A key pressed with Alt. */
export const key = (name) => ({ key: name, altKey: true, preventDefault: () => undefined });
