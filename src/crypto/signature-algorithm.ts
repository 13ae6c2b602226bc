/**
 * AlgorithmIdentifiers of signatures: RFC 4055 for RSA, RFC 5758 3.2 for ECDSA, RFC 8410 for Ed25519. Certificates carry
 * them, and the AUTH payload of IKEv2 (RFC 7427 3).
 */
import { type DerElement, derElement, derElements, derOf } from "../util/der.ts";
import { concat, equal, fromHex, hex } from "../util/octets.ts";
import type { HashName, SignatureScheme } from "./provider.ts";

/** A scheme that an AlgorithmIdentifier tells entirely. */
export type IdentifiedScheme = Extract<
  SignatureScheme,
  { name: "rsa-pkcs1" } | { name: "rsa-pss" } | { name: "ecdsa-der" } | { name: "ed25519" }
>;

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const INTEGER = 0x02;
const NULL = fromHex("0500");

/** Contents octets of object identifiers, in hexadecimal. */
const ID_RSASSA_PSS = "2a864886f70d01010a";
const ID_MGF1 = "2a864886f70d010108";
const ID_ED25519 = "2b6570";

const pkcs1Oids = {
  sha1: "2a864886f70d010105",
  sha256: "2a864886f70d01010b",
  sha384: "2a864886f70d01010c",
  sha512: "2a864886f70d01010d",
} as const satisfies Record<HashName, string>;

const ecdsaOids = {
  sha1: "2a8648ce3d0401",
  sha256: "2a8648ce3d040302",
  sha384: "2a8648ce3d040303",
  sha512: "2a8648ce3d040304",
} as const satisfies Record<HashName, string>;

const hashOids = {
  sha1: "2b0e03021a",
  sha256: "608648016503040201",
  sha384: "608648016503040202",
  sha512: "608648016503040203",
} as const satisfies Record<HashName, string>;

/** SHA-1 is no hash for signatures any more (RFC 8247 3.2, RFC 9155). */
export function isWeak(scheme: IdentifiedScheme): boolean {
  return scheme.name !== "ed25519" && scheme.hash === "sha1";
}

/**
 * The AlgorithmIdentifier of a scheme, DER: parameters are NULL for PKCS #1 v1.5 and absent for ECDSA and Ed25519; those
 * of PSS leave out what is the default (trailerField), as DER asks.
 */
export function encodeSignatureAlgorithm(scheme: IdentifiedScheme): Uint8Array<ArrayBuffer> {
  switch (scheme.name) {
    case "rsa-pkcs1":
      return identifier(pkcs1Oids[scheme.hash], NULL);
    case "ecdsa-der":
      return identifier(ecdsaOids[scheme.hash]);
    case "ed25519":
      return identifier(ID_ED25519);
    case "rsa-pss":
      return identifier(ID_RSASSA_PSS, pssParameters(scheme.hash, scheme.saltOctets));
  }
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }. */
function identifier(oid: string, ...parameters: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return derOf(SEQUENCE, concat(derOf(OBJECT_IDENTIFIER, fromHex(oid)), ...parameters));
}

function pssParameters(hash: HashName, saltOctets: number): Uint8Array {
  const hashAlgorithm = identifier(hashOids[hash], NULL);
  return derOf(
    SEQUENCE,
    concat(
      derOf(0xa0, hashAlgorithm),
      derOf(0xa1, identifier(ID_MGF1, hashAlgorithm)),
      derOf(0xa2, derOf(INTEGER, saltOctets < 0x80 ? Uint8Array.of(saltOctets) : Uint8Array.of(0, saltOctets))),
    ),
  );
}

/**
 * The scheme of an AlgorithmIdentifier; undefined when it is none, or one of a scheme that is not supported. What a hash
 * is worth is for the caller to judge: SHA-1 is read like the others.
 */
export function readSignatureAlgorithm(der: Uint8Array): IdentifiedScheme | undefined {
  const parts = readIdentifier(derElement(der));
  if (parts === undefined) return undefined;
  const { oid, parameters } = parts;
  if (oid === ID_RSASSA_PSS) return parameters === undefined ? undefined : readPss(parameters);
  const pkcs1 = hashNamed(pkcs1Oids, oid);
  // RFC 4055 5: NULL is to be there, and its absence to be accepted
  if (pkcs1 !== undefined) return isNullOrAbsent(parameters) ? { name: "rsa-pkcs1", hash: pkcs1 } : undefined;
  const ecdsa = hashNamed(ecdsaOids, oid);
  if (ecdsa !== undefined) return isNullOrAbsent(parameters) ? { name: "ecdsa-der", hash: ecdsa } : undefined;
  return oid === ID_ED25519 && parameters === undefined ? { name: "ed25519" } : undefined;
}

interface Identifier {
  readonly oid: string;
  readonly parameters: DerElement | undefined;
}

function readIdentifier(element: DerElement | undefined): Identifier | undefined {
  if (element?.tag !== SEQUENCE || element.rest.length > 0) return undefined;
  const [oid, parameters, ...more] = derElements(element.contents) ?? [];
  return oid?.tag === OBJECT_IDENTIFIER && more.length === 0 ? { oid: hex(oid.contents), parameters } : undefined;
}

function hashNamed(oids: Readonly<Record<HashName, string>>, oid: string): HashName | undefined {
  return hashNames.find((name) => oids[name] === oid);
}

const hashNames: readonly HashName[] = ["sha1", "sha256", "sha384", "sha512"];

function isNullOrAbsent(parameters: DerElement | undefined): boolean {
  return parameters === undefined || (parameters.tag === 0x05 && parameters.contents.length === 0);
}

/**
 * RSASSA-PSS-params (RFC 4055 3.1): [0] hashAlgorithm, [1] maskGenAlgorithm, [2] saltLength, [3] trailerField, whose
 * defaults are SHA-1, MGF1 with SHA-1, 20 and 1. A mask with another hash is supported by nobody.
 */
function readPss(parameters: DerElement): IdentifiedScheme | undefined {
  const fields = parameters.tag === SEQUENCE ? derElements(parameters.contents) : undefined;
  if (fields === undefined) return undefined;
  let hash: HashName | undefined = "sha1";
  let mask: HashName | undefined = "sha1";
  let saltOctets = 20;
  let before = 0x9f;
  for (const { tag, contents } of fields) {
    if (tag <= before || tag > 0xa3) return undefined;
    before = tag;
    const inner = derElement(contents);
    if (inner === undefined || inner.rest.length > 0) return undefined;
    if (tag === 0xa0) hash = readHash(inner);
    else if (tag === 0xa1) mask = readMask(inner);
    else if (tag === 0xa3 && !equal(contents, TRAILER)) return undefined;
    else if (tag === 0xa2) {
      const salt = inner.tag === INTEGER ? smallNumber(inner.contents) : undefined;
      if (salt === undefined) return undefined;
      saltOctets = salt;
    }
  }
  return hash === undefined || hash !== mask ? undefined : { name: "rsa-pss", hash, saltOctets };
}

const TRAILER = fromHex("020101");

/** An INTEGER from 0 to 255: two octets, the first zero, from 128 on. */
function smallNumber(contents: Uint8Array): number | undefined {
  const [first, second] = contents;
  if (contents.length === 1 && first !== undefined && first < 0x80) return first;
  return contents.length === 2 && first === 0 && second !== undefined && second >= 0x80 ? second : undefined;
}

function readHash(element: DerElement): HashName | undefined {
  const parts = readIdentifier(element);
  return parts !== undefined && isNullOrAbsent(parts.parameters) ? hashNamed(hashOids, parts.oid) : undefined;
}

function readMask(element: DerElement): HashName | undefined {
  const parts = readIdentifier(element);
  return parts?.oid === ID_MGF1 && parts.parameters !== undefined ? readHash(parts.parameters) : undefined;
}
