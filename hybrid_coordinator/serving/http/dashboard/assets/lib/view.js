// A part of a page that is loaded, shown, and loaded again when what it shows has changed.

import { html, render } from "./html.js";
import { failed, loading } from "../components/states.js";

const REST = 1000;
const TOGETHER = 2500; // ms in which more is told, if it goes on: the coordinator tells every two seconds

/** `task` whenever it is asked for, but then resting for five times as long as it took: however
 *  much changes, looking at it takes a small part of the coordinator's time. What was asked for
 *  meanwhile is done when something is told again, since then every dashboard looks, and they share
 *  one answer; or soon after, where nothing more is told. */
export function paced(task) {
  let resting = false;
  let wanted = false;
  let late = null;
  return async function run() {
    if (resting) {
      wanted = true;
      return;
    }
    clearTimeout(late);
    resting = true;
    wanted = false;
    const started = performance.now();
    await task();
    setTimeout(() => {
      resting = false;
      if (wanted) late = setTimeout(run, TOGETHER);
    }, Math.max(REST, 5 * (performance.now() - started)));
  };
}

/**
 * Keep `element` showing what `load(signal)` gives, as `template(data)` renders it.
 *
 * `kinds` are those of changes on which it is loaded again. A first failure is shown in its place;
 * a later one above what was there. Returns `{ refresh }`. It ends with the page.
 */
export function show(element, context, { load, template, kinds = [] }) {
  let data;
  let running = null;

  async function refresh() {
    running?.abort();
    const controller = new AbortController();
    running = controller;
    const signal = AbortSignal.any([controller.signal, context.signal]);
    if (data === undefined) paint(loading());
    element.setAttribute("aria-busy", "true");
    try {
      const fresh = await load(signal);
      if (signal.aborted) return;
      data = fresh;
      paint(template(data));
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      const message = failed(error, refresh);
      paint(data === undefined ? message : html`${message}${template(data)}`);
    }
    element.removeAttribute("aria-busy");
  }

  const paint = (content) => render(content, element);
  if (kinds.length) context.onChange(kinds, paced(() => context.signal.aborted || refresh()));
  refresh();
  return { refresh };
}
