/** What both sides of IKE_SA_INIT do (RFC 7296 1.2, 2.23; RFC 7383 2.3; RFC 7427 4). */
import type { Endpoint, Env } from "../core/engine.ts";
import { CryptoError, type KeyExchange } from "../crypto/provider.ts";
import { NotifyType } from "../iana/ikev2.ts";
import { addressOctets } from "../util/address.ts";
import { concat, equal, u16 } from "../util/octets.ts";
import { decodeNotifyData, encodeNotifyData, signatureHashAlgorithms } from "../wire/ikev2/notify-data.ts";
import type { Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { supportedHashes } from "./auth.ts";
import { notify, notifyOf } from "./contents.ts";
import { keyLogLine } from "./key-log.ts";
import type { IkeKeys, IkeSpis } from "./keys.ts";
import { sending } from "./protect.ts";
import type { Ikev2, Nat, Role, Secured } from "./state.ts";
import type { IkeSuite } from "./suite.ts";

/** Octets of our nonces: at least half of the key of any prf here (RFC 7296 2.10). */
export const NONCE_OCTETS = 32;

/** RFC 7296 2.10, 3.9. */
export function isNonce(octets: Uint8Array): boolean {
  return octets.length >= 16 && octets.length <= 256;
}

/** The ends of the path that a message takes. */
interface Path {
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** The two hashes by which the receiver finds out whether addresses or ports were changed on the way (RFC 7296 2.23). */
export function natDetection(
  env: Env,
  spis: IkeSpis,
  { from, to }: Path,
  encapsulation: "auto" | "force",
): readonly Payload[] {
  // the hash of no address: the peer takes us to be behind a NAT
  const source = encapsulation === "force" ? env.random.octets(20) : natHash(env, spis, from);
  return [
    notify(NotifyType.NAT_DETECTION_SOURCE_IP, source),
    notify(NotifyType.NAT_DETECTION_DESTINATION_IP, natHash(env, spis, to)),
  ];
}

function natHash({ crypto }: Env, { initiator, responder }: IkeSpis, { address, port }: Endpoint): Uint8Array {
  return crypto.hash("sha1", concat(initiator, responder, addressOctets(address) ?? new Uint8Array(), u16(port)));
}

/** Who is behind a NAT, by the hashes of a message that came. Without them the peer has no NAT traversal. */
export function detectNat(
  env: Env,
  payloads: readonly ReceivedPayload[],
  spis: IkeSpis,
  { from, to }: Path,
  encapsulation: "auto" | "force",
): Nat {
  const source = compared(env, payloads, NotifyType.NAT_DETECTION_SOURCE_IP, spis, from);
  const destination = compared(env, payloads, NotifyType.NAT_DETECTION_DESTINATION_IP, spis, to);
  const local = destination === "other";
  const forced = !local && source !== "none" && encapsulation === "force";
  return { local: local || forced, remote: source === "other", forced };
}

/** Whether one of the hashes of a type is that of `endpoint`: a peer with several addresses may send several. */
function compared(
  env: Env,
  payloads: readonly ReceivedPayload[],
  type: number,
  spis: IkeSpis,
  endpoint: Endpoint,
): "none" | "same" | "other" {
  let expected: Uint8Array | undefined;
  for (const { payload } of payloads) {
    if (payload.kind !== "N" || payload.type !== type) continue;
    expected ??= natHash(env, spis, endpoint);
    if (equal(payload.data, expected)) return "same";
  }
  return expected === undefined ? "none" : "other";
}

const fragmentationSupported = notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED);
const signatureHashes = notify(
  NotifyType.SIGNATURE_HASH_ALGORITHMS,
  encodeNotifyData(signatureHashAlgorithms, [...supportedHashes]),
);

/** What we can do, told in IKE_SA_INIT. */
export function abilities(fragmentation: boolean): readonly Payload[] {
  return fragmentation ? [fragmentationSupported, signatureHashes] : [signatureHashes];
}

/** Hash algorithms that the peer can verify; undefined when it does not say, so it does not do RFC 7427. */
export function peerHashes(payloads: readonly ReceivedPayload[]): readonly number[] | undefined {
  const said = notifyOf(payloads, NotifyType.SIGNATURE_HASH_ALGORITHMS);
  if (said === undefined) return undefined;
  const read = decodeNotifyData(signatureHashAlgorithms, said.data);
  return read.ok ? read.value : undefined;
}

/** What an IKE SA is made of. */
export interface Agreed {
  readonly suite: IkeSuite;
  readonly keys: IkeKeys;
  readonly spis: IkeSpis;
  readonly nat: Nat;
  readonly fragmentation: boolean;
  readonly redirects: boolean;
}

/** Keys of an IKE SA as they are used from the side of `role`; the key log gets them if there is one. */
export function secure(ike: Ikev2, role: Role, { suite, keys, spis, nat, fragmentation, redirects }: Agreed): Secured {
  const { crypto } = ike.env;
  if (ike.policy.keyLog) ike.out.push({ out: "key-log", line: keyLogLine(crypto, suite, spis, keys) });
  const [own, peer] = role === "initiator" ? [keys.initiator, keys.responder] : [keys.responder, keys.initiator];
  const { encryption, integrity } = suite;
  return {
    suite,
    d: keys.d,
    sending: sending(suite, own),
    receiving: { encryption, integrity, keys: peer },
    nat,
    fragmentation,
    redirects,
  };
}

/** The secret that both share; undefined when the peer's value is none of the group (RFC 6989). */
export function sharedSecret(ke: KeyExchange, theirs: Uint8Array): Uint8Array | undefined {
  try {
    return ke.agree(theirs);
  } catch (thrown) {
    if (thrown instanceof CryptoError) return undefined;
    throw thrown;
  }
}
