/** Reads the pushes that were on the wire with the KEKs that the key server's store holds. */
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { ExchangeType } from "../../../src/iana/isakmp.ts";
import { openStore } from "../../../src/store/sqlite.ts";
import { concat, hex } from "../../../src/util/octets.ts";
import { decodeHeader, HEADER_LENGTH } from "../../../src/wire/header.ts";
import { decodeChain } from "../../../src/wire/message.ts";
import type { Home } from "./files.ts";

/** IV and key by the hex of the SPI. */
export type Keks = Map<string, Uint8Array>;

/** Adds the KEKs of a stopped key server, those in their time of grace too. */
export function collectKeks({ state, stateKey }: Home, keks: Keks): void {
  const store = openStore({ file: state, key: stateKey });
  try {
    for (const { kind, value } of store.load()) if (kind === "gcks.group") gather(value, keks);
  } finally {
    store.close();
  }
}

/** Every `{ spi, ivAndKey }` anywhere in a record. */
function gather(value: unknown, keks: Keks): void {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return;
  if (
    "spi" in value &&
    "ivAndKey" in value &&
    value.spi instanceof Uint8Array &&
    value.ivAndKey instanceof Uint8Array
  ) {
    keks.set(hex(value.spi), value.ivAndKey);
  }
  for (const part of Object.values(value)) gather(part, keks);
}

export interface SeenPush {
  readonly spi: string;
  /** Undefined when no KEK is known for the SPI. */
  readonly seq: number | undefined;
  readonly octets: string;
}

/** SPI and SEQ of a datagram, undefined when it is no GROUPKEY-PUSH. */
export function readPush(datagram: Uint8Array, keks: Keks): SeenPush | undefined {
  const header = decodeHeader(datagram);
  if (!header.ok || header.value.exchangeType !== ExchangeType.GROUPKEY_PUSH) return undefined;
  const spi = hex(concat(header.value.initiatorCookie, header.value.responderCookie));
  return { spi, seq: seqOf(datagram, header.value.nextPayload, keks.get(spi)), octets: hex(datagram) };
}

function seqOf(datagram: Uint8Array, first: number, kek: Uint8Array | undefined): number | undefined {
  if (kek === undefined) return undefined;
  const key = nodeCrypto.importSecret(kek.subarray(16));
  const plaintext = nodeCrypto.aesCbcDecrypt(key, kek.subarray(0, 16), datagram.subarray(HEADER_LENGTH));
  const chain = decodeChain(first, plaintext, 0, "gdoi", "zeros");
  const seq = chain.ok ? chain.value.payloads[0]?.payload : undefined;
  return seq?.kind === "SEQ" ? seq.sequenceNumber : undefined;
}
