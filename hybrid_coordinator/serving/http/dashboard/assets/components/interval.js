// What showing something changed: a difference with its interval, as a mark and in words.

import { html, svg } from "../lib/html.js";

const points = new Intl.NumberFormat("en", { maximumFractionDigits: 0, signDisplay: "exceptZero" });

/** A share as points of a hundred: +12. */
export const signed = (share) => points.format(share * 100);

/** A difference (domain/credit.py) and its interval, in points of a hundred. */
export const range = ({ difference, low, high }) =>
  `${signed(difference)} points (${signed(low)} to ${signed(high)})`;

/** The mark, a line from the lower to the upper bound with a dot between and where zero is; and in
 *  words. It reaches from -`reach` to `reach`, and ends there. */
export function interval(uplift, reach = 0.3) {
  const { difference, low, high, identifiable, shown, withheld } = uplift;
  const kind = !identifiable ? "open" : difference > 0 ? "success" : "failure";
  if (difference === null) {
    return html`<span class="interval interval-open">cannot be told yet: ${shown} outcomes with it, ${withheld} without</span>`;
  }
  return html`<span class="interval interval-${kind}">${mark(difference, low, high, reach)}
    <span>${identifiable ? range(uplift) : `cannot be told yet: ${range(uplift)}`}</span></span>`;
}

function mark(difference, low, high, reach) {
  const place = (value) => 60 + (58 * Math.max(-reach, Math.min(reach, value))) / reach;
  return html`<svg viewBox="0 0 120 16" width="120" height="16" aria-hidden="true">${svg`
    <path class="zero" d="M60 1v14"/>
    <path class="span" d="M${place(low)} 8H${place(high)}M${place(low)} 4v8M${place(high)} 4v8"/>
    <circle class="dot" cx=${place(difference)} cy="8" r="3.5"/>`}</svg>`;
}
