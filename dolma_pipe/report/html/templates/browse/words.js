// Numbers, sizes and names as people read them.
export const number = (value) => value.toLocaleString("en-US");

export const amount = (value) => Math.abs(value) >= 1000 || Number.isInteger(value)
  ? number(Math.round(value)) : String(Number(value.toPrecision(4)));

export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toPrecision(3)} kB` : `${(bytes / 1e6).toPrecision(3)} MB`;
}

export const several = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;

export const valueOf = (value) => value === null ? "–" : typeof value === "number" ? amount(value) : legible(value);

// What is not seen, by its number: as report/terminal.py has it.
const odd = /(?![\n\t\u200c\u200d])[\p{C}\p{Zl}\p{Zp}]/gu;
export const legible = (text) => String(text).replace(
  odd, (char) => `⟨U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

// Of a long id the end tells more.
const END = 38;
export function tail(id) {
  const chars = [...legible(id)];
  return chars.length > END + 2 ? `…${chars.slice(-END).join("")}` : chars.join("");
}

export const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
