import { afterAll, beforeAll, expect, test } from "vitest";
import { exampleConfiguration } from "./example.ts";
import { loadConfiguration } from "./load.ts";
import { testFolder, testTime } from "./testing/files.ts";
import { mistakenPolicies } from "./testing/mistaken-policies.ts";
import { mistakenStreams } from "./testing/mistaken-streams.ts";
import { mistakenTunnels } from "./testing/mistaken-tunnels.ts";
import { mistakenValues } from "./testing/mistaken-values.ts";
import { substation } from "./testing/substation.ts";
import type { ConfigProblem } from "./types.ts";

let made: ReturnType<typeof testFolder>;
beforeAll(() => {
  made = testFolder();
});
afterAll(() => made.remove());

function problems(text: string): readonly ConfigProblem[] {
  const loaded = loadConfiguration(made.write("keyherald.yaml", text), {}, testTime);
  return loaded.ok ? [] : loaded.error;
}

/** What is wrong and what was expected, in one. */
function said({ message, expected }: ConfigProblem): string {
  return `${message} (${expected})`;
}

/** Number of the first line that has `part`. */
function lineOf(text: string, part: string): number {
  return text.slice(0, text.indexOf(part)).split("\n").length;
}

const inExample = Object.entries({ ...mistakenValues, ...mistakenPolicies }).map(
  ([what, mistake]) => [what, mistake, exampleConfiguration("both")] as const,
);
const inSubstation = Object.entries(mistakenStreams).map(([what, mistake]) => [what, mistake, substation] as const);

const ofIkev2 = exampleConfiguration("ikev2");
const inTunnels = Object.entries(mistakenTunnels).map(([what, mistake]) => [what, mistake, ofIkev2] as const);

test.each([...inExample, ...inSubstation, ...inTunnels])(
  "%s is told with its line, its path and what was expected",
  (_, mistake, whole) => {
    const [from, to] = mistake.edit;
    const text = whole.replace(from, () => to);
    expect(text).not.toBe(whole);
    const found = problems(text);
    const here = found.find((one) => one.path === mistake.path && mistake.says.test(said(one)));
    expect(found.map((one) => `${one.path}: ${said(one)}`).join("\n")).toMatch(mistake.says);
    const at = mistake.at ?? to;
    expect(here?.line).toBe(lineOf(text, at) + (at.startsWith("\n") ? 1 : 0));
    expect(here?.severity).toBe("error");
  },
);

test("all that is wrong is told at once, in the order of the lines", () => {
  const text = exampleConfiguration("both")
    .replace("level: info", "level: loud")
    .replace("file: gm2.psk", "file: nowhere.psk")
    .replace("acknowledge: lkh-sha256", "acknowledge: none")
    .replace("whenMissing: alert", "whenMissing: remove")
    .replace("keyServers: [ks1]", "keyServers: [ks7]");
  expect(problems(text).map((one) => one.path)).toEqual([
    "log.level",
    "keyServer.peers[1].psk.file",
    "keyServer.groups[0].acknowledgements.whenMissing",
    "member.groups[0].keyServers[0]",
  ]);
});

test.each(["both", "ikev2"] as const)("whatever stands in the place of a value, of %s, never throws", (role) => {
  const whole = exampleConfiguration(role);
  const places = [...whole.matchAll(/: ?([^\s,}\]#][^,}\]#\n]*)/g)].filter(
    ({ index }) => !/#[^\n]*$/.test(whole.slice(0, index)),
  );
  expect(places.length).toBeGreaterThan(40);
  for (const { 0: match, 1: value = "", index } of places) {
    for (const other of ["", "[1, x]", "{ a: b }", "-1", "true", '""', "'$&'"]) {
      const from = index + match.length - value.length;
      const text = whole.slice(0, from) + other + whole.slice(from + value.length);
      for (const one of problems(text)) {
        expect(one.line).toBeGreaterThan(0);
        expect(one.message).not.toBe("");
        expect(`${one.path} ${other} ${one.message}: ${one.expected}`).not.toMatch(/: $/);
      }
    }
  }
});

test("a file without a role, or with a list or a word for all, is refused", () => {
  const state = "state: { file: state.db, key: { file: state.key } }";
  expect(problems(state)).toMatchObject([{ path: "", line: 1, message: "has no role" }]);
  expect(problems("- a\n- b")).toMatchObject([{ path: "", expected: "a section" }]);
  expect(problems("word")).toMatchObject([{ path: "", expected: "a section" }]);
  expect(problems("")).toMatchObject([{ message: "the file is empty" }]);
});
