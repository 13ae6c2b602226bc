/** A connection of IKEv2: who the two sides are, how they prove it, and how long everything lives. */
import type * as z from "zod";
import type { Identity } from "../../core/identity.ts";
import { unboundBecause } from "../../core/identity-binding.ts";
import { nodeCrypto } from "../../crypto/node/index.ts";
import { IdType } from "../../iana/isakmp.ts";
import { defaultIkeProposals } from "../../ikev2/suite.ts";
import type { Connection, LocalAuthentication, PeerAuthentication } from "../../ikev2/types.ts";
import { addressOctets, addressText } from "../../util/address.ts";
import { equal } from "../../util/octets.ts";
import type { Path } from "../document.ts";
import {
  checked,
  choice,
  field,
  flag,
  growing,
  integer,
  type Leaf,
  type Loose,
  list,
  type Report,
  refuseRepeats,
  section,
  shown,
  textOf,
  Wrong,
} from "../field.ts";
import type { Surroundings } from "../files.ts";
import { ikeProposal } from "../ikev2-values.ts";
import {
  type AddressRange,
  address,
  addressWords,
  duration,
  durationOrNever,
  identity,
  name,
  parseRange,
} from "../values.ts";
import { certificateSection, checkKeyFits, pskOf, pskSection, trustSection } from "./credentials.ts";
import { buildChild, buildLife, checkLife, childSection, lifeShape } from "./ikev2-child.ts";
import { addressIdentity, ownIdentity } from "./phase1.ts";

export const ikePort = 500;
export const natPort = 4500;
const hourMs = 3_600_000;

/** Whom a connection is with: one address that can be called, or those that may call. */
export interface RemoteAddress extends Leaf {
  /** Undefined when only the peer can begin. */
  readonly one: string | undefined;
  /** Empty for any. */
  readonly ranges: readonly AddressRange[];
}

const remoteWords = `${addressWords}, a list of such, or the word any`;

function remoteAddress(): z.ZodType<RemoteAddress> {
  return field(remoteWords, (input): RemoteAddress => {
    if (input === "any") return { leaf: true, one: undefined, ranges: [] };
    const written = Array.isArray(input) ? input : [input];
    if (written.length === 0) throw new Wrong("names no address");
    const ranges = written.map((one: unknown) => {
      const range = parseRange(textOf(one));
      if (range === undefined) throw new Wrong(`${shown(one)} is no address; host names are not looked up`);
      return range;
    });
    const [only] = ranges;
    const one = ranges.length === 1 && only && equal(only.from, only.to) ? addressText(only.from) : undefined;
    return { leaf: true, one, ranges };
  });
}

const authentication = () => choice("psk", "certificate").optional();

/** Two UDP ports of one address: of IKE, and of IKE behind a NAT. */
export function portsSection() {
  return checked(
    section({ ike: integer(1, 65_535).default(ikePort), nat: integer(1, 65_535).default(natPort) }),
    ({ ike, nat }, report) => {
      if (ike !== undefined && ike === nat) report(["nat"], "is the port of IKE already", "a port of its own");
    },
  ).prefault({});
}

/** Where a gateway is in a REDIRECT: an address or a host name (RFC 5685 6.1). */
function gateway(): z.ZodType<string> {
  return field("an address, or a host name that the clients look up", (input) => {
    const written = textOf(input);
    if (addressOctets(written) !== undefined || /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/i.test(written)) return written;
    throw new Wrong(`${shown(input)} is neither an address nor a host name`);
  });
}

function connectionShape(around: Surroundings) {
  return section({
    name: name(),
    local: section({
      address: address().optional(),
      identity: ownIdentity().optional(),
      auth: authentication(),
      certificate: certificateSection(around, "rsa-ecdsa-ed25519").optional(),
    }).prefault({}),
    remote: section({
      address: remoteAddress(),
      ports: portsSection(),
      identity: identity().optional(),
      auth: authentication(),
      trust: trustSection(around, "rsa-ecdsa-ed25519").optional(),
    }),
    psk: pskSection(around).optional(),
    proposals: list(ikeProposal(), 1, 20).optional(),
    children: list(childSection(), 1, 64),
    signatures: section({
      rsaPadding: choice("pss", "pkcs1").default("pss"),
      rsaSha1: flag().default(false),
    }).optional(),
    start: choice("always", "manual").optional(),
    retry: growing(
      section({
        first: duration("100ms", "1h").default(5_000),
        max: duration("100ms", "24h").default(300_000),
      }),
    ).prefault({}),
    ...lifeShape(4 * hourMs),
    reauthenticate: durationOrNever("10s", "60d").default(Number.POSITIVE_INFINITY),
    liveness: durationOrNever("1s", "1d").default(30_000),
    unique: choice("replace", "keep").default("replace"),
    encapsulation: choice("auto", "force").default("auto"),
    fragmentation: flag().default(true),
    requestAddress: list(choice("ipv4", "ipv6"), 1, 2).optional(),
    pools: list(name(), 1, 100).optional(),
    redirectTo: gateway().optional(),
    followRedirect: flag().default(false),
  });
}

/** What stands in the list `connections`. */
export type ConnectionSection = z.output<ReturnType<typeof connectionShape>>;

/** One entry of `connections`. */
export function connectionSection(around: Surroundings): z.ZodType<ConnectionSection> {
  return checked(connectionShape(around), checkConnection);
}

/** What the section around a connection says for all that say nothing themselves. */
export interface Common {
  readonly identity?: ConnectionSection["local"]["identity"];
  readonly certificate?: ConnectionSection["local"]["certificate"];
  readonly trust?: ConnectionSection["remote"]["trust"];
  /** The address that it listens on, when there is one alone. */
  readonly address?: string | undefined;
}

type Side = "psk" | "certificate";

/** How each side proves who it is: as it is said, else by the pre-shared key if there is one. */
function methods(connection: Loose<ConnectionSection>): { readonly local: Side; readonly remote: Side } {
  const usual = connection.psk === undefined ? "certificate" : "psk";
  return { local: connection.local?.auth ?? usual, remote: connection.remote?.auth ?? usual };
}

function checkConnection(connection: Loose<ConnectionSection>, report: Report): void {
  const { remote, psk, children, start, requestAddress, pools, redirectTo } = connection;
  checkLife(connection, report);
  const childName = (index: number): Path => ["children", index, "name"];
  refuseRepeats(children, (child) => child.name, childName, "child", report);
  const { local: own, remote: theirs } = methods(connection);
  if (psk !== undefined && own === "certificate" && theirs === "certificate") {
    report(["psk"], "is used by neither side", "no psk, or auth: psk at one of the sides");
  }
  checkKeyFits(connection.local?.certificate, ["local"], report);
  const one = remote?.address?.one;
  if (remote?.address !== undefined && one === undefined) {
    if (start === "always") report(["start"], "there is no one address that could be called", "manual");
    if (requestAddress !== undefined) {
      report(["requestAddress"], "an address is asked for by the side that begins", "one remote.address, or pools");
    }
  }
  if (requestAddress !== undefined && pools !== undefined) {
    report(["pools"], "this side asks for an address itself", "pools, or requestAddress");
  }
  if (redirectTo !== undefined && start === "always") {
    report(["redirectTo"], "sends away who calls, and start: always calls", "start: manual");
  }
}

/** Checks a connection together with what is said for all: somebody to be, and a way to prove it for each side. */
export function checkWithin(
  connection: Loose<ConnectionSection>,
  common: Loose<Common>,
  at: Path,
  report: Report,
): void {
  const { local, remote, psk } = connection;
  const { local: own, remote: theirs } = methods(connection);
  const certificate = local?.certificate ?? common.certificate;
  const noPsk = (side: "local" | "remote") =>
    report([...at, side], "is by pre-shared key, but there is none", "a section psk");
  if (psk === undefined && own === "psk") noPsk("local");
  if (psk === undefined && theirs === "psk") noPsk("remote");
  if (own === "certificate" && certificate === undefined) {
    report(at, "there is nothing to prove the own identity with", "psk, or certificate");
  }
  if (theirs === "certificate" && (remote?.trust ?? common.trust) === undefined) {
    report(at, "there is nobody to believe the peer's certificate of", "psk, or trust with anchors");
  }
  if (theirs === "certificate" && remote?.identity === undefined && remote?.address?.one !== undefined) {
    report(
      [...at, "remote"],
      "names no identity: anybody with a certificate of the trusted authorities could pass for this peer",
      "identity: fqdn:…, dn:CN=… or an address that its certificate has",
    );
  }
  checkIdentity(connection, common, own, at, report);
}

function checkIdentity(
  { local }: Loose<ConnectionSection>,
  common: Loose<Common>,
  method: Side,
  at: Path,
  report: Report,
): void {
  const written = local?.identity ?? common.identity;
  const leaf = (local?.certificate ?? common.certificate)?.chain?.certificates[0];
  const named = written === "certificate" || (written === undefined && method === "certificate");
  if (named && method === "psk" && leaf === undefined) {
    report([...at, "local"], "takes its identity from a certificate, but there is none", "another identity");
  }
  if (written === undefined && method === "psk" && (local?.address ?? common.address) === undefined) {
    report([...at, "local"], "needs an identity: it has no address of its own", "identity: fqdn:…, for instance");
  }
  if (method === "psk" || leaf === undefined || written === undefined || written === "certificate") return;
  const why = unboundBecause(written.identity, leaf, nodeCrypto);
  if (why === undefined) return;
  const path = local?.identity === undefined ? at : [...at, "local", "identity"];
  report(path, `the peer would refuse ${written.text}: ${why}`, "an identity that the certificate has");
}

/** The policy of a checked entry. */
export function buildConnection(connection: ConnectionSection, common: Common): Connection {
  const { local, remote } = connection;
  const one = remote.address.one;
  const psk = pskOf(connection);
  return {
    name: connection.name,
    local: {
      address: local.address,
      identity: identityOf(connection, common),
      authentication: ownAuthentication(connection, common),
    },
    remote: {
      endpoint: one === undefined ? undefined : { address: one, port: remote.ports.ike },
      natPort: remote.ports.nat,
      addresses: remote.address.ranges.map(({ from, to }) => ({ from, to })),
      identity: remote.identity?.identity,
      authentication: peerAuthentication(connection, common),
    },
    ...(psk !== undefined && { psk: psk.secret }),
    ...(connection.signatures !== undefined && { signatures: connection.signatures }),
    ikeProposals: connection.proposals?.map(({ value }) => value) ?? defaultIkeProposals,
    children: connection.children.map(buildChild),
    start: connection.start ?? (one === undefined || connection.redirectTo !== undefined ? "manual" : "always"),
    retryMs: connection.retry,
    ...buildLife(connection),
    reauthenticateMs: connection.reauthenticate,
    livenessMs: connection.liveness,
    unique: connection.unique,
    encapsulation: connection.encapsulation,
    fragmentation: connection.fragmentation,
    requestAddress: connection.requestAddress ?? [],
    pools: connection.pools ?? [],
    redirectTo: connection.redirectTo,
    followRedirect: connection.followRedirect,
  };
}

function identityOf({ local, ...connection }: ConnectionSection, common: Common): Identity {
  const written = local.identity ?? common.identity;
  if (written !== undefined && written !== "certificate") return written.identity;
  const leaf = (local.certificate ?? common.certificate)?.chain.certificates[0];
  const certified = written === "certificate" || methods({ local, ...connection }).local === "certificate";
  if (certified && leaf !== undefined) return { type: IdType.ID_DER_ASN1_DN, data: leaf.subject };
  const octets = addressOctets(local.address ?? common.address ?? "");
  // the check of the section has made sure of one
  return addressIdentity(octets) ?? { type: IdType.ID_IPV4_ADDR, data: new Uint8Array(4) };
}

function ownAuthentication(connection: ConnectionSection, common: Common): LocalAuthentication {
  const certificate = connection.local.certificate ?? common.certificate;
  if (methods(connection).local === "psk" || certificate === undefined) return { method: "psk" };
  const certificates = certificate.chain.certificates.map(({ der }) => der);
  return { method: "signature", signer: certificate.key, certificates };
}

function peerAuthentication(connection: ConnectionSection, common: Common): PeerAuthentication {
  const trust = connection.remote.trust ?? common.trust;
  if (methods(connection).remote === "psk" || trust === undefined) return { method: "psk" };
  return {
    method: "signature",
    anchors: trust.anchors.flatMap(({ certificates }) => certificates.map(({ der }) => der)),
    crls: trust.crls?.flatMap(({ lists }) => lists) ?? [],
  };
}
