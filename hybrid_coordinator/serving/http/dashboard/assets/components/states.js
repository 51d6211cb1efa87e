// What stands where there is nothing to show yet, or at all.

import { html, nothing } from "../lib/html.js";

/** Something is on its way. */
export const loading = (words = "Loading…") => html`<p class="state state-loading">${words}</p>`;

/** There is nothing, and what would change that. */
export const empty = (title, words = "") => html`
  <div class="state state-empty">
    <p class="state-title">${title}</p>
    ${words ? html`<p>${words}</p>` : nothing}
  </div>`;

/** It failed, why, and a way to try again. */
export const failed = (error, retry) => html`
  <div class="state state-failed" role="alert">
    <p class="state-title">${error.status === 0 ? "The coordinator does not answer." : "This could not be loaded."}</p>
    <p>${error.status === 0
      ? html`It may have stopped. Start it with <code>hybrid-coordinator dashboard</code>; this page goes on by itself.`
      : error.message}</p>
    ${error.status === 401
      ? html`<p><a href="/login" target="_self">Sign in</a></p>`
      : retry ? html`<button type="button" @click=${() => retry()}>Try again</button>` : nothing}
  </div>`;
