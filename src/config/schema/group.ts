/** A group of the key server. */
import * as z from "zod";
import type { KeyAlgorithm, Signer } from "../../crypto/provider.ts";
import type { GroupPolicy, KekPolicy, MemberRule, PushTransport } from "../../gdoi/policy.ts";
import { addressOctets } from "../../util/address.ts";
import { ackTypes, kekCipher, type PushSignature, pushSignature } from "../algorithms.ts";
import {
  checked,
  choice,
  field,
  integer,
  type Leaf,
  type Loose,
  list,
  type Report,
  refuseRepeats,
  section,
  shown,
  text,
  textOf,
  Wrong,
} from "../field.ts";
import { keyFile, type Surroundings } from "../files.ts";
import type { GeneratedSigner } from "../types.ts";
import { address, duration, groupId, name, parseName, parseRange, parseWritten, seconds, share } from "../values.ts";
import { buildTek, tekSection } from "./tek.ts";

type Rule = { readonly rule: MemberRule } & Leaf;

/** Who may join: an identity, a pattern of a subject, a subnet or a range of addresses. */
function memberRule(): z.ZodType<Rule> {
  const words = "an address, a subnet, a range, fqdn:, user:, keyid: or dn:CN=*,O=… with * for any value";
  return field(words, (input) => {
    const written = textOf(input);
    if (written.startsWith("dn:")) return { leaf: true, rule: { rule: "dn", pattern: pattern(written.slice(3)) } };
    const range = parseRange(written);
    if (range !== undefined && range.from !== range.to) {
      return { leaf: true, rule: { rule: "addresses", from: range.from, to: range.to, text: written } };
    }
    try {
      const { identity, text } = parseWritten(written);
      return { leaf: true, rule: { rule: "identity", identity, text } };
    } catch (error) {
      if (error instanceof Wrong) throw new Wrong(`${shown(input)} names nobody`, words);
      throw error;
    }
  });
}

/** @throws Wrong unless every part is TYPE=VALUE, TYPE=* or *. */
function pattern(text: string): string {
  for (const part of text.split(/(?<!\\),/)) {
    if (part.trim() !== "*") parseName(part.replace(/=\s*\*\s*$/, "=any"));
  }
  return text;
}

function kekShape(around: Surroundings) {
  const key = section({ generated: z.literal(true).optional(), file: keyFile(around).optional() });
  return section({
    cipher: kekCipher().default(256),
    lifetime: seconds("10s", "365d").default(86_400),
    management: choice("none", "lkh").default("none"),
    acknowledge: choice("none", "kek-sha256", "lkh-sha256", "kek-sha512", "lkh-sha512").optional(),
    signature: checked(
      section({
        algorithm: pushSignature().prefault("ecdsa-256"),
        key: z.preprocess((input) => (input === "generated" ? { generated: true } : input), key).prefault("generated"),
      }),
      (signature, report) => {
        const { algorithm, key: source } = signature;
        if (source !== undefined && source.generated === undefined && !("file" in source)) {
          report(["key"], "names no source", "the word generated, or file: NAME");
        }
        if (algorithm !== undefined && source?.file !== undefined && !fits(algorithm, source.file.algorithm)) {
          report(["key", "file"], `is no key for ${algorithm.name}`, "a key of that algorithm, or another algorithm");
        }
      },
    ).prefault({}),
  });
}

function fits({ generated }: PushSignature, key: KeyAlgorithm): boolean {
  if (key.kind === "rsa") return generated === "rsa-3072";
  return key.kind === "ecdsa" && generated === `ecdsa-${key.curve.slice(2)}`;
}

function pushShape() {
  return section({
    transport: choice("unicast", "multicast").default("unicast"),
    address: address().optional(),
    port: integer(1, 65_535).default(848),
    interface: text("the name or an address of a network interface").optional(),
    ttl: integer(1, 255).default(16),
    maxOctets: integer(576, 65_000, "octets").default(1_400),
  });
}

function ackShape() {
  return section({
    retransmit: list(duration("100ms", "10m"), 0, 20).default([5_000, 10_000, 20_000]),
    missingAfter: duration("10s", "24h").default(30_000),
    whenMissing: choice("log", "alert", "remove").default("alert"),
    removeAfter: integer(1, 1_000).default(3),
    grace: duration("0s", "1h").default(30_000),
  });
}

function groupShape(around: Surroundings) {
  return section({
    name: name(),
    id: groupId(),
    members: list(memberRule(), 1),
    kek: checked(kekShape(around), ({ acknowledge, management, cipher }, report) => {
      if (cipher === 192 && management === "lkh") {
        report(["cipher"], "does not fit a key tree, whose keys are whole cipher blocks", "aes-cbc-128 or aes-cbc-256");
      }
      if (acknowledge?.startsWith("lkh") && management === "none") {
        report(["acknowledge"], `${acknowledge} needs a key tree`, "kek-sha256 or kek-sha512, or management: lkh");
      }
    }).prefault({}),
    teks: list(tekSection(), 1, 16),
    renew: share(1, 90).default(0.2),
    activationDelay: seconds("0s", "65535s").optional(),
    deactivationDelay: seconds("0s", "65535s").optional(),
    sidBits: field("8, 12 or 16 (RFC 6054)", (input) => {
      if (input === 8 || input === 12 || input === 16) return input;
      throw new Wrong(`${shown(input)} is no width of a Sender-ID`);
    }).default(16),
    push: pushShape().prefault({}),
    acknowledgements: ackShape().prefault({}),
  });
}

/** What stands in the list `keyServer.groups`. */
export type GroupSection = z.output<ReturnType<typeof groupShape>>;

/** One entry of `keyServer.groups`. */
export function groupSection(around: Surroundings): z.ZodType<GroupSection> {
  return checked(groupShape(around), checkGroup);
}

function checkGroup(group: Loose<GroupSection>, report: Report): void {
  const { teks, push, acknowledgements, kek, activationDelay, deactivationDelay, renew } = group;
  refuseRepeats(
    teks,
    (tek) => tek.name,
    (index) => ["teks", index, "name"],
    "TEK",
    report,
  );
  checkPush(push, report);
  acknowledgements?.retransmit?.forEach((after, index, all) => {
    const before = all[index - 1];
    if (after !== undefined && before !== undefined && after <= before) {
      report(
        ["acknowledgements", "retransmit", index],
        "is not later than the one before",
        "times that ascend, counted from the first send",
      );
    }
  });
  if (acknowledgements?.whenMissing === "remove" && kek?.acknowledge === "none") {
    report(
      ["acknowledgements", "whenMissing"],
      "nobody is asked for acknowledgements",
      "kek.acknowledge other than none",
    );
  }
  const shortest = Math.min(...(teks ?? []).map((tek) => tek?.lifetime ?? Number.POSITIVE_INFINITY));
  if (activationDelay !== undefined && renew !== undefined && activationDelay > shortest * renew) {
    const left = Math.floor(shortest * renew);
    report(
      ["activationDelay"],
      "new keys would become active after the old ones have ended",
      `at most ${left}s, which is what \`renew\` leaves`,
    );
  }
  if (activationDelay !== undefined && deactivationDelay !== undefined && deactivationDelay < activationDelay) {
    report(["deactivationDelay"], "old keys would end before new ones are active", "a time not below activationDelay");
  }
}

function checkPush(push: Loose<GroupSection["push"]> | undefined, report: Report): void {
  const octets = push?.address === undefined ? undefined : addressOctets(push.address);
  if (push?.transport === "multicast" && !push.address) {
    report(["push"], "multicast needs an address", "address: 239.192.1.1, for instance");
  }
  if (push?.transport === "unicast" && octets !== undefined) {
    report(
      ["push", "address"],
      "unicast pushes go to the members' own addresses",
      "no address, or transport: multicast",
    );
  }
  const multicast = octets?.length === 4 ? ((octets[0] ?? 0) & 0xf0) === 0xe0 : octets?.[0] === 0xff;
  if (push?.transport === "multicast" && octets !== undefined && !multicast) {
    report(["push", "address"], `${push.address} is no multicast address`, "an address in 224.0.0.0/4 or ff00::/8");
  }
}

/** The policy of a checked entry. */
export function buildGroup(group: GroupSection): GroupPolicy {
  const { acknowledgements: acks, push } = group;
  return {
    name: group.name,
    id: group.id.identity,
    members: group.members.map(({ rule }) => rule),
    kek: buildKek(group),
    teks: group.teks.map(buildTek),
    renewAtRemaining: group.renew,
    ...(group.activationDelay !== undefined && { activationDelaySeconds: group.activationDelay }),
    ...(group.deactivationDelay !== undefined && { deactivationDelaySeconds: group.deactivationDelay }),
    sidBits: group.sidBits,
    push: buildPush(push),
    acks: {
      retransmitAfterMs: acks.retransmit,
      missingAfterMs: acks.missingAfter,
      whenMissing: acks.whenMissing,
      removeAfterRekeys: acks.removeAfter,
      graceMs: acks.grace,
    },
    maxPushOctets: push.maxOctets,
  };
}

function buildPush(push: GroupSection["push"]): PushTransport {
  if (push.transport === "unicast" || push.address === undefined) return { transport: "unicast" };
  return {
    transport: "multicast",
    address: push.address,
    port: push.port,
    ...(push.interface !== undefined && { interface: push.interface }),
    ttl: push.ttl,
  };
}

function buildKek({ kek, name: group }: GroupSection): KekPolicy {
  const { algorithm, key } = kek.signature;
  const ack = ackTypes[kek.acknowledge ?? (kek.management === "lkh" ? "lkh-sha256" : "kek-sha256")];
  return {
    keyBits: kek.cipher,
    lifetimeSeconds: kek.lifetime,
    management: kek.management,
    ...(ack !== undefined && { ack }),
    signature: {
      algorithm: algorithm.algorithm,
      hash: algorithm.hash,
      signer: key.file ?? placeholder(algorithm, group),
    },
  };
}

/** Stands for a key that is in the store, until the daemon puts that in its place. */
function placeholder({ generated }: PushSignature, group: string): Signer {
  const bits = Number(generated.slice(generated.indexOf("-") + 1));
  const curve = bits === 256 ? "P-256" : bits === 384 ? "P-384" : "P-521";
  return {
    algorithm: generated === "rsa-3072" ? { kind: "rsa", bits } : { kind: "ecdsa", curve },
    publicKey: new Uint8Array(),
    sign() {
      throw new Error(`the signing key of ${group} has not been taken out of the store`);
    },
  };
}

/** Whether the group's signing key is left to the daemon, and which kind it is. */
export function generatedSigner({ name: group, kek }: GroupSection): GeneratedSigner | undefined {
  const { algorithm, key } = kek.signature;
  return key.file === undefined ? { group, algorithm: algorithm.generated } : undefined;
}
