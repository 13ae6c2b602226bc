/** The role of the key server. */
import type * as z from "zod";
import type { GcksPolicy } from "../../gdoi/gcks/types.ts";
import type { PeerPolicy } from "../../ikev1/types.ts";
import { addressOctets } from "../../util/address.ts";
import { checked, flag, type Loose, list, type Report, refuseRepeats, section } from "../field.ts";
import type { Surroundings } from "../files.ts";
import { addressRange, endpoint, identity, name } from "../values.ts";
import { pskOf, pskSection } from "./credentials.ts";
import { buildGroup, groupSection } from "./group.ts";
import { addressIdentity, buildPhase1, checkPhase1, phase1Shape } from "./phase1.ts";
import { checkProfileRole, hasProfile, type PortAt } from "./profile.ts";
import { refuseRepeatedGroups } from "./repeated-groups.ts";

const gdoiPort = 848;

function peerShape(around: Surroundings) {
  return section({
    name: name(),
    address: addressRange().optional(),
    addresses: list(addressRange(), 1).optional(),
    identity: identity().optional(),
    psk: pskSection(around).optional(),
  });
}

type PeerSection = z.output<ReturnType<typeof peerShape>>;

function keyServerShape(around: Surroundings) {
  return section({
    listen: list(endpoint(gdoiPort), 1, 64).prefault([`0.0.0.0:${gdoiPort}`]),
    labPorts: flag().default(false),
    ...phase1Shape(around),
    peers: list(peerShape(around)).prefault([]),
    groups: list(groupSection(around), 1, 10_000),
  });
}

/** What stands under `keyServer`. */
export type KeyServerSection = z.output<ReturnType<typeof keyServerShape>>;

/** The section `keyServer`. */
export function keyServerSection(around: Surroundings): z.ZodType<KeyServerSection> {
  return checked(keyServerShape(around), checkKeyServer);
}

function checkKeyServer(server: Loose<KeyServerSection>, report: Report): void {
  const { listen, peers, groups, certificate, identity: own } = server;
  refuseRepeats(
    listen,
    (at) => `${at.address} ${at.port}`,
    (index) => ["listen", index],
    "address",
    report,
  );
  refuseRepeats(
    peers,
    (peer) => peer.name,
    (index) => ["peers", index, "name"],
    "peer",
    report,
  );
  refuseRepeatedGroups(groups, report);
  const profiled = hasProfile(groups);
  checkPhase1(server, peers ?? [], profiled, report);
  if (profiled) checkProfileRole(server, "peers", peers ?? [], portsOf(server), report);
  if (certificate === undefined && !(peers ?? []).some((peer) => peer?.psk !== undefined)) {
    report([], "there is no way to authenticate members", "peers with a psk, or certificate and trust");
  }
  if (certificate === undefined && own === undefined && listenIdentity(listen) === undefined) {
    report(
      [],
      "needs an identity: it listens on a wildcard address and has no certificate",
      "identity: 192.0.2.1, for instance",
    );
  }
}

/** Every port that the profile looks at: where it listens, and where its groups send to. */
function portsOf({ listen, groups }: Loose<KeyServerSection>): PortAt[] {
  const sockets = (listen ?? []).map((at, index): PortAt => [["listen", index], at]);
  const pushes = (groups ?? []).map((group, index): PortAt => [["groups", index, "push", "port"], group?.push]);
  return [...sockets, ...pushes];
}

function listenIdentity(listen: readonly (Loose<KeyServerSection["listen"][number]> | undefined)[] | undefined) {
  const text = listen?.[0]?.address;
  return addressIdentity(text === undefined ? undefined : addressOctets(text));
}

/** The policy of a checked section. */
export function buildKeyServer(server: KeyServerSection): GcksPolicy {
  return {
    phase1: buildPhase1(server, server.peers.map(buildPeer), listenIdentity(server.listen), hasProfile(server.groups)),
    listen: server.listen,
    groups: server.groups.map(buildGroup),
  };
}

function buildPeer(peer: PeerSection): PeerPolicy {
  const ranges = [...(peer.address === undefined ? [] : [peer.address]), ...(peer.addresses ?? [])];
  const psk = pskOf(peer);
  return {
    name: peer.name,
    addresses: ranges.map(({ from, to }) => ({ from, to })),
    ...(peer.identity !== undefined && { identity: peer.identity.identity }),
    ...(psk !== undefined && { psk: psk.secret }),
  };
}
