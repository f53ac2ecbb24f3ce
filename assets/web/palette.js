// The colour of a class: the same as in the pictures that the worker draws (`picture/src/palette.rs`
// says why it is so), so that a car is as blue here as there.

const SEED = 973n;
const LIGHTNESS = [0.74, 0.62, 0.86];
const CHROMA = 0.25;
const MASK = (1n << 64n) - 1n;

const known = new Map();

/** The colour of a class as `[red, green, blue]`. */
export function colorOf(name) {
  let color = known.get(name);
  if (!color) known.set(name, color = chosen(name));
  return color;
}

export const css = ([red, green, blue], opacity = 1) => `rgb(${red} ${green} ${blue} / ${opacity})`;

/** Black or white, whichever is read better on a colour. */
export function inkOn(color) {
  const [red, green, blue] = color.map((channel) => (channel / 255) ** 2.2);
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) < (luminance + 0.05) / 0.05 ? "#101010" : "#ffffff";
}

/** A colour for the line of one of several, each far from the one before. */
export function lineColor(index) {
  const hue = (200 + index * 137.508) % 360;
  return `oklch(0.66 0.15 ${hue.toFixed(1)})`;
}

function chosen(name) {
  const hash = hashed(name);
  const hue = (Number(hash) / Number(MASK)) * 2 * Math.PI;
  const lightness = LIGHTNESS[Number(hash % BigInt(LIGHTNESS.length))];
  for (let chroma = CHROMA; ; chroma -= 0.005) {
    const linear = fromOklab(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
    if (chroma <= 0 || linear.every((channel) => channel >= 0 && channel <= 1)) {
      return linear.map((channel) => Math.round(gamma(Math.min(Math.max(channel, 0), 1)) * 255));
    }
  }
}

function hashed(name) {
  let hash = SEED;
  for (const byte of new TextEncoder().encode(name)) {
    hash = ((hash ^ BigInt(byte)) * 0x0000_0100_0000_01b3n) & MASK;
  }
  hash = ((hash ^ (hash >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK;
  hash = ((hash ^ (hash >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK;
  return hash ^ (hash >> 31n);
}

function fromOklab(lightness, a, b) {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}

const gamma = (linear) => linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
