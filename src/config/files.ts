/** Files that the configuration names: keys that nobody else may read, certificates, revocation lists. */
import { readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import type * as z from "zod";
import { nodeCrypto } from "../crypto/node/index.ts";
import { certificatesFrom, crlsFrom } from "../crypto/node/pem.ts";
import {
  type CertificateView,
  CryptoError,
  type KeyAlgorithm,
  type SecretKey,
  type Signer,
} from "../crypto/provider.ts";
import { fromHex, utf8 } from "../util/octets.ts";
import { field, type Leaf, textOf, Wrong } from "./field.ts";

/** Where the schema looks for what is outside of the file. */
export interface Surroundings {
  /** Folder of the configuration file: relative paths start from it. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** No file of this kind is longer. */
const longestFile = 1 << 20;
/** Keys of RSA below it are weak. */
const leastRsaBits = 2048;

/** Absolute path of a file that need not exist. */
export function path(around: Surroundings, expected: string): z.ZodType<string> {
  return field(expected, (input) => absolute(around, textOf(input)));
}

function absolute(around: Surroundings, file: string): string {
  return isAbsolute(file) ? file : resolve(around.folder, file);
}

/** Absolute path of a file that secrets are written to: its folder must be there, and others must not write in it. */
export function keysFile(around: Surroundings): z.ZodType<string> {
  return field("the name of a file in a folder that exists", (input) => {
    const file = absolute(around, textOf(input));
    const folder = dirname(file);
    const status = statSync(folder, { throwIfNoEntry: false });
    if (status === undefined || !status.isDirectory()) throw new Wrong(`the folder ${folder} does not exist`);
    const sticky = (status.mode & 0o1000) !== 0;
    if ((status.mode & 0o022) !== 0 && !sticky) {
      throw new Wrong(
        `others may write in ${folder}; run: chmod go-w ${folder}`,
        "a folder that only its owner writes in",
      );
    }
    return file;
  });
}

/** @throws Wrong with what to do when it cannot be read, is too long, or is secret and others may read it. */
function contents(around: Surroundings, input: unknown, secrecy: "secret" | "public"): Uint8Array {
  const file = absolute(around, textOf(input));
  try {
    const status = statSync(file);
    if (status.isDirectory()) throw new Wrong(`${file} is a folder`);
    if (status.size > longestFile) throw new Wrong(`${file} is longer than ${longestFile} octets`);
    if (secrecy === "secret" && (status.mode & 0o077) !== 0) {
      throw new Wrong(
        `others may read or write ${file}; run: chmod 600 ${file}`,
        "a file that only its owner may read (mode 0600)",
      );
    }
    return new Uint8Array(readFileSync(file));
  } catch (error) {
    if (error instanceof Wrong) throw error;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") throw new Wrong(`${file} does not exist`);
    if (code === "EACCES" || code === "EPERM") throw new Wrong(`${file} cannot be read by this user`);
    throw new Wrong(`${file} cannot be read (${code ?? error})`);
  }
}

/** Octets of a secret written as text, `hex:…` or `base64:…` on one line. @throws Wrong */
function secretOctets(text: string): Uint8Array {
  const line = text.replace(/\r?\n$/, "");
  if (/[\r\n]/.test(line))
    throw new Wrong("has more than one line", "one line: text, hex: and digits, or base64: and digits");
  if (line === "") throw new Wrong("is empty", "one line: text, hex: and digits, or base64: and digits");
  const [, scheme, digits = ""] = /^(hex|base64):(.*)$/.exec(line) ?? [];
  if (scheme === undefined) return utf8(line);
  const octets = scheme === "hex" ? hexOctets(digits) : base64Octets(digits);
  if (octets === undefined || octets.length === 0) throw new Wrong(`is not ${scheme} behind "${scheme}:"`);
  return octets;
}

function hexOctets(digits: string): Uint8Array | undefined {
  try {
    return fromHex(digits);
  } catch {
    return undefined;
  }
}

function base64Octets(digits: string): Uint8Array | undefined {
  const octets = new Uint8Array(Buffer.from(digits, "base64"));
  return Buffer.from(octets).toString("base64").replace(/=+$/, "") === digits.replace(/=+$/, "") ? octets : undefined;
}

/** A pre-shared key inside the provider. */
export interface PreSharedKey extends Leaf {
  readonly secret: SecretKey;
  readonly octets: number;
}

/** The name of a file with a pre-shared key. */
export function pskFile(around: Surroundings): z.ZodType<PreSharedKey> {
  return field("the name of a file with the pre-shared key on one line: text, or hex: or base64: and digits", (input) =>
    preSharedKey(secretText(contents(around, input, "secret"))),
  );
}

/** The name of an environment variable with a pre-shared key. */
export function pskVariable(around: Surroundings): z.ZodType<PreSharedKey> {
  return field("the name of an environment variable with the pre-shared key", (input) =>
    preSharedKey(variable(around, textOf(input))),
  );
}

function preSharedKey(text: string): PreSharedKey {
  const octets = secretOctets(text);
  return { leaf: true, secret: nodeCrypto.importSecret(octets), octets: octets.length };
}

/** @throws Wrong for octets that are no text: they would change on the way. */
function secretText(octets: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    throw new Wrong("is no UTF-8 text; write binary keys as hex: or base64:");
  }
}

function variable(around: Surroundings, name: string): string {
  const value = around.environment[name];
  if (value === undefined || value === "") throw new Wrong(`the environment variable ${name} is not set`);
  return value;
}

const stateKeyWords = "32 octets as 64 hexadecimal digits or as base64; make one with: openssl rand -hex 32";

/** The name of a file with the store's key. */
export function stateKeyFile(around: Surroundings): z.ZodType<Uint8Array> {
  return field(`the name of a file with ${stateKeyWords}`, (input) =>
    stateKey(Buffer.from(contents(around, input, "secret")).toString("latin1")),
  );
}

/** The name of an environment variable with the store's key. */
export function stateKeyVariable(around: Surroundings): z.ZodType<Uint8Array> {
  return field(`the name of an environment variable with ${stateKeyWords}`, (input) =>
    stateKey(variable(around, textOf(input))),
  );
}

function stateKey(text: string): Uint8Array {
  const digits = text.trim().replace(/^(hex|base64):/, "");
  const octets = /^[0-9a-f]{64}$/i.test(digits) ? hexOctets(digits) : base64Octets(digits);
  if (octets?.length !== 32) throw new Wrong("does not hold a key of 32 octets", stateKeyWords);
  return octets;
}

/** A private key that stays inside the provider. */
export type KeyFile = Signer & Leaf;

/** What kinds of keys a role can use. */
export type KeyKinds = "rsa-ecdsa" | "rsa-ecdsa-ed25519";

/** The name of a file with a private key: RSA from 2048 bits, or ECDSA on P-256, P-384 or P-521, or of `kinds`. */
export function keyFile(around: Surroundings, kinds: KeyKinds = "rsa-ecdsa"): z.ZodType<KeyFile> {
  return field("the name of a file with an unencrypted private key in PEM or PKCS #8", (input) => {
    const octets = contents(around, input, "secret");
    const signer = importSigner(octets);
    refuseWeak(signer.algorithm, kinds);
    return { leaf: true, algorithm: signer.algorithm, publicKey: signer.publicKey, sign: signer.sign.bind(signer) };
  });
}

function importSigner(octets: Uint8Array): Signer {
  try {
    return nodeCrypto.importSigner(octets[0] === 0x30 ? octets : Buffer.from(octets).toString("latin1"));
  } catch (error) {
    if (error instanceof CryptoError) throw new Wrong(`holds no private key: ${error.message}`);
    throw error;
  }
}

function refuseWeak(algorithm: KeyAlgorithm, kinds: KeyKinds): void {
  const ed25519 = kinds === "rsa-ecdsa-ed25519";
  const ecdsa = "ECDSA on P-256, P-384 or P-521";
  const strong = ed25519 ? `RSA from 2048 bits, ${ecdsa}, or Ed25519` : `RSA from 2048 bits, or ${ecdsa}`;
  if (algorithm.kind === "other" || (algorithm.kind === "ed25519" && !ed25519)) {
    const name = algorithm.kind === "other" ? algorithm.name : "Ed25519";
    throw new Wrong(`a key of kind ${name} cannot be used here`, strong);
  }
  if (algorithm.kind === "rsa" && algorithm.bits < leastRsaBits) {
    throw new Wrong(`an RSA key of ${algorithm.bits} bits is refused: it is too short`, strong);
  }
}

/** Certificates of a file, leaf first. */
export interface CertificateFile extends Leaf {
  readonly certificates: readonly CertificateView[];
}

/** The name of a file with certificates, PEM or DER. */
export function certificateFile(
  around: Surroundings,
  what: string,
  kinds: KeyKinds = "rsa-ecdsa",
): z.ZodType<CertificateFile> {
  return field(`the name of a file with ${what} in PEM or DER`, (input) => {
    const octets = contents(around, input, "public");
    const certificates = parsed(() => certificatesFrom(octets).map((der) => nodeCrypto.parseCertificate(der)));
    const [first] = certificates;
    if (first === undefined) throw new Wrong("holds no certificate");
    refuseWeak(first.algorithm, kinds);
    return { leaf: true, certificates };
  });
}

/** Revocation lists of a file. */
export interface RevocationFile extends Leaf {
  readonly lists: readonly Uint8Array[];
}

/** The name of a file with certificate revocation lists, PEM or DER. */
export function revocationFile(around: Surroundings): z.ZodType<RevocationFile> {
  return field("the name of a file with certificate revocation lists in PEM or DER", (input) => {
    const octets = contents(around, input, "public");
    return { leaf: true, lists: parsed(() => crlsFrom(octets)) };
  });
}

function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CryptoError) throw new Wrong(`cannot be used: ${error.message}`);
    throw error;
  }
}
