/** One GROUPKEY-PULL as initiator (RFC 6407 3.2, 3.3): its four messages and their retransmission. */
import type { Datagram } from "../../core/engine.ts";
import { retransmissionDelay } from "../../core/retransmission.ts";
import { Doi } from "../../iana/isakmp.ts";
import type { Header, Payload } from "../../wire/payloads.ts";
import { type KeyDownload, readKd } from "../key-packets.ts";
import { buildSidRequest } from "../policy-payloads.ts";
import { buildPull, firstIv, NONCE_OCTETS, type OpenedPull, openPull, pullHashFits } from "../pull.ts";
import type { PolicyError } from "../refusal.ts";
import { type GroupContents, type KekInstall, matchKek, matchTeks, readContents, type TekInstall } from "./download.ts";
import { releaseKept } from "./expiry.ts";
import { count, report } from "./report.ts";
import type { Attempt, Gm, Group, Pull } from "./state.ts";

const OWN_NONCE_OCTETS = 32;

type Running = Extract<Attempt, { at: "pull" }>;

/** What a whole exchange brought, judged and not yet taken over. */
export interface Download {
  readonly contents: GroupContents;
  readonly kek: KekInstall | undefined;
  readonly seq: number;
  readonly teks: readonly TekInstall[];
  readonly keys: KeyDownload;
  /** SIDs that were asked for. */
  readonly asked: number;
}

/**
 * What becomes of the Phase 1 SA after a failure: it is kept, deleted, or deleted and the same key server asked again
 * under a new one if this one was from earlier.
 */
export type Phase1After = "keep" | "delete" | "renew";

export type PullOutcome =
  | { readonly is: "wait" }
  | { readonly is: "fail"; readonly error: string; readonly phase1: Phase1After }
  | { readonly is: "done"; readonly download: Download };

/** Sends message 1: HASH(1), Ni, ID. */
export function startPull(gm: Gm, group: Group, attempt: Extract<Attempt, { at: "queued" }>): void {
  const { env } = gm;
  const { sa, why, server, repeats, reused } = attempt;
  const messageId = freshMessageId(gm);
  const ni = env.random.octets(OWN_NONCE_OCTETS);
  const { id } = group.config;
  const payloads: Payload[] = [
    { kind: "NONCE", data: ni },
    { kind: "ID", idType: id.type, protocolId: 0, port: 0, data: id.data },
  ];
  const { datagram, nextIv: iv } = buildPull(sa, env, messageId, [], payloads, firstIv(sa, messageId, env));
  const pull: Pull = { sa, messageId, ni, expects: 2, iv, datagram, sent: 0, pushesBefore: group.pushesAccepted };
  group.attempt = { at: "pull", why, server, repeats, reused, pull };
  send(gm, group, pull);
}

function freshMessageId(gm: Gm): number {
  for (;;) {
    const [a = 0, b = 0, c = 0, d = 0] = gm.env.random.octets(4);
    const id = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    const used = [...gm.groups.values()].some((g) => g.attempt?.at === "pull" && g.attempt.pull.messageId === id);
    if (id !== 0 && !used) return id;
  }
}

function send(gm: Gm, group: Group, pull: Pull): void {
  pull.sent += 1;
  gm.out.push({ out: "send", from: pull.sa.local, to: pull.sa.remote, bytes: pull.datagram });
  const delay = retransmissionDelay(gm.policy.phase1.retransmission, pull.sent);
  gm.deadlines.set(`pull:${group.name}`, gm.env.now + delay);
}

/**
 * A key server that started anew knows nothing of an earlier Phase 1 SA, and no clear answer of its can be believed: so
 * often message 1 is sent under one before a new one is made.
 */
const TRIES_UNDER_EARLIER_SA = 3;

/** Sends the last message again; fails when that was done often enough. */
export function repeatPull(gm: Gm, group: Group, attempt: Running): PullOutcome {
  const { pull } = attempt;
  const { tries } = gm.policy.phase1.retransmission;
  const unproven = attempt.reused && pull.expects === 2;
  if (pull.sent < (unproven ? Math.min(tries, TRIES_UNDER_EARLIER_SA) : tries)) {
    count(gm, "pull.retransmitted");
    send(gm, group, pull);
    return { is: "wait" };
  }
  const error = `the key server ${pull.sa.peerName} does not answer message ${pull.expects - 1} of GROUPKEY-PULL`;
  return { is: "fail", error, phase1: "renew" };
}

/** Takes message 2 or 4. What does not open, or whose HASH does not fit, is dropped and changes nothing. */
export function receivePull(gm: Gm, group: Group, attempt: Running, datagram: Datagram, header: Header): PullOutcome {
  const { pull } = attempt;
  const { sa, messageId, ni, agreed } = pull;
  const opened = openPull(sa, gm.env, header, datagram.bytes, pull.iv);
  const nonces = agreed === undefined ? [ni] : [ni, agreed.nr];
  if (!opened.ok || !pullHashFits(sa, gm.env, messageId, nonces, opened.value)) {
    count(gm, opened.ok ? "drop.pull-hash" : "drop.pull-malformed");
    return { is: "wait" };
  }
  return agreed === undefined
    ? message2(gm, group, attempt, opened.value)
    : message4(gm, group, pull, agreed, opened.value);
}

/** HASH(2), Nr, SA: judges the policy and answers with message 3: HASH(3) [,GAP]. */
function message2(gm: Gm, group: Group, attempt: Running, opened: OpenedPull): PullOutcome {
  const { pull } = attempt;
  const [nonce, sa, ...rest] = opened.payloads;
  if (nonce?.kind !== "NONCE" || sa?.kind !== "GDOI-SA" || rest.length > 0) {
    return { is: "fail", error: "message 2 of GROUPKEY-PULL is not HASH, Nr, SA", phase1: "delete" };
  }
  const nr = nonce.data.slice();
  if (nr.length < NONCE_OCTETS.least || nr.length > NONCE_OCTETS.most) {
    return { is: "fail", error: `Nr has ${nr.length} octets`, phase1: "delete" };
  }
  const contents = readContents(sa, "pull");
  if (!contents.ok) return unacceptable(gm, group, pull, contents.error);
  const counterMode = contents.value.teks.some((tek) => tek.counterMode);
  // asking for one is not necessary (RFC 6407 3.5)
  const asked = counterMode && group.config.sids > 1 && !group.oneSid ? group.config.sids : 1;
  const payloads = asked > 1 ? [buildSidRequest(asked)] : [];
  const { datagram, nextIv: iv } = buildPull(pull.sa, gm.env, pull.messageId, [pull.ni, nr], payloads, opened.nextIv);
  const next: Pull = { ...pull, expects: 4, iv, datagram, sent: 0, agreed: { nr, contents: contents.value, asked } };
  group.attempt = { ...attempt, pull: next };
  send(gm, group, next);
  return { is: "wait" };
}

/** HASH(4), [SEQ,] KD. */
function message4(
  gm: Gm,
  group: Group,
  pull: Pull,
  agreed: NonNullable<Pull["agreed"]>,
  opened: OpenedPull,
): PullOutcome {
  const { contents, asked } = agreed;
  const [first] = opened.payloads;
  const seq = first?.kind === "SEQ" ? first : undefined;
  const [kd, ...rest] = seq === undefined ? opened.payloads : opened.payloads.slice(1);
  if (kd?.kind !== "KD" || rest.length > 0 || (seq === undefined) !== (contents.rekey === undefined)) {
    return { is: "fail", error: "message 4 of GROUPKEY-PULL is not HASH, [SEQ,] KD", phase1: "delete" };
  }
  const keys = readKd(kd, "pull");
  if (!keys.ok) return unacceptable(gm, group, pull, keys.error);
  const kek = matchKek(contents.rekey, keys.value, undefined, gm.env);
  if (!kek.ok) return unacceptable(gm, group, pull, kek.error);
  const teks = matchTeks(contents, keys.value, "pull");
  if (!teks.ok) return unacceptable(gm, group, pull, teks.error);
  if (kek.value.kek === "not-for-us") {
    return { is: "fail", error: "the LKH packet has no download array", phase1: "delete" };
  }
  const download: Download = {
    contents,
    kek: kek.value.kek === "new" ? kek.value : undefined,
    seq: seq?.sequenceNumber ?? 0,
    teks: teks.value,
    keys: keys.value,
    asked,
  };
  return { is: "done", download };
}

/** Tells the key server what is wrong, and tears Phase 1 down (RFC 6407 3.3): the D follows when the SA is dropped. */
function unacceptable(gm: Gm, group: Group, pull: Pull, error: PolicyError): PullOutcome {
  const { sa } = pull;
  releaseKept(gm, group);
  const spi = new Uint8Array(0);
  const data = new Uint8Array(0);
  gm.phase1.inform(
    sa,
    [{ kind: "N", doi: Doi.GDOI, protocolId: 0, spi, notifyType: error.notify, data }],
    gm.env,
    gm.out,
  );
  const figures = { keyServer: sa.peerName, code: error.code, section: error.section };
  const { message: reason } = error;
  report(gm, group.name, "gm.policy-unacceptable", { cause: "policy", level: "alert", reason, figures });
  return { is: "fail", error: `the policy of ${sa.peerName} is not acceptable: ${reason}`, phase1: "delete" };
}
