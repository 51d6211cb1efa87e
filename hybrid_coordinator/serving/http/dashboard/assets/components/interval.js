// What showing something changed: a difference with its interval, as a mark and in words.

import { html, nothing, svg } from "../lib/html.js";

const points = new Intl.NumberFormat("en", { maximumFractionDigits: 0, signDisplay: "exceptZero" });

/** A share as points of a hundred: +12. */
export const signed = (share) => points.format(share * 100);

/** An uplift (domain/credit.py) in words, its uncertainty with it. */
export function upliftWords({ difference, low, high, identifiable, shown, withheld }) {
  if (difference === null) return `cannot be told yet: ${shown} outcomes with it, ${withheld} without`;
  const range = `${signed(difference)} points (${signed(low)} to ${signed(high)})`;
  return identifiable ? range : `cannot be told yet: ${range}`;
}

/** The mark: a line from the lower to the upper bound, a dot between, and where zero is. */
export function interval(uplift) {
  const { difference, low, high, identifiable } = uplift;
  const kind = !identifiable ? "open" : difference > 0 ? "success" : "failure";
  return html`<span class="interval interval-${kind}">
    ${difference === null ? nothing : mark(difference, low, high)}
    <span>${upliftWords(uplift)}</span></span>`;
}

function mark(difference, low, high) {
  const place = (value) => 60 + 58 * value;
  return html`<svg viewBox="0 0 120 16" width="120" height="16" aria-hidden="true">${svg`
    <path class="zero" d="M60 1v14"/>
    <path class="span" d="M${place(low)} 8H${place(high)}M${place(low)} 4v8M${place(high)} 4v8"/>
    <circle class="dot" cx=${place(difference)} cy="8" r="3.5"/>`}</svg>`;
}
