/** The operator's commands. */

import { CERTIFICATE_REVOKED, CERTIFICATE_UNTRUSTED } from "../../core/certificate-standing.ts";
import type { Plain, Refusal } from "../../core/engine.ts";
import { parseIdentity } from "../../core/identity.ts";
import { admit, evict } from "./eviction.ts";
import type { Group } from "./group.ts";
import type { Member } from "./members.ts";
import { enqueue, pump } from "./plan.ts";
import { endClosed, reconfigure } from "./reconfigure.ts";
import type { Turn } from "./server.ts";
import type { GcksCommand } from "./types.ts";

export type Answer = { readonly reply: Plain } | { readonly refusal: Refusal };

/** Carries a command out; whatever it sends is in the turn's outputs before the answer. */
export function command(given: GcksCommand, turn: Turn): Answer {
  if (given.do === "reconfigure") {
    const { added, removed, changed } = reconfigure(given.policy, turn);
    for (const group of [...turn.server.groups.values()]) endClosed(group, turn);
    return { reply: { added, removed, changed } };
  }
  const group = turn.server.groups.get(given.group);
  if (group === undefined || group.closing) {
    const names = [...turn.server.groups.keys()].join(", ") || "none";
    return refusal("unknown-group", `there is no group ${given.group}; configured: ${names}`);
  }
  const answer = inGroup(given, group, turn);
  pump(group, turn);
  return answer;
}

function inGroup(given: Exclude<GcksCommand, { do: "reconfigure" }>, group: Group, turn: Turn): Answer {
  if (given.do === "rekey") {
    if (given.what === "tek" && group.policy.teks.length === 0) {
      return refusal("no-teks", `group ${group.name} has no TEKs; rekey its KEK instead`);
    }
    const place = enqueue(group, turn, given.what, "asked for by the operator", "operator");
    return { reply: { group: group.name, rekeys: [{ ...place }] } };
  }
  const found = given.members.map((name) => memberNamed(group, name));
  const unknown = given.members.filter((_, i) => found[i] === undefined);
  if (unknown.length > 0) {
    const message = `group ${group.name} has no member ${unknown.join(", ")}; 'keyherald members ${group.name}' lists them`;
    return refusal("unknown-member", message);
  }
  const list = [...new Set(found.filter((member) => member !== undefined))];
  if (given.do === "admit") return { reply: { group: group.name, admitted: admit(group, turn, list) } };
  // another certificate undoes what a list did, and not what an operator does, whatever the words are
  const ofLists = (reason: string | undefined) => reason === CERTIFICATE_REVOKED || reason === CERTIFICATE_UNTRUSTED;
  const fresh = list.filter((member) => member.standing !== "evicted" || ofLists(member.reason));
  const reason = ofLists(given.reason) ? `${given.reason}, says the operator` : given.reason;
  const order = { standing: "evicted", reason, by: "operator" } as const;
  const rekeys = fresh.length === 0 ? [] : evict(group, turn, fresh, order);
  return {
    reply: {
      group: group.name,
      evicted: fresh.map((member) => member.name),
      rekeys: rekeys.map(({ spi, seq }) => ({ spi, seq })),
    },
  };
}

/** By name, by an address that only one member has, or by identity in any of its spellings. */
function memberNamed(group: Group, name: string): Member | undefined {
  const found = group.members.named(name);
  if (found !== undefined) return found;
  const identity = parseIdentity(name);
  return identity && group.members.find(identity);
}

function refusal(code: string, message: string): Answer {
  return { refusal: { code, message } };
}
