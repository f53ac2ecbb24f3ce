// Numbers as people read them. What is not known is a dash.

export const DASH = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** A number with so many decimals and a unit. */
export function number(value, decimals = 0, unit = "") {
  return known(value) ? value.toFixed(decimals) + unit : DASH;
}

/** A count, in groups of three digits. */
export function count(value) {
  return known(value) ? Math.round(value).toLocaleString("en").replaceAll(",", "\u202f") : DASH;
}

/** Milliseconds; from ten seconds on, as a length of time. */
export function millis(value) {
  if (!known(value)) return DASH;
  return value < 10_000 ? `${Math.round(value)} ms` : duration(value / 1000);
}

/** Seconds as the two largest units that they have. */
export function duration(seconds) {
  if (!known(seconds)) return DASH;
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

export function percent(value) {
  return number(value, 0, "\u202f%");
}

export function bytes(value) {
  if (!known(value)) return DASH;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), units.length - 1);
  return `${(value / 2 ** (10 * unit)).toFixed(unit > 1 ? 1 : 0)} ${units[unit]}`;
}

/** The time of day, here. */
export function clock(date) {
  return date.toLocaleTimeString([], { hour12: false });
}

export function text(value) {
  return value === undefined || value === null || value === "" ? DASH : String(value);
}
