/**
 * Keys of an IKE SA as Wireshark's ikev2_decryption_table has them, a line each:
 * SPIi,SPIr,SK_ei,SK_er,"encryption",SK_ai,SK_ar,"integrity". A laboratory's key log is written so, and `decode` reads it.
 */
import type { CryptoProvider } from "../crypto/provider.ts";
import { concat, fromHex, hex } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { DirectionKeys, IkeKeys, IkeSpis } from "./keys.ts";
import type { Algorithms, Protection } from "./protect.ts";
import { type Encryption, encryptions, type Integrity, integrities } from "./suite.ts";

const NO_INTEGRITY = "NONE [RFC4306]";

/** Wireshark's name. It cannot decrypt ChaCha20-Poly1305 (4.0) and refuses a table that has it: for that the name is ours. */
function encryptionName({ aead, keyBits }: Encryption): string {
  if (aead === "aes-gcm") return `AES-GCM-${keyBits} with 16 octet ICV [RFC5282]`;
  return aead === undefined ? `AES-CBC-${keyBits} [RFC3602]` : "ChaCha20-Poly1305 [RFC7634]";
}

function integrityName({ hash, icvOctets }: Integrity): string {
  return `HMAC_${hash.replace("sha", "SHA2_").toUpperCase()}_${8 * icvOctets} [RFC4868]`;
}

/** The line of an IKE SA. It has all that is needed to read what the SA protects. */
export function keyLogLine(
  crypto: CryptoProvider,
  { encryption, integrity }: Algorithms,
  spis: IkeSpis,
  { initiator, responder }: Pick<IkeKeys, "initiator" | "responder">,
): string {
  const e = (keys: DirectionKeys) => hex(concat(crypto.exportSecret(keys.encryption), keys.salt));
  const a = (keys: DirectionKeys) => (keys.integrity === undefined ? "" : hex(crypto.exportSecret(keys.integrity)));
  return [
    hex(spis.initiator),
    hex(spis.responder),
    e(initiator),
    e(responder),
    `"${encryptionName(encryption)}"`,
    a(initiator),
    a(responder),
    `"${integrity === undefined ? NO_INTEGRITY : integrityName(integrity)}"`,
  ].join(",");
}

/** The keys of one IKE SA. `initiator` protects what its original initiator sends. */
export interface LoggedKeys {
  readonly spis: IkeSpis;
  readonly initiator: Protection;
  readonly responder: Protection;
}

/** Reads a line; algorithms may have Wireshark's names or those of our configuration. What is wrong is told in words. */
export function parseKeyLogLine(line: string, crypto: CryptoProvider): Result<LoggedKeys, string> {
  const fields = line.split(",").map((field) => field.trim().replaceAll('"', ""));
  if (fields.length !== 8) return err(`8 values between commas are expected, not ${fields.length}`);
  const [spiI = "", spiR = "", ei = "", er = "", encr = "", ai = "", ar = "", integ = ""] = fields;
  const encryption = encryptions.find((one) => one.espOnly === undefined && isNamed(encr, one, encryptionName));
  if (encryption === undefined) return err(`"${encr}" is no encryption of it`);
  const integrity = integrities.find((one) => isNamed(integ, one, integrityName));
  if (integrity === undefined && integ !== "" && integ !== NO_INTEGRITY)
    return err(`"${integ}" is no integrity algorithm`);
  if ((encryption.aead === undefined) !== (integrity !== undefined)) {
    return err(`"${encr}" and "${integ}" do not go together`);
  }
  const e = encryption.keyOctets + encryption.saltOctets;
  const a = integrity?.keyOctets ?? 0;
  const values: Uint8Array[] = [];
  for (const [name, text, length] of [
    ["SPIi", spiI, 8],
    ["SPIr", spiR, 8],
    ["SK_ei", ei, e],
    ["SK_er", er, e],
    ["SK_ai", ai, a],
    ["SK_ar", ar, a],
  ] as const) {
    const octets = octetsOf(text);
    if (octets === undefined) return err(`${name} is not hexadecimal`);
    if (octets.length !== length) return err(`${name} has ${octets.length} octets, expected ${length}`);
    values.push(octets);
  }
  const [initiator = none, responder = none, skEi = none, skEr = none, skAi = none, skAr = none] = values;
  const protection = (sk: Uint8Array, ska: Uint8Array): Protection => ({
    encryption,
    integrity,
    keys: {
      encryption: crypto.importSecret(sk.subarray(0, encryption.keyOctets)),
      salt: sk.slice(encryption.keyOctets),
      integrity: integrity === undefined ? undefined : crypto.importSecret(ska),
    },
  });
  return ok({
    spis: { initiator, responder },
    initiator: protection(skEi, skAi),
    responder: protection(skEr, skAr),
  });
}

const none = new Uint8Array(0);

function isNamed<T extends { readonly name: string }>(text: string, one: T, nameOf: (one: T) => string): boolean {
  return text === one.name || text === nameOf(one);
}

function octetsOf(text: string): Uint8Array | undefined {
  try {
    return fromHex(text);
  } catch {
    return undefined;
  }
}
