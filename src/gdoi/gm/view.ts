/** What a member shows: nothing in it is secret. */
import { identityText } from "../../core/identity.ts";
import { KekAckRequested, TekProtocol } from "../../iana/gdoi.ts";
import { nameOf } from "../../iana/names.ts";
import { hex } from "../../util/octets.ts";
import { oidText } from "../../util/oid.ts";
import type { Iec61850Stream } from "../iec61850.ts";
import type { Gm, Group } from "./state.ts";
import type { GmGroupView, GmStatus } from "./types.ts";

/** The group as people see it. */
export function groupView(gm: Gm, group: Group): GmGroupView {
  const { rekey, registration, lastError } = group;
  const reregisterAt = Math.min(
    ...["renew", "prompt", "retry"].map(
      (what) => gm.deadlines.get(`${what}:${group.name}`) ?? Number.POSITIVE_INFINITY,
    ),
  );
  return {
    name: group.name,
    id: identityText(group.config.id, gm.env.crypto),
    state: stateOf(group),
    ...(registration && { keyServer: registration.keyServer, registeredAt: registration.at }),
    ...(Number.isFinite(reregisterAt) && { reregisterAt }),
    ...(rekey && {
      kek: {
        spi: rekey.spi,
        seq: rekey.seq,
        ...(rekey.expiresAt !== undefined && { expiresAt: rekey.expiresAt }),
        ack: rekey.sa.ack === undefined ? "none" : nameOf(KekAckRequested, rekey.sa.ack),
      },
    }),
    teks: [...group.teks.values()].map(({ description, activateAt, expiresAt, kept }) => ({
      spi: hex(description.spi),
      protocol: nameOf(TekProtocol, description.protocolId),
      activateAt,
      // a TEK of IEC 61850 may have no end
      ...(Number.isFinite(expiresAt) && { expiresAt }),
      ...(kept && { kept }),
      ...(description.iec61850 && streamView(description.iec61850)),
    })),
    sids: group.sids?.values ?? [],
    pushesAccepted: group.pushesAccepted,
    acksSent: group.acksSent,
    ...(lastError !== undefined && { lastError }),
  };
}

function streamView({ oid, oidSpecificPayload, keyDeliveryAssurance }: Iec61850Stream) {
  return {
    oid: oidText(oid) ?? hex(oid),
    ...(oidSpecificPayload.length > 0 && { selector: hex(oidSpecificPayload) }),
    ...(keyDeliveryAssurance !== undefined && { keyDeliveryAssurance }),
  };
}

function stateOf(group: Group): GmGroupView["state"] {
  if (group.failingSince !== undefined) {
    const without = group.registration !== undefined && group.teks.size === 0 && group.rekey === undefined;
    return without ? "expired" : "retrying";
  }
  if (group.attempt !== undefined) return "registering";
  if (group.registration === undefined) return "idle";
  return group.teks.size === 0 && group.rekey === undefined ? "expired" : "registered";
}

/** The whole member. */
export function status(gm: Gm): GmStatus {
  return {
    role: "member",
    groups: [...gm.groups.values()].map((group) => groupView(gm, group)),
    phase1: [...gm.phase1.sas()].length,
    counters: Object.fromEntries([
      ...gm.counters,
      ...[...gm.phase1.counters].map(([name, value]) => [`phase1.${name}`, value] as const),
    ]),
  };
}
