// Work that takes a while: a button that starts it, its progress, and what came of it.

import { count, number } from "../lib/format.js";
import { html, nothing, render } from "../lib/html.js";

/** Run an action that tells of its progress (`told({ done, total, words })`); resolves with its
 *  result, rejects with its error. It goes on at the coordinator when the page is left. */
export async function work(context, path, body, told) {
  for await (const line of context.api.stream(path, body, context.signal)) {
    if ("result" in line) return line.result;
    if ("error" in line) throw new context.api.ApiError(line.error.message, 0, line.error.field);
    told(line);
  }
  throw new context.api.ApiError("The connection broke off before it was done.");
}

/** Progress as a bar where the end is known, and in words. */
export function progress({ done, total, words }, label) {
  const said = total ? `${number(done)} of ${number(total)} ${words}` : `${number(done)} ${words}`;
  return html`<div class="working" role="status">
    <progress aria-label=${label} max=${total ?? nothing} value=${total ? done : nothing}></progress>
    <span>${said}</span></div>`;
}

/** Do what a button asks for: it is off meanwhile, and what failed is said. Resolves with what
 *  `action` gives, undefined where that failed. */
export async function press(context, button, action) {
  button.disabled = true;
  try {
    return await action();
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    context.toast(error.message, "failure");
    return undefined;
  } finally {
    button.disabled = false;
  }
}

/** The effect of a deletion (domain/forgetting.py) in words. */
export function deletedWords({ counts, learned, kept, copies }) {
  const total = Object.values(counts).reduce((sum, each) => sum + each, 0);
  return [
    `Deleted: ${count(total, "thing")} from the record and the index.`,
    learned ? `${count(learned, "entry", "entries")} that rested on it alone went with it.` : "",
    kept.length ? `${count(kept.length, "entry", "entries")} that rest on others, too, stay.` : "",
    copies.length ? `Copies may lie at ${copies.join(", ")}.` : "",
  ].filter(Boolean).join(" ");
}

/** Put `content` into `element`. */
export const put = (element, content) => render(content, element);
