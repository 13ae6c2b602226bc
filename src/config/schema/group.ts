/** A group of the key server. */
import type * as z from "zod";
import { type Identity, readOidIdentity } from "../../core/identity.ts";
import { MOST_LEAVES } from "../../gdoi/lkh/tree.ts";
import type { GroupPolicy, MemberRule, PushTransport } from "../../gdoi/policy.ts";
import { IdType } from "../../iana/isakmp.ts";
import { addressOctets } from "../../util/address.ts";
import { hex } from "../../util/octets.ts";
import {
  checked,
  choice,
  field,
  flag,
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
import type { Surroundings } from "../files.ts";
import {
  address,
  duration,
  groupId,
  name,
  parseName,
  parseRange,
  parseWritten,
  percent,
  seconds,
  share,
} from "../values.ts";
import { buildKek, checkSignature, kekSection } from "./kek.ts";
import { checkProfileGroup, profileField } from "./profile.ts";
import { buildTek, tekSection } from "./tek.ts";
import type { Iec61850Section } from "./tek-iec61850.ts";

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
    profile: profileField(),
    kek: kekSection(around).prefault({}),
    teks: list(tekSection(), 1, 16),
    renew: share(1, 90).default(0.2),
    activationDelay: seconds("0s", "65535s").optional(),
    deactivationDelay: seconds("0s", "65535s").optional(),
    sidBits: field("8, 12 or 16 (RFC 6054)", (input) => {
      if (input === 8 || input === 12 || input === 16) return input;
      throw new Wrong(`${shown(input)} is no width of a Sender-ID`);
    }).default(16),
    handOutNext: flag().optional(),
    assurance: section({
      level: percent(1, 100),
      publishers: list(memberRule(), 1),
      announce: flag().default(false),
    }).optional(),
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
  const listed = group.members?.filter((member) => member?.rule?.rule === "identity").length ?? 0;
  if (kek?.management === "lkh" && listed > MOST_LEAVES) {
    report(
      ["members"],
      `are ${listed}, more than a key tree has leaves`,
      `at most ${MOST_LEAVES}, or management: none`,
    );
  }
  checkPush(push, report);
  checkSignature(group, report);
  checkStreams(group, report);
  checkProfileGroup(group, report);
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

/** Lifetimes and delays travel in whole seconds: the old key may end a second early, and the next begin a second late. */
const leastOverlapSeconds = 2;

/** OID and selector, of the group's identity when the TEK names none. */
function streamOf({ oid, selector }: Loose<Iec61850Section>, group: Identity | undefined): string {
  const named = oid === undefined ? group && readOidIdentity(group) : { oid, oidSpecificPayload: selector };
  return `${hex(named?.oid ?? new Uint8Array())};${hex(named?.oidSpecificPayload ?? new Uint8Array())}`;
}

/** What only TEKs of IEC 61850 can have. */
function checkStreams(group: Loose<GroupSection>, report: Report): void {
  const { teks, id, handOutNext, assurance, kek, renew, profile } = group;
  const ofGroup = id?.identity?.type === IdType.ID_OID;
  const streams = new Set<string>();
  teks?.forEach((tek, index) => {
    if (tek?.protocol !== "iec-61850") return;
    if (!("oid" in tek) && id !== undefined && !ofGroup) {
      report(["teks", index], "names no stream", "an oid, or one in the group's id: oid:…");
    }
    const stream = streamOf(tek, id?.identity);
    if (streams.has(stream))
      report(["teks", index], "is for the same stream as an earlier TEK", "one TEK for a stream");
    streams.add(stream);
  });
  const others = (teks ?? []).findIndex((tek) => tek?.protocol === "esp" || tek?.protocol === "ah");
  if (handOutNext === true && others >= 0) {
    report(
      ["handOutNext"],
      `TEK ${teks?.[others]?.name ?? others} cannot be handed out before its time: ESP and AH have no activation delay of their own`,
      "TEKs of iec-61850 alone, or false",
    );
  }
  const next = handOutNext ?? (profile !== undefined && others < 0);
  const shortest = Math.min(...(teks ?? []).map((tek) => tek?.lifetime ?? Number.POSITIVE_INFINITY));
  if (next && renew !== undefined && shortest * renew < leastOverlapSeconds) {
    const message = `of ${shortest}s leaves less than ${leastOverlapSeconds}s in which old and next keys overlap`;
    report(["renew"], message, `at least ${Math.ceil((100 * leastOverlapSeconds) / shortest)}%, or longer lifetimes`);
  }
  if (assurance !== undefined && !(teks ?? []).some((tek) => tek?.protocol === "iec-61850")) {
    report(["assurance"], "only TEKs of IEC 61850 can tell of key delivery (RFC 8052 2.2.4.2)", "protocol: iec-61850");
  }
  if (assurance !== undefined && kek?.acknowledge === "none") {
    report(["assurance"], "nobody is asked for acknowledgements of keys", "kek.acknowledge other than none");
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
    teks: group.teks.map((tek) => buildTek(tek, group.id.identity)),
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
    ...(group.profile !== undefined && { profile: group.profile }),
    ...(handsOutNext(group) && { handOutNext: true }),
    ...(group.assurance !== undefined && {
      assurance: {
        levelPercent: group.assurance.level,
        publishers: group.assurance.publishers.map(({ rule }) => rule),
        announce: group.assurance.announce,
      },
    }),
  };
}

/** On in the profile unless it is said otherwise, where the TEKs can have it. */
function handsOutNext({ handOutNext, profile, teks }: GroupSection): boolean {
  return handOutNext ?? (profile !== undefined && teks.every(({ protocol }) => protocol === "iec-61850"));
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
