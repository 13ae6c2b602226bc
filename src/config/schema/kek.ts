/** The KEK of a group, and how pushes under it are signed and acknowledged. */
import * as z from "zod";
import type { KeyAlgorithm, Signer } from "../../crypto/provider.ts";
import type { KekPolicy } from "../../gdoi/policy.ts";
import { ackTypes, kekCipher, type PushSignature, pushSignature, pushSignatureNamed } from "../algorithms.ts";
import { checked, choice, type Loose, type Report, section } from "../field.ts";
import { keyFile, type Surroundings } from "../files.ts";
import type { GeneratedSigner } from "../types.ts";
import { seconds } from "../values.ts";

function kekShape(around: Surroundings) {
  const key = section({ generated: z.literal(true).optional(), file: keyFile(around).optional() });
  return section({
    cipher: kekCipher().default(256),
    lifetime: seconds("10s", "365d").default(86_400),
    management: choice("none", "lkh").default("none"),
    acknowledge: choice("none", "kek-sha256", "lkh-sha256", "kek-sha512", "lkh-sha512").optional(),
    signature: checked(
      section({
        algorithm: pushSignature().optional(),
        key: z.preprocess((input) => (input === "generated" ? { generated: true } : input), key).prefault("generated"),
      }),
      ({ key: source }, report) => {
        if (source !== undefined && source.generated === undefined && !("file" in source)) {
          report(["key"], "names no source", "the word generated, or file: NAME");
        }
      },
    ).prefault({}),
  });
}

/** What stands under `kek`. */
export type KekSection = z.output<ReturnType<typeof kekShape>>;

/** A group as far as it decides about its pushes. */
export interface KekOfGroup {
  readonly name: string;
  readonly profile?: "iec-62351-9" | undefined;
  readonly kek: KekSection;
}

/** The section `kek` of a group. */
export function kekSection(around: Surroundings): z.ZodType<KekSection> {
  return checked(kekShape(around), ({ acknowledge, management, cipher }, report) => {
    if (cipher === 192 && management === "lkh") {
      report(["cipher"], "does not fit a key tree, whose keys are whole cipher blocks", "aes-cbc-128 or aes-cbc-256");
    }
    if (acknowledge?.startsWith("lkh") && management === "none") {
      report(["acknowledge"], `${acknowledge} needs a key tree`, "kek-sha256 or kek-sha512, or management: lkh");
    }
  });
}

/** Checks the signing key against the algorithm, which the group may have left to its profile. */
export function checkSignature(group: Loose<KekOfGroup>, report: Report): void {
  const signature = group.kek?.signature;
  // an algorithm that is wrong has been told
  if (signature?.key?.file === undefined || ("algorithm" in signature && signature.algorithm === undefined)) return;
  const algorithm = signatureOf(group);
  if (fits(algorithm, signature.key.file.algorithm)) return;
  report(
    ["kek", "signature", "key", "file"],
    `is no key for ${algorithm.name}`,
    "a key of that algorithm, or another algorithm",
  );
}

function fits({ generated }: PushSignature, key: KeyAlgorithm): boolean {
  if (key.kind === "rsa") return generated === "rsa-3072";
  return key.kind === "ecdsa" && generated === `ecdsa-${key.curve.slice(2)}`;
}

/** How pushes are signed: in the profile by RSA unless it is said otherwise, for that is what every device has. */
export function signatureOf({ kek, profile }: Loose<KekOfGroup>): PushSignature {
  const { algorithm } = kek?.signature ?? {};
  if (algorithm !== undefined) return algorithm;
  if (profile === undefined) return pushSignatureNamed("ecdsa-256");
  return pushSignatureNamed(kek?.acknowledge?.endsWith("sha512") === true ? "rsa-sha512" : "rsa-sha256");
}

/** How they are acknowledged: in the profile with the hash of the signature. */
function acknowledgementOf(group: KekOfGroup): keyof typeof ackTypes {
  const { acknowledge, management } = group.kek;
  if (acknowledge !== undefined) return acknowledge;
  const with512 = group.profile !== undefined && signatureOf(group).hash === 5;
  return `${management === "lkh" ? "lkh" : "kek"}-${with512 ? "sha512" : "sha256"}`;
}

/** What a key that the daemon makes is. */
function generatedOf(group: KekOfGroup): GeneratedSigner["algorithm"] {
  const { generated } = signatureOf(group);
  return group.profile !== undefined && generated === "rsa-3072" ? "rsa-2048" : generated;
}

/** The policy of a checked section. */
export function buildKek(group: KekOfGroup): KekPolicy {
  const { kek, name } = group;
  const { algorithm, hash } = signatureOf(group);
  const ack = ackTypes[acknowledgementOf(group)];
  return {
    keyBits: kek.cipher,
    lifetimeSeconds: kek.lifetime,
    management: kek.management,
    ...(ack !== undefined && { ack }),
    signature: { algorithm, hash, signer: kek.signature.key.file ?? placeholder(generatedOf(group), name) },
  };
}

/** Stands for a key that is in the store, until the daemon puts that in its place. */
function placeholder(generated: GeneratedSigner["algorithm"], group: string): Signer {
  const bits = Number(generated.slice(generated.indexOf("-") + 1));
  const curve = bits === 256 ? "P-256" : bits === 384 ? "P-384" : "P-521";
  return {
    algorithm: generated.startsWith("rsa") ? { kind: "rsa", bits } : { kind: "ecdsa", curve },
    publicKey: new Uint8Array(),
    sign() {
      throw new Error(`the signing key of ${group} has not been taken out of the store`);
    },
  };
}

/** Whether the group's signing key is left to the daemon, and which kind it is. */
export function generatedSigner(group: KekOfGroup): GeneratedSigner | undefined {
  return group.kek.signature.key.file === undefined ? { group: group.name, algorithm: generatedOf(group) } : undefined;
}
