// Small marks that say a thing by shape and word, never by colour alone; tiles; plain bars.

import { html, nothing, svg } from "../lib/html.js";

const SHAPES = {
  success: svg`<circle cx="8" cy="8" r="7" fill="currentColor"/><path d="m4.8 8.2 2.2 2.2 4.2-4.6" fill="none" stroke="var(--paper)" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>`,
  partial: svg`<circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M8 1.8a6.2 6.2 0 0 1 0 12.4Z" fill="currentColor"/>`,
  failure: svg`<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z" fill="currentColor"/><path d="m5.5 5.5 5 5m0-5-5 5" stroke="var(--paper)" stroke-width="1.8" stroke-linecap="round"/>`,
  unknown: svg`<circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.4 2.4"/>`,
  local: svg`<rect x="2" y="2" width="12" height="12" rx="2.5" fill="currentColor"/>`,
  remote: svg`<path d="M8 1.5 14.5 8 8 14.5 1.5 8Z" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"/>`,
  warning: svg`<path d="M8 1.5 15 14H1Z" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"/><path d="M8 6v3.6m0 1.9v.1" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>`,
};

/** A shape of 16 px; the word beside it says the same. */
export const icon = (name) =>
  html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">${SHAPES[name] ?? SHAPES.unknown}</svg>`;

/** A shape and a word in its colour: success, partial, failure, unknown, local, remote, warning. */
export const badge = (kind, words = kind) =>
  html`<span class="badge badge-${SHAPES[kind] ? kind : "unknown"}">${icon(kind)}${words}</span>`;

/** A figure with what it is, and in small what makes it plain. */
export const tile = (label, value, detail = "", { kind = "" } = {}) => html`
  <div class="tile ${kind && `tile-${kind}`}">
    <dt>${label}</dt>
    <dd class="figure">${value}</dd>
    ${detail ? html`<dd class="detail">${detail}</dd>` : nothing}
  </div>`;

/** Tiles side by side. */
export const tiles = (...content) => html`<dl class="tiles">${content}</dl>`;

const SEAM = 0.4; // of a hundred, between the parts of a bar

/** Parts of a whole as one bar: `[{kind, label, value}]`, with a legend that says the numbers. */
export function shares(parts, words = (value) => value) {
  const sum = parts.reduce((total, { value }) => total + value, 0);
  let at = 0;
  const pieces = parts.map(({ kind, value }) => {
    const width = sum ? (100 * value) / sum : 0;
    const piece = svg`<rect class="fill-${kind}" x="${at}" y="0" width="${Math.max(0, width - SEAM)}" height="10"/>`;
    at += width;
    return piece;
  });
  return html`
    <div class="shares">
      <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">${HATCH}${pieces}</svg>
      <ul>${parts.map(({ kind, label, value }) => html`<li>${badge(kind, label)} <b>${words(value, sum)}</b></li>`)}</ul>
    </div>`;
}

// Remote is hatched wherever it is an area, so that it differs without colour.
const HATCH = svg`<defs><pattern id="hatch" width="2" height="10" patternUnits="userSpaceOnUse"><rect class="hatch-ground" width="2" height="10"/><rect class="hatch-line" width="1" height="10"/></pattern></defs>`;

/** Rows of label, bar and value: `[{label, value, words, kind}]`; bars share a scale. */
export function bars(rows, { caption }) {
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE);
  return html`
    <ul class="bars" aria-label=${caption}>
      ${rows.map(({ label, value, words, kind = "plain" }) => html`
        <li>
          <span class="bar-label">${label}</span>
          <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="fill-${kind}" width="${(100 * value) / most}" height="8"/></svg>
          <span class="bar-value">${words ?? value}</span>
        </li>`)}
    </ul>`;
}

/** A part of a page with a heading; `note` says what it is of, in small. */
export const section = (title, content, note = "") => html`
  <section class="block" aria-label=${title}>
    <header><h2>${title}</h2>${note ? html`<p class="note">${note}</p>` : nothing}</header>
    ${content}
  </section>`;
