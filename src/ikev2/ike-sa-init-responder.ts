/**
 * IKE_SA_INIT as responder (RFC 7296 1.2, 2.6): anybody can send the first message, so what it costs is bounded before
 * anything is computed, and a refusal leaves no trace.
 */
import type { Datagram } from "../core/engine.ts";
import { ExchangeType, Flag, NotifyType } from "../iana/ikev2.ts";
import { hex } from "../util/octets.ts";
import { encodeMessage } from "../wire/ikev2/message.ts";
import type { Header, KePayload, NoncePayload, Payload, ReceivedPayload, SaPayload } from "../wire/ikev2/payloads.ts";
import { notify, notifyOf, payloadOf } from "./contents.ts";
import {
  abilities,
  detectNat,
  isNonce,
  NONCE_OCTETS,
  natDetection,
  peerHashes,
  secure,
  sharedSecret,
} from "./ike-sa-init.ts";
import { invalidKe } from "./key-exchange.ts";
import { initialIkeKeys } from "./keys.ts";
import { requestCertificates, serves } from "./proof.ts";
import { answer, type Choice, chooseIke, groupToAskFor } from "./proposals.ts";
import { redirectNotify } from "./redirect.ts";
import { gatewayForAll, redirectable, tellSentOn } from "./redirection.ts";
import { count, drop } from "./report.ts";
import { addIkeSa } from "./sa-life.ts";
import { freshSpi } from "./spis.ts";
import type { ConnectionState, Ikev2 } from "./state.ts";
import type { IkeSuite } from "./suite.ts";
import { send } from "./transmit.ts";
import { mayRepeat } from "./window.ts";

/**
 * A first message is kept until the exchange is over, for its octets are signed: no more than this of a stranger. 3000 octets
 * are what an implementation should take (RFC 7296 2).
 */
const MOST_OCTETS = 8192;

/** A first message, and what is in it. */
interface First {
  readonly datagram: Datagram;
  readonly header: Header;
  readonly payloads: readonly ReceivedPayload[];
  readonly offered: SaPayload;
  readonly ke: KePayload;
  readonly nonce: NoncePayload;
}

/** The first message of somebody, repeated or new. */
export function initRequested(
  ike: Ikev2,
  datagram: Datagram,
  header: Header,
  payloads: readonly ReceivedPayload[],
): void {
  const { from } = datagram;
  const digest = firstDigest(ike, datagram);
  const begun = ike.halfOpen.begunBy(digest);
  if (begun !== undefined) {
    repeatAnswer(ike, begun, datagram);
    return;
  }
  if (ike.closing) return;
  if (datagram.bytes.length > MOST_OCTETS) {
    drop(ike, "too-large", `an IKE_SA_INIT of ${datagram.bytes.length} octets`, from);
    return;
  }
  const [offered, ke, nonce] = [payloadOf(payloads, "SA"), payloadOf(payloads, "KE"), payloadOf(payloads, "NONCE")];
  if (offered === undefined || ke === undefined || nonce === undefined) return;
  if (!isNonce(nonce.data)) {
    drop(ike, "nonce", `a nonce has 16 to 256 octets, not ${nonce.data.length}`, from);
    return;
  }
  const first: First = { datagram, header, payloads, offered, ke, nonce };
  const candidates = candidatesFor(ike, datagram);
  if (candidates.length === 0) {
    drop(ike, "no-connection", "no connection is configured for this address", from);
    answerInClear(ike, first, [notify(NotifyType.NO_PROPOSAL_CHOSEN)]);
    return;
  }
  if (mayBegin(ike, first)) begin(ike, first, candidates, digest);
}

/** The same message from the same place is the same request (RFC 7296 2.1). */
function firstDigest({ env: { crypto } }: Ikev2, { from, bytes }: Datagram): string {
  return `${from.address} ${from.port} ${hex(crypto.hash("sha256", bytes))}`;
}

function repeatAnswer(ike: Ikev2, key: string, { from, via }: Datagram): void {
  const sa = ike.ikeSas.get(key);
  count(ike, "repeated");
  if (sa?.phase.at === "SA_INIT_ANSWERED" && mayRepeat(sa.window)) send(ike, [sa.phase.init.response], via, from);
}

/** Connections that somebody at this address may be, for the socket that the message came by. */
function candidatesFor(ike: Ikev2, { from, via }: Datagram): ConnectionState[] {
  return [...ike.connections.values()].filter(({ config }) => serves(config, from, via));
}

/** Whether there is room for one more half-open IKE SA, and the peer has shown that it receives where it sends from. */
function mayBegin(ike: Ikev2, first: First): boolean {
  const { halfOpen, policy, cookies, env } = ike;
  const { from } = first.datagram;
  const { total, perSource, cookieFrom } = policy.halfOpen;
  if (halfOpen.size >= cookieFrom) {
    const claim = { nonce: first.nonce.data, address: from.address, spiI: first.header.spiI };
    const given = notifyOf(first.payloads, NotifyType.COOKIE);
    if (given === undefined || !cookies.holds(given.data, claim, env)) {
      count(ike, "cookie-demanded");
      answerInClear(ike, first, [notify(NotifyType.COOKIE, cookies.make(claim, env))]);
      return false;
    }
  }
  if (halfOpen.size < total && halfOpen.from(from.address) < perSource) return true;
  const whose = halfOpen.size < total ? "of this address" : "in all";
  drop(ike, "too-many-half-open", `as many IKE SAs as may be are half-open ${whose}`, from);
  return false;
}

function begin(ike: Ikev2, first: First, candidates: readonly ConnectionState[], digest: string): void {
  const { datagram, offered, ke } = first;
  const { from, via } = datagram;
  const gateway = gatewayForAll(candidates, redirectable(first.payloads), via.address);
  if (gateway !== undefined) {
    for (const connection of candidates.slice(0, 1)) tellSentOn(ike, connection, from, gateway);
    answerInClear(ike, first, [redirectNotify(gateway, first.nonce.data)]);
    return;
  }
  const choice = chooseIke(
    offered,
    candidates.flatMap(({ config }) => config.ikeProposals),
    0,
    ke.group,
  );
  if (!choice.ok) {
    drop(ike, "no-proposal", choice.error, from);
    answerInClear(ike, first, [notify(NotifyType.NO_PROPOSAL_CHOSEN)]);
    return;
  }
  const wanted = groupToAskFor(choice.value, ke.group);
  if (wanted !== undefined) {
    count(ike, "other-group");
    answerInClear(ike, first, [invalidKe(wanted)]);
    return;
  }
  accept(ike, first, choice.value, candidates, digest);
}

const childlessSupported = notify(NotifyType.CHILDLESS_IKEV2_SUPPORTED);

/** HDR, SAr1, KEr, Nr, [CERTREQ], [N+] */
function accept(
  ike: Ikev2,
  { datagram, header, payloads, ke, nonce }: First,
  choice: Choice<IkeSuite>,
  candidates: readonly ConnectionState[],
  digest: string,
): void {
  const { env } = ike;
  const { from, via, bytes } = datagram;
  const { suite } = choice;
  const own = env.crypto.keyExchange(suite.group.id);
  const secret = sharedSecret(own, ke.data);
  if (secret === undefined) {
    drop(ike, "bad-public-value", "the initiator's public value is not one of its group", from);
    return;
  }
  const spiI = header.spiI.slice();
  const spiR = freshSpi(ike, 8);
  const spis = { initiator: spiI, responder: spiR };
  const nonces = { initiator: nonce.data.slice(), responder: env.random.octets(NONCE_OCTETS) };
  const configs = candidates.map(({ config }) => config);
  const encapsulation = configs.some((config) => config.encapsulation === "force") ? "force" : "auto";
  const asked = { initiator: spiI, responder: header.spiR };
  const nat = detectNat(env, payloads, asked, { from, to: via }, encapsulation);
  const theirs = notifyOf(payloads, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined;
  const fragmentation = theirs && configs.some((config) => config.fragmentation);
  const { redirects, redirectedFrom } = redirectable(payloads);
  const answered: readonly Payload[] = [
    answer(choice, new Uint8Array()),
    { kind: "KE", group: own.group, data: own.publicValue },
    { kind: "NONCE", data: nonces.responder },
    ...natDetection(env, spis, { from: via, to: from }, encapsulation),
    ...abilities(fragmentation),
    childlessSupported,
    ...requestCertificates(ike, configs),
  ];
  const response = encodeMessage(answerHeader(spiI, spiR), answered);
  const keys = initialIkeKeys(env.crypto, suite, nonces, secret, spis);
  const secured = secure(ike, "responder", { suite, keys, spis, nat, fragmentation, redirects });
  const sa = addIkeSa(
    ike,
    "responder",
    { i: spiI, r: spiR },
    { local: via, remote: from },
    {
      at: "SA_INIT_ANSWERED",
      secured,
      init: {
        nonces,
        request: bytes.slice(),
        response,
        pi: keys.pi,
        pr: keys.pr,
        requested: [],
        peerHashes: peerHashes(payloads),
      },
      candidates,
      redirectedFrom,
    },
  );
  // IKE_SA_INIT was Message ID 0
  sa.window.expected = 1;
  ike.halfOpen.add(sa.key, from.address, digest);
  ike.deadlines.set(`half-open:${sa.key}`, env.now + ike.policy.halfOpen.timeoutMs);
  send(ike, [response], via, from);
}

/** A refusal or a demand: neither it nor the request is kept. */
function answerInClear(
  ike: Ikev2,
  { datagram, header }: Pick<First, "datagram" | "header">,
  payloads: readonly Payload[],
): void {
  send(ike, [encodeMessage(answerHeader(header.spiI, header.spiR), payloads)], datagram.via, datagram.from);
}

function answerHeader(spiI: Uint8Array, spiR: Uint8Array) {
  return { spiI, spiR, exchangeType: ExchangeType.IKE_SA_INIT, flags: Flag.RESPONSE, messageId: 0 };
}
