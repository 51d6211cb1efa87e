// Short messages about what was just done; a screen reader reads them out.

import { html, render } from "../lib/html.js";

const STAYS = 8000;

/** Say `words` at the foot of the page. `kind` is "" or "failure", which stays until it is closed. */
export function toast(words, kind = "") {
  const host = document.getElementById("toasts");
  const box = document.createElement("div");
  box.className = `toast ${kind && `toast-${kind}`}`;
  const close = () => box.remove();
  render(html`<p>${words}</p><button type="button" class="quiet" aria-label="Close message" @click=${close}>Close</button>`, box);
  host.append(box);
  if (kind !== "failure") setTimeout(close, STAYS);
}
