/** What the data plane reports of Child SAs, and what follows: rekeying by volume (RFC 7296 2.8), deletion of idle ones. */
import type { ChildSaTraffic } from "../sad/sad.ts";
import { deleteChild } from "./deletion.ts";
import { rekeyChild } from "./rekey-child.ts";
import type { ChildSa, Ikev2 } from "./state.ts";
import { ask } from "./transmit.ts";

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
  else if (child.octets >= rekeyOctets || child.packets >= rekeyPackets) ask(ike, child.ikeSa, rekeyChild(child));
}
