/** The role of the member. */
import type * as z from "zod";
import type { GmPolicy } from "../../gdoi/gm/types.ts";
import type { PeerPolicy } from "../../ikev1/types.ts";
import { addressOctets } from "../../util/address.ts";
import {
  checked,
  flag,
  growing,
  integer,
  type Loose,
  list,
  oneOf,
  type Report,
  refuseRepeats,
  section,
  text,
} from "../field.ts";
import { keysFile, type Surroundings } from "../files.ts";
import { didYouMean } from "../suggest.ts";
import { address, duration, endpoint, groupId, identity, name, share } from "../values.ts";

import { pskOf, pskSection } from "./credentials.ts";
import { addressIdentity, buildPhase1, checkPhase1, phase1Shape } from "./phase1.ts";
import { checkProfileRole, hasProfile, type PortAt, profileField } from "./profile.ts";
import { refuseRepeatedGroups } from "./repeated-groups.ts";

const gdoiPort = 848;
/** Most Sender-IDs that a member may ask for; the key server may grant fewer. */
const mostSids = 4_096;

function keyServerShape(around: Surroundings) {
  return section({
    name: name(),
    address: address(),
    port: integer(1, 65_535).default(gdoiPort),
    identity: identity().optional(),
    psk: pskSection(around).optional(),
  });
}

function memberShape(around: Surroundings) {
  return section({
    local: endpoint(gdoiPort).prefault(`0.0.0.0:${gdoiPort}`),
    labPorts: flag().default(false),
    ...phase1Shape(around),
    keyServers: list(keyServerShape(around), 1, 100),
    groups: list(
      section({
        name: name(),
        id: groupId(),
        keyServers: list(name(), 1, 100).optional(),
        sids: integer(1, mostSids).default(1),
        profile: profileField(),
        keepWhenUnreachable: flag().optional(),
        interface: text("the name or an address of a network interface").optional(),
      }),
      1,
      1_000,
    ),
    export: section({ file: keysFile(around) }).optional(),
    acknowledgements: section({
      jitter: duration("0s", "5s").default(4_000),
      unicastJitter: flag().default(false),
    }).prefault({}),
    reregisterWithin: share(1, 50).default(0.2),
    retry: growing(
      section({
        first: duration("100ms", "1h").default(5_000),
        max: duration("100ms", "24h").default(300_000),
      }),
    ).prefault({}),
  });
}

/** What stands under `member`. */
export type MemberSection = z.output<ReturnType<typeof memberShape>>;

/** The section `member`. */
export function memberSection(around: Surroundings): z.ZodType<MemberSection> {
  return checked(memberShape(around), checkMember);
}

function checkMember(member: Loose<MemberSection>, report: Report): void {
  const { keyServers, groups, certificate, identity: own, local } = member;
  refuseRepeats(
    keyServers,
    (server) => server.name,
    (index) => ["keyServers", index, "name"],
    "key server",
    report,
  );
  refuseRepeatedGroups(groups, report);
  const names = (keyServers ?? []).flatMap((server) => server?.name ?? []);
  groups?.forEach((group, index) => {
    group?.keyServers?.forEach((server, at) => {
      if (server === undefined || names.includes(server)) return;
      const path = ["groups", index, "keyServers", at] as const;
      report(
        path,
        `there is no key server ${server}${didYouMean(server, names)}`,
        names.length > 0 ? oneOf(names) : "the name of one of keyServers",
      );
    });
    refuseRepeats(
      group?.keyServers,
      (server) => server,
      (at) => ["groups", index, "keyServers", at],
      "key server",
      report,
    );
  });
  const profiled = hasProfile(groups);
  checkPhase1(member, keyServers ?? [], profiled, report);
  if (profiled) checkProfileRole(member, "keyServers", keyServers ?? [], portsOf(member), report);
  keyServers?.forEach((server, index) => {
    if (server !== undefined && server.identity === undefined && certificate !== undefined) {
      report(
        ["keyServers", index],
        "names no identity: anybody with a certificate of the trusted authorities could pass for this key server",
        "identity: dn:CN=…, fqdn:… or an address that its certificate has",
      );
    }
    if (server !== undefined && server.psk === undefined && certificate === undefined) {
      report(
        ["keyServers", index],
        "there is no way to authenticate this key server",
        "a psk, or certificate and trust",
      );
    }
  });
  if (certificate === undefined && own === undefined && localIdentity(local) === undefined) {
    report(
      [],
      "needs an identity: its local address is a wildcard and it has no certificate",
      "identity: 192.0.2.10, for instance",
    );
  }
}

function portsOf({ local, keyServers }: Loose<MemberSection>): PortAt[] {
  const servers = (keyServers ?? []).map((server, index): PortAt => [["keyServers", index, "port"], server]);
  return [[["local"], local], ...servers];
}

function localIdentity(local: Loose<MemberSection["local"]> | undefined) {
  return addressIdentity(local?.address === undefined ? undefined : addressOctets(local.address));
}

/** The policy of a checked section. */
export function buildMember(member: MemberSection): GmPolicy {
  const servers = member.keyServers;
  return {
    phase1: buildPhase1(member, servers.map(buildPeer), localIdentity(member.local), hasProfile(member.groups)),
    local: member.local,
    keyServers: servers.map((server) => ({
      name: server.name,
      endpoint: { address: server.address, port: server.port },
    })),
    groups: member.groups.map((group) => ({
      name: group.name,
      id: group.id.identity,
      keyServers: group.keyServers ?? servers.map((server) => server.name),
      sids: group.sids,
      ...(group.interface !== undefined && { interface: group.interface }),
      // in the profile a device goes on with the keys that it has
      ...((group.keepWhenUnreachable ?? group.profile !== undefined) && { keepWhenUnreachable: true }),
    })),
    ackJitterMs: member.acknowledgements.jitter,
    ackJitterUnicast: member.acknowledgements.unicastJitter,
    reregisterWithin: member.reregisterWithin,
    retryMs: member.retry,
  };
}

function buildPeer(server: MemberSection["keyServers"][number]): PeerPolicy {
  const octets = addressOctets(server.address);
  const psk = pskOf(server);
  return {
    name: server.name,
    addresses: octets === undefined ? [] : [{ from: octets, to: octets }],
    ...(server.identity !== undefined && { identity: server.identity.identity }),
    ...(psk !== undefined && { psk: psk.secret }),
  };
}
