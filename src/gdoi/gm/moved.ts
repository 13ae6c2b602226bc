/** A member whose own address changed: the key server knows it under the old one, and its Phase 1 SA too. */
import { localTowards } from "./own-address.ts";
import { leavePhase1, register } from "./registration.ts";
import { report } from "./report.ts";
import type { Gm } from "./state.ts";
import type { GmPolicy } from "./types.ts";

/**
 * After the policy was replaced: groups that are registered from an address that is no longer the member's own register
 * again, under a new Phase 1 SA, and those that waited for a route try at once.
 * @param before the policy until now.
 */
export function followAddresses(gm: Gm, before: GmPolicy): void {
  for (const { name } of gm.policy.keyServers) {
    const now = localTowards(gm.policy, name)?.address;
    const old = localTowards(before, name)?.address;
    if (now === undefined || now === old) continue;
    if (old !== undefined) moved(gm, name, old, now);
    for (const group of gm.groups.values()) {
      const waits = gm.deadlines.get(`retry:${group.name}`) !== undefined;
      if (waits && group.config.keyServers.includes(name)) register(gm, group, `a route leads to ${name} again`);
    }
  }
}

function moved(gm: Gm, keyServer: string, from: string, to: string): void {
  for (const sa of [...gm.phase1.sas()]) {
    if (sa.peerName !== keyServer) continue;
    gm.phase1.delete(sa, "the member's own address changed", gm.env, gm.out);
    leavePhase1(gm, sa);
  }
  for (const group of gm.groups.values()) {
    const { registration, joined } = group;
    if (registration?.keyServer !== keyServer || registration.local.address === to) continue;
    const figures = { keyServer, from, to };
    report(gm, group.name, "gm.address-changed", { cause: "failure", level: "warning", figures });
    // the interface that the system chose may be another one now
    if (joined !== undefined) gm.out.push({ out: "leave", ...joined }, { out: "join", ...joined });
    register(gm, group, `its own address changed from ${from} to ${to}`);
  }
}
