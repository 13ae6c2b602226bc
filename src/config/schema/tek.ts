/** A Data-Security SA of a group (RFC 6407 5.5, RFC 8052 2.2). */
import type * as z from "zod";
import type { Identity } from "../../core/identity.ts";
import type { IpsecTekPolicy, TekPolicy } from "../../gdoi/policy.ts";
import { AddressPreservation, SaDirection } from "../../iana/ipsec.ts";
import { IpProtocol } from "../../iana/isakmp.ts";
import { espCipher, integrity } from "../algorithms.ts";
import { checked, choice, field, integer, type Loose, type Report, section, shown, Wrong } from "../field.ts";
import { type AddressRange, addressRange, addressWords, name, rangeIdentity, seconds } from "../values.ts";
import { buildIec61850, checkIec61850, iec61850Shape } from "./tek-iec61850.ts";

const ipProtocols: ReadonlyMap<string, number> = new Map([
  ["any", IpProtocol.ANY],
  ["udp", IpProtocol.UDP],
  ["tcp", IpProtocol.TCP],
  ["icmp", IpProtocol.ICMP],
  ["icmpv6", IpProtocol.ICMPV6],
]);
const preservations = {
  none: AddressPreservation.NONE,
  source: AddressPreservation.SOURCE_ONLY,
  destination: AddressPreservation.DESTINATION_ONLY,
  both: AddressPreservation.SOURCE_AND_DESTINATION,
};
const directions = {
  sender: SaDirection.SENDER_ONLY,
  receiver: SaDirection.RECEIVER_ONLY,
  symmetric: SaDirection.SYMMETRIC,
};

function ipProtocol(): z.ZodType<number> {
  return field("any, udp, tcp, icmp, icmpv6 or a number from 0 to 255", (input) => {
    const number = typeof input === "number" ? input : ipProtocols.get(String(input));
    if (number === undefined || !Number.isInteger(number) || number < 0 || number > 255) {
      throw new Wrong(`${shown(input)} is no IP protocol`);
    }
    return number;
  });
}

const port = () => integer(0, 65_535);

/** What TEKs of ESP and AH have. */
function ipsecShape() {
  return {
    cipher: espCipher().optional(),
    integrity: integrity().optional(),
    source: addressRange().optional(),
    destination: addressRange().optional(),
    ipProtocol: ipProtocol().optional(),
    sourcePort: port().optional(),
    destinationPort: port().optional(),
    mode: choice("tunnel", "transport").optional(),
    addressPreservation: choice("none", "source", "destination", "both").optional(),
    direction: choice("sender", "receiver", "symmetric").optional(),
  };
}

const namesOf = { ipsec: Object.keys(ipsecShape()), iec61850: Object.keys(iec61850Shape()) };

function tekShape() {
  return section({
    name: name(),
    protocol: choice("esp", "ah", "iec-61850").default("esp"),
    ...ipsecShape(),
    ...iec61850Shape(),
    lifetime: seconds("10s", "365d").default(3_600),
  });
}

/** What stands in the list `teks`. */
export type TekSection = z.output<ReturnType<typeof tekShape>>;

/** One entry of `teks`. */
export function tekSection(): z.ZodType<TekSection> {
  return checked(tekShape(), checkTek);
}

function checkTek(tek: Loose<TekSection>, report: Report): void {
  const { protocol } = tek;
  const foreign = protocol === "iec-61850" ? namesOf.ipsec : namesOf.iec61850;
  for (const [name, value] of Object.entries(tek)) {
    if (!foreign.includes(name) || value === undefined) continue;
    const own = protocol === "iec-61850" ? "protocol: esp or ah" : "protocol: iec-61850";
    report([name], `does not belong to a TEK of ${protocol}`, `nothing, or ${own}`);
  }
  if (protocol === "iec-61850") checkIec61850(tek, report);
  else checkIpsec(tek, report);
}

function checkIpsec(tek: Loose<TekSection>, report: Report): void {
  const { protocol, cipher, source, destination } = tek;
  if (!("destination" in tek)) report(["destination"], "is missing", addressWords);
  const integrities = "sha2-256-128, sha2-384-192 or sha2-512-256";
  if (protocol === "ah") {
    if (cipher !== undefined) report(["cipher"], "AH does not encrypt", "no cipher, or protocol: esp");
    if (tek.integrity === undefined) report([], "AH needs an integrity algorithm", `integrity: ${integrities}`);
  } else if (cipher === undefined) {
    report([], "ESP needs a cipher", "cipher: aes-gcm-16-128, for instance");
  } else if (cipher.combined && tek.integrity !== undefined) {
    report(["integrity"], `${cipher.name} authenticates by itself`, "no integrity algorithm");
  } else if (!cipher.combined && tek.integrity === undefined) {
    report(
      ["cipher"],
      `${cipher.name} does not authenticate by itself`,
      `integrity: ${integrities}, or aes-gcm-16-128`,
    );
  }
  if (source !== undefined && destination !== undefined && source.from.length !== destination.from.length) {
    report(["source"], "source and destination are of different IP versions", "two of the same version");
  }
  const withPorts = tek.ipProtocol === IpProtocol.UDP || tek.ipProtocol === IpProtocol.TCP;
  for (const where of ["sourcePort", "destinationPort"] as const) {
    if (!withPorts && (tek[where] ?? 0) !== 0)
      report([where], "ports need a protocol that has them", "ipProtocol: udp or tcp");
  }
  if (tek.mode === "transport" && tek.addressPreservation !== undefined) {
    report(["addressPreservation"], "there are no outer addresses in transport mode", "mode: tunnel, or nothing");
  }
}

/** The policy of a checked entry in a group of that identity. */
export function buildTek(tek: TekSection, group: Identity): TekPolicy {
  return tek.protocol === "iec-61850" ? buildIec61850(tek, group) : buildIpsec(tek);
}

function buildIpsec(tek: TekSection): IpsecTekPolicy {
  const { cipher, integrity: authentication } = tek;
  // the check of the section has made sure of a destination
  const destination = tek.destination ?? everything();
  const esp = tek.protocol === "esp";
  return {
    name: tek.name,
    protocolId: esp ? 1 : 2,
    transformId: (esp ? cipher?.transformId : authentication?.ahTransform) ?? 0,
    ...(esp && cipher?.keyBits !== undefined && { keyBits: cipher.keyBits }),
    algorithmKeyOctets: esp ? (cipher?.algorithmKeyOctets ?? 0) : 0,
    ...(authentication !== undefined && {
      authentication: { algorithm: authentication.algorithm, keyOctets: authentication.keyOctets },
    }),
    counterMode: esp && cipher?.counterMode === true,
    protocol: tek.ipProtocol ?? IpProtocol.ANY,
    source: selector(tek.source ?? everything(destination), tek.sourcePort ?? 0),
    destination: selector(destination, tek.destinationPort ?? 0),
    mode: tek.mode === "transport" ? 2 : 1,
    ...(tek.addressPreservation !== undefined && { addressPreservation: preservations[tek.addressPreservation] }),
    ...(tek.direction !== undefined && { direction: directions[tek.direction] }),
    lifetimeSeconds: tek.lifetime,
  };
}

function selector(range: AddressRange, ofPort: number): IpsecTekPolicy["source"] {
  const { type, data } = rangeIdentity(range);
  return { idType: type, port: ofPort, data };
}

/** All addresses of the same IP version. */
function everything(like?: AddressRange): AddressRange {
  const zeros = new Uint8Array(like?.from.length ?? 4);
  return { leaf: true, from: zeros, to: zeros.map(() => 0xff), prefix: 0, text: "any" };
}
