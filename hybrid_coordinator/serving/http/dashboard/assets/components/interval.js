// What showing something changed: a difference with its interval, as a mark and in words.

import { html, nothing, svg } from "../lib/html.js";

const points = new Intl.NumberFormat("en", { maximumFractionDigits: 0, signDisplay: "exceptZero" });

/** A share as points of a hundred: +12. */
export const signed = (share) => points.format(share * 100);

/** A difference (domain/credit.py) and its interval, in points of a hundred. */
export const range = ({ difference, low, high }) =>
  `${signed(difference)} ${Math.abs(Math.round(difference * 100)) === 1 ? "point" : "points"} (${signed(low)} to ${signed(high)})`;

const kind = ({ difference, identifiable }) =>
  (!identifiable ? "open" : difference > 0 ? "success" : "failure");

/** The mark and the words. */
export function interval(uplift) {
  const { difference, identifiable, shown, withheld } = uplift;
  const words = difference === null ? `${shown} outcomes with it, ${withheld} without` : range(uplift);
  return html`<span class="interval interval-${kind(uplift)}">${mark(uplift)}
    <span>${identifiable ? words : `cannot be told yet: ${words}`}</span></span>`;
}

/** A line from the lower to the upper bound with a dot between, and where zero is. It reaches from
 *  -`reach` to `reach`, and ends there. */
export function mark(uplift, reach = 0.3) {
  const { difference, low, high } = uplift;
  if (difference === null) return nothing;
  const place = (value) => 60 + (58 * Math.max(-reach, Math.min(reach, value))) / reach;
  return html`<svg class="mark mark-${kind(uplift)}" viewBox="0 0 120 16" width="120" height="16" aria-hidden="true">${svg`
    <path class="zero" d="M60 1v14"/>
    <path class="span" d="M${place(low)} 8H${place(high)}M${place(low)} 4v8M${place(high)} 4v8"/>
    <circle class="dot" cx=${place(difference)} cy="8" r="3.5"/>`}</svg>`;
}
