/** Reading of captured IKEv2 messages with keys that the user has: for `keyherald decode`. */
import { nodeCrypto } from "../crypto/node/index.ts";
import { Flag } from "../iana/ikev2.ts";
import { Reassembly } from "../ikev2/fragments.ts";
import type { LoggedKeys } from "../ikev2/key-log.ts";
import { open } from "../ikev2/protect.ts";
import { concat, equal, hex } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { WireError } from "../wire/error.ts";
import { describeMessage } from "../wire/ikev2/describe.ts";
import { decodeMessage, decodePayloads, type Enveloped, enveloped } from "../wire/ikev2/message.ts";
import type { Header, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import type { TreeNode } from "../wire/tree.ts";

const VERSION_OFFSET = 17;

/** Whether octets have the version of IKEv2, or a later one, where a header says it. */
export function isIkev2(datagram: Uint8Array): boolean {
  return (datagram[VERSION_OFFSET] ?? 0) >>> 4 >= 2;
}

/** A message as far as it can be read. */
export interface Ikev2Reading {
  readonly tree: TreeNode;
  /** What happened to its protected part, for people. */
  readonly remark?: string;
}

/** Why nothing more of a message can be read. */
export type Ikev2Problem =
  | { readonly what: "wire"; readonly error: WireError; readonly tree?: TreeNode }
  | { readonly what: "no-keys"; readonly spis: string; readonly tree: TreeNode }
  | { readonly what: "protection"; readonly message: string; readonly tree: TreeNode };

interface Message {
  readonly header: Header;
  readonly payloads: readonly ReceivedPayload[];
}

/** Reads messages in their order, so that fragments come together. */
export class Ikev2Reader {
  readonly #keys: readonly LoggedKeys[];
  /** By SPIs and direction. */
  readonly #fragments = new Map<string, Reassembly>();

  constructor(keys: readonly LoggedKeys[]) {
    this.#keys = keys;
  }

  read(datagram: Uint8Array): Result<Ikev2Reading, Ikev2Problem> {
    const decoded = decodeMessage(datagram);
    if (!decoded.ok) return err({ what: "wire", error: decoded.error });
    const { header, payloads } = decoded.value;
    const tree = describeMessage(header, payloads);
    const part = enveloped(datagram, payloads);
    if (part === undefined) return ok({ tree });
    const keys = this.#keys.find(
      ({ spis }) => equal(spis.initiator, header.spiI) && equal(spis.responder, header.spiR),
    );
    if (keys === undefined) return err({ what: "no-keys", spis: `${hex(header.spiI)},${hex(header.spiR)}`, tree });
    const protection = (header.flags & Flag.INITIATOR) === 0 ? keys.responder : keys.initiator;
    const content = open(nodeCrypto, protection, part);
    if (!content.ok) return err({ what: "protection", message: content.error.message, tree });
    if (part.payload.kind === "SKF") return this.#fragment(decoded.value, part, content.value);
    const at = part.bodyOffset + protection.encryption.ivOctets;
    const whole = concat(datagram.subarray(0, at), content.value);
    const inner = decodePayloads(part.payload.innerFirst, whole, at);
    if (!inner.ok) return err({ what: "wire", error: inner.error, tree });
    return ok({ tree: describeMessage(header, payloads, inner.value), remark: "(decrypted; it is authentic)" });
  }

  #fragment({ header, payloads }: Message, { payload }: Enveloped, content: Uint8Array) {
    const tree = describeMessage(header, payloads);
    if (payload.kind !== "SKF") return ok({ tree });
    const key = `${hex(header.spiI)}${hex(header.spiR)}${header.flags}`;
    const reassembly = this.#fragments.get(key) ?? new Reassembly();
    this.#fragments.set(key, reassembly);
    const place = `fragment ${payload.fragmentNumber} of ${payload.totalFragments}`;
    const collected = reassembly.add(header.messageId, payload, content, 0);
    if (collected.now === "refused") return err({ what: "protection", message: collected.why, tree } as const);
    if (collected.now === "waiting") return ok({ tree, remark: `(${place}, decrypted; it is authentic)` });
    const { first, octets } = collected.content;
    const inner = decodePayloads(first, octets);
    if (!inner.ok) return err({ what: "wire", error: inner.error, tree } as const);
    const whole = describeMessage(header, payloads, inner.value, "put together");
    return ok({ tree: whole, remark: `(${place}, all decrypted and put together; they are authentic)` });
  }
}
