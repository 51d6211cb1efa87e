// Figures of days, put together where there are too many of them to be seen.

const MOST_DAYS = 62;

export const total = (values) => values.reduce((sum, value) => sum + value, 0);

/** Of tallies together, a partial success counting half; null where no outcome is known. */
export function successRate(tallies) {
  const sum = (name) => total(tallies.map((tally) => tally[name]));
  const [success, partial, failure] = ["success", "partial", "failure"].map(sum);
  const known = success + partial + failure;
  return known ? (success + partial / 2) / known : null;
}

/** Groups of days: each its own, or by the week in long spans. */
export function grouped(days) {
  const size = days.length > MOST_DAYS ? 7 : 1;
  const groups = [];
  for (let at = 0; at < days.length; at += size) groups.push(days.slice(at, at + size));
  return { groups, each: size === 1 ? "day" : "week" };
}

/** The days from the first one with something in it on. */
export function fromFirst(days, counted) {
  const first = days.findIndex((day) => counted(day) > 0);
  return first < 0 ? days : days.slice(first);
}

/** A day (ISO 8601, UTC) in seconds since 1970. */
export const seconds = (day) => Date.parse(day) / 1000;

/** The success rate of `by_day`, as points of a chart. */
export function byDayOrWeek(days) {
  const { groups, each } = grouped(fromFirst(days, ({ tally }) => tally.interactions));
  const points = groups.map((group) => ({
    at: seconds(group[0].day),
    rate: successRate(group.map(({ tally }) => tally)),
  }));
  return { points, each };
}
