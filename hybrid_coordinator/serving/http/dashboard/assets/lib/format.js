// Numbers, money and times in words. One place, so that pages cannot disagree.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });
const fine = new Intl.NumberFormat("en", {
  style: "currency",
  currency: "USD",
  maximumSignificantDigits: 2,
});
const moment = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hour12: false,
});
const full = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "medium", hour12: false });
const date = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** What stands where nothing is known. */
export const NONE = "–";

const known = (value, words) => (value === null || value === undefined ? NONE : words(value));

/** 1,234 */
export const number = (value) => known(value, (given) => whole.format(given));

/** 1.2K: where space is scarce and the exact figure is at hand elsewhere. */
export const compact = (value) =>
  known(value, (given) => (Math.abs(given) < 10_000 ? whole.format(given) : short.format(given)));

/** 12.3 */
export const decimal = (value) => known(value, (given) => one.format(given));

/** 0.123 as 12%; small shares keep a digit. */
export const percent = (value) =>
  known(value, (given) => {
    const share = given * 100;
    return `${share !== 0 && Math.abs(share) < 10 ? one.format(share) : whole.format(share)}%`;
  });

/** US dollars; less than a cent keeps two digits. */
export const money = (value) =>
  known(value, (given) =>
    given !== 0 && Math.abs(given) < 0.01 ? fine.format(given) : cents.format(given),
  );

/** Milliseconds as 420 ms, 1.2 s or 3.5 min. */
export const duration = (value) =>
  known(value, (given) => {
    if (given < 1000) return `${whole.format(given)} ms`;
    if (given < 60_000) return `${one.format(given / 1000)} s`;
    return `${one.format(given / 60_000)} min`;
  });

/** Bytes as 12.3 MB. */
export const bytes = (value) =>
  known(value, (given) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let size = given;
    let unit = 0;
    while (size >= 1000 && unit < units.length - 1) {
      size /= 1000;
      unit += 1;
    }
    return `${unit === 0 ? whole.format(size) : one.format(size)} ${units[unit]}`;
  });

/** ISO 8601 as Nov 21, 20:19, in the reader's time zone. */
export const time = (value) => known(value, (given) => moment.format(new Date(given)));

/** ISO 8601 in full, for a title. */
export const fullTime = (value) => known(value, (given) => full.format(new Date(given)));

/** A day (ISO 8601) as Nov 21: days of the record are in UTC. */
export const day = (value) => known(value, (given) => date.format(new Date(given)));

/** ISO 8601 as "3 min ago". */
export const since = (value, now = Date.now()) =>
  known(value, (given) => {
    const seconds = (new Date(given).getTime() - now) / 1000;
    for (const [unit, length] of [["day", 86_400], ["hour", 3600], ["minute", 60]]) {
      if (Math.abs(seconds) >= length) return ago.format(Math.round(seconds / length), unit);
    }
    return "just now";
  });

/** "1 job", "2 jobs"; with a third word, "2 entries". */
export const count = (value, singular, plural = `${singular}s`) =>
  `${number(value)} ${value === 1 ? singular : plural}`;

/** "last 30 days", "last 24 hours" for one day. */
export const span = (days) => (days === 1 ? "today (UTC)" : `the last ${number(days)} days`);
