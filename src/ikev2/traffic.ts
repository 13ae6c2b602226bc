/** What the data plane reports of Child SAs, and what follows: rekeying by volume (RFC 7296 2.8), deletion of idle ones. */
import type { ChildSaTraffic } from "../sad/sad.ts";
import { deleteChild } from "./deletion.ts";
import { askToRekey } from "./rekey-child.ts";
import type { ChildSa, Ikev2 } from "./state.ts";

/** Takes the counters. @returns the SPIs of those that there are. */
export function trafficReported(ike: Ikev2, reports: readonly ChildSaTraffic[]): string[] {
  return reports.flatMap(({ spiIn, octets, packets, idleMs }) => {
    const child = ike.childSas.get(spiIn);
    if (child === undefined) return [];
    child.octets = octets;
    child.packets = packets;
    act(ike, child, idleMs);
    return [spiIn];
  });
}

function act(ike: Ikev2, child: ChildSa, idleMs: number): void {
  if (child.state !== "installed") return;
  const { rekeyOctets, rekeyPackets, inactivityMs } = child.policy;
  if (idleMs >= inactivityMs) deleteChild(ike, child, { cause: "inactivity" });
  else if (!child.usedUp && (child.octets >= rekeyOctets || child.packets >= rekeyPackets)) {
    // once: when the peer refuses, it is asked again as after a rekey by time
    child.usedUp = true;
    askToRekey(ike, child);
  }
}
