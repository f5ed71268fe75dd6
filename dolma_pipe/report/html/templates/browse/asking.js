// The server is asked, and what there is to look at is remembered.
import { sum } from "./words.js";

export let run = null;

export async function ask(path, asked) {
  const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== "" && value !== null));
  let answer;
  try { answer = await fetch(`/api/${path}?${query}`, { credentials: "same-origin" }); }
  catch { throw new Error("dolma-pipe browse has ended: start it again"); }
  const json = (answer.headers.get("Content-Type") ?? "").startsWith("application/json");
  if (!json) throw new Error((await answer.text()).trim());
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

export async function openRun() {
  run ??= await ask("run", {});
}

// Of a source, or of all: how many documents have each verdict.
export function counted(source) {
  const of = run.sources.filter((one) => !source || one.name === source);
  const dropped = {};
  for (const one of of) {
    for (const [rule, n] of Object.entries(one.dropped)) dropped[rule] = (dropped[rule] ?? 0) + n;
  }
  const duplicates = run.entries.map((_, k) => sum(of.map((one) => one.duplicates[k] ?? 0)));
  const quarantined = sum(of.map((one) => one.quarantined));
  const all = sum(of.map((one) => one.lines)) - quarantined;
  return { of, dropped, duplicates, quarantined, kept: sum(of.map((one) => one.kept)), all };
}

// How many there are of a verdict, where that is counted.
export function numberOf({ source, verdict }) {
  const all = counted(source);
  const [name, ...rest] = (verdict || "all").split(":");
  const detail = rest.join(":");
  if (name === "dropped") return detail ? all.dropped[detail] ?? 0 : sum(Object.values(all.dropped));
  if (name === "duplicate") return detail ? all.duplicates[detail - 1] : sum(all.duplicates);
  return all[name] ?? null;
}

export const entryName = (number) => `${number} ${run.entries[number - 1]?.method ?? ""}`;
