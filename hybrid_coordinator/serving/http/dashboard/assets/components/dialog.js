// Dialogs on the browser's own <dialog>: it keeps the focus inside, and Escape closes it.

import { html, nothing, render } from "../lib/html.js";

let count = 0;

/**
 * Open a dialog; resolves with what `close(value)` was given, undefined if it was dismissed.
 * `content(close)` renders its body, buttons included. The focus goes back to where it was.
 */
export function openDialog(title, content, { wide = false } = {}) {
  const before = document.activeElement;
  const dialog = document.createElement("dialog");
  const id = `dialog-${(count += 1)}`;
  dialog.setAttribute("aria-labelledby", id);
  dialog.className = wide ? "wide" : "";
  return new Promise((resolve) => {
    let answer;
    const close = (value) => {
      answer = value;
      dialog.close();
    };
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus?.();
      resolve(answer);
    });
    render(html`<h2 id=${id}>${title}</h2>${content(close)}`, dialog);
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Ask before something that cannot be undone. Resolves with true only if it was said. */
export async function confirm(title, words, { action = "Continue", danger = false } = {}) {
  const answer = await openDialog(
    title,
    (close) => html`
      <p>${words}</p>
      <div class="buttons">
        <button type="button" autofocus @click=${() => close(false)}>Cancel</button>
        <button type="button" class=${danger ? "danger" : "primary"} @click=${() => close(true)}>${action}</button>
      </div>`,
  );
  return answer === true;
}

/** Ask for a text. Resolves with it, trimmed, or undefined. */
export function prompt(title, { label, value = "", action = "Save", rows = 0, note = "", required = true }) {
  return openDialog(
    title,
    (close) => html`
      <form method="dialog" @submit=${(event) => {
        event.preventDefault();
        close(new FormData(event.target).get("text").trim());
      }}>
        <label class="field">${label}
          ${rows
            ? html`<textarea name="text" rows=${rows} ?required=${required} .value=${value}></textarea>`
            : html`<input name="text" ?required=${required} .value=${value}>`}
        </label>
        ${note ? html`<p class="note">${note}</p>` : nothing}
        <div class="buttons">
          <button type="button" @click=${() => close(undefined)}>Cancel</button>
          <button type="submit" class="primary">${action}</button>
        </div>
      </form>`,
    { wide: rows > 0 },
  );
}
