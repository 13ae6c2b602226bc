/** Names the clause in refusals of values that are refused everywhere, where the profile forbids them too. */
import { type Clause, hasProfile, inClause } from "./schema/profile.ts";
import type { ConfigProblem } from "./types.ts";

/** Values that the profile has its say in, by their place: whether one of the groups, or that very group, must have it. */
const governed: readonly (readonly [RegExp, Clause])[] = [
  [/^(keyServer|member)\.phase1\.(?:proposals|authentication)\[\d+\]$/, "8.2"],
  [/^(keyServer|member)\.certificate\.(?:chain|key)$/, "8.2"],
  [/^(keyServer)\.groups\[(\d+)\]\.kek\.(?:cipher|acknowledge|signature\.algorithm|signature\.key(?:\.file)?)$/, "8.6"],
];
/** What is said of a value that is known, and refused; a file that is not there has no clause. */
const refusal = / is refused| is no (Phase 1|Diffie-Hellman|cipher|signature)| is none of the words/;

/** @param value the whole file as it was read. */
export function withClauses(problems: readonly ConfigProblem[], value: unknown): ConfigProblem[] {
  return problems.map((problem) => {
    const { path, message } = problem;
    if (!refusal.test(message) || message.includes("IEC 62351-9")) return problem;
    for (const [place, clause] of governed) {
      const [, role, index] = place.exec(path) ?? [];
      if (role === undefined) continue;
      const groups = groupsOf(value, role);
      const concerned = index === undefined ? groups : groups.slice(Number(index), Number(index) + 1);
      if (hasProfile(concerned)) return { ...problem, message: `${message} (${inClause(clause)})` };
    }
    return problem;
  });
}

/** The groups of a role that may be anything, as far as they are sections. */
function groupsOf(value: unknown, role: string): { readonly profile?: string }[] {
  const groups = inside(inside(value, role), "groups");
  if (!Array.isArray(groups)) return [];
  return groups.map((group) => (inside(group, "profile") === "iec-62351-9" ? { profile: "iec-62351-9" } : {}));
}

function inside(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
