// A prompt to try: the answer appears as it is written, with who wrote it and why.

import { badge, icon, section } from "../components/marks.js";
import { decimal, duration, money, number, percent } from "../lib/format.js";
import { html, nothing, render } from "../lib/html.js";

/** Fill `element` with the form and the answer below it. Returns `{ offer }`, which is told the
 *  endpoints as they are, whose models can be chosen. */
export function mountTrial(element, context) {
  let state = { phase: "idle", attempts: [], waiting: "", reply: null, error: "" };
  let servers = [];
  let chosen = null; // a model, as the coordinator names it; or the router's choice
  let running = null;
  let queued = false;

  function paint() {
    if (queued) return;
    queued = true; // pieces come faster than a screen can show them
    requestAnimationFrame(() => {
      queued = false;
      render(section("Try a prompt", html`${form(context, state, { servers, chosen, choose, ask, stop })}${answer(state, context)}`,
        "kept as an interaction, as every call is"), element);
    });
  }

  async function ask(event) {
    event.preventDefault();
    const given = new FormData(event.target);
    running = new AbortController();
    state = { phase: "asking", attempts: [], waiting: "Asking…", reply: null, error: "" };
    paint();
    const signal = AbortSignal.any([running.signal, context.signal]);
    try {
      for await (const line of context.api.stream("/api/ask", body(given, chosen, context), signal)) take(line);
      if (!state.reply && !state.error) state.error = "The answer broke off.";
    } catch (error) {
      if (context.signal.aborted) return;
      state.error = error.name === "AbortError" ? "You stopped it." : error.message;
    }
    state.phase = "done";
    state.waiting = "";
    paint();
  }

  function take({ piece, waiting, reply, error }) {
    if (waiting) state.waiting = waiting;
    if (reply) state.reply = reply;
    if (error) state.error = error.message;
    if (piece) {
      const at = piece.attempt - 1;
      state.attempts[at] ??= { model: piece.model, because: "", text: "", thinking: "" };
      const attempt = state.attempts[at];
      attempt.because ||= piece.because;
      attempt.text += piece.text;
      attempt.thinking += piece.thinking;
      state.waiting = "";
    }
    paint();
  }

  const stop = () => running?.abort();
  const choose = (event) => {
    chosen = event.target.value ? JSON.parse(event.target.value) : null;
    paint();
  };
  const offer = (endpoints) => {
    servers = endpoints.filter(({ models }) => models.length);
    paint();
  };
  paint();
  return { offer };
}

function body(given, chosen, { scope: { project } }) {
  return {
    prompt: given.get("prompt"),
    max_tokens: Number(given.get("max_tokens")),
    quality_critical: given.get("quality_critical") === "on",
    prefer_local: given.get("remote") !== "on",
    ...(chosen ? { only: chosen } : {}),
    ...(project ? { project, use_context: given.get("use_context") === "on" } : {}),
  };
}

/** What can be chosen; a model that was chosen and is gone stays, until another one is. */
function choices(servers, chosen) {
  const value = (name, endpoint) => JSON.stringify({ name, endpoint });
  const now = chosen && value(chosen.name, chosen.endpoint);
  const there = servers.flatMap(({ url, models }) => models.map(({ name }) => value(name, url)));
  return html`<option value="" ?selected=${!now}>By the router's choice</option>
    ${servers.map(({ kind, url, models, remote }) => html`<optgroup label="${kind} at ${url}${remote ? " (remote)" : ""}">
      ${models.map(({ name }) => html`<option value=${value(name, url)} ?selected=${value(name, url) === now}>${name}</option>`)}
    </optgroup>`)}
    ${now && !there.includes(now) ? html`<option value=${now} selected>${chosen.name} (not ready)</option>` : nothing}`;
}

function form({ scope: { project } }, { phase }, { servers, chosen, choose, ask, stop }) {
  const busy = phase === "asking";
  const box = (name, words, off = false) => html`<label class="check"><input type="checkbox" name=${name} ?disabled=${off}> ${words}</label>`;
  return html`<form class="trial" @submit=${ask}>
    <label class="field">Prompt<textarea name="prompt" rows="4" required maxlength="1000000"></textarea></label>
    <div class="options">
      <label>Model <select name="model" @change=${choose}>${choices(servers, chosen)}</select></label>
      <label>At most so many tokens <input name="max_tokens" type="number" min="1" max="200000" value="1024" required></label>
      ${project ? box("use_context", `With what is known of ${project}`) : nothing}
      ${box("quality_critical", "By the best model there is", Boolean(chosen))}
      ${box("remote", "A remote one, if one is allowed", Boolean(chosen))}
    </div>
    <div class="buttons">
      ${busy ? html`<button type="button" @click=${stop}>Stop</button>` : nothing}
      <button type="submit" class="primary" ?disabled=${busy}>Ask</button>
    </div>
  </form>`;
}

function answer({ phase, attempts, waiting, reply, error }, context) {
  if (phase === "idle") return nothing;
  const last = attempts.length - 1;
  return html`<div class="answer" aria-busy=${phase === "asking" ? "true" : "false"}>
    <p role="status" class="note">${waiting || (phase === "asking" ? "Writing…" : error ? "" : "Done.")}</p>
    ${attempts.map((attempt, at) => html`
      <article>
        <h3>${attempt.model}</h3>
        ${attempt.because ? html`<p class="note">${icon("warning")} asked since the answer before did not stand: ${attempt.because}</p>` : nothing}
        ${attempt.thinking ? html`<details><summary>Its thinking</summary><pre tabindex="0">${attempt.thinking}</pre></details>` : nothing}
        <pre tabindex="0">${at === last && reply ? reply.response : attempt.text}</pre>
      </article>`)}
    ${reply && last < 0 ? html`<pre tabindex="0">${reply.response}</pre>` : nothing}
    ${error ? html`<p class="state state-failed" role="alert">${error}</p>` : nothing}
    ${reply ? verdict(reply, context) : nothing}
  </div>`;
}

function verdict(reply, context) {
  return html`<dl class="facts">
      <dt>Answered by</dt><dd>${badge(reply.tier === "API_FALLBACK" ? "remote" : "local", reply.model)} at ${reply.endpoint}</dd>
      <dt>Confidence</dt><dd>${percent(reply.confidence)}${reply.cached ? ", from the cache" : ""}</dd>
      <dt>Took</dt><dd>${duration(reply.latency_ms)}, first token after ${duration(reply.first_token_ms)}, ${decimal(reply.tokens_per_second)} tokens/s</dd>
      <dt>Tokens</dt><dd>${number(reply.tokens_in)} in, ${number(reply.tokens_out)} out</dd>
      <dt>Cost</dt><dd>${reply.cost_usd === null ? "unknown" : money(reply.cost_usd)}</dd>
    </dl>
    ${reply.notices.map((notice) => html`<p class="note">${notice}</p>`)}
    <p><a href=${context.link(`/interactions/${reply.interaction_id}`)}>See the interaction</a></p>`;
}
