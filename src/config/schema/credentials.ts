/** What a role proves with who it is, and what it believes of others: pre-shared keys, certificates, trust anchors. */
import type * as z from "zod";
import { equal } from "../../util/octets.ts";
import type { Path } from "../document.ts";
import { type Loose, list, type Report, section } from "../field.ts";
import {
  certificateFile,
  type KeyKinds,
  keyFile,
  type PreSharedKey,
  pskFile,
  pskVariable,
  revocationFile,
  type Surroundings,
} from "../files.ts";

/** A pre-shared key, out of a file or out of the environment. */
export function pskSection(around: Surroundings) {
  return exactlyOne(section({ file: pskFile(around).optional(), environment: pskVariable(around).optional() }));
}

/** A section in which one of the two sources of a secret is named. */
export function exactlyOne<T extends { file?: unknown; environment?: unknown }>(schema: z.ZodType<T>): z.ZodType<T> {
  return schema.check((payload) => {
    const given = Object.keys(payload.value ?? {}).length;
    if (payload.issues.length === 0 && given !== 1) {
      payload.issues.push({
        code: "custom",
        input: payload.value,
        message: given === 0 ? "names no source" : "names two sources",
        params: { expected: "file: NAME, or environment: VARIABLE" },
      });
    }
  });
}

/** The own certificate with its private key. */
export function certificateSection(around: Surroundings, kinds?: KeyKinds) {
  return section({
    chain: certificateFile(around, "the own certificate, and those it was issued by", kinds),
    key: keyFile(around, kinds),
  });
}

/** Whose certificates are believed. */
export function trustSection(around: Surroundings, kinds?: KeyKinds) {
  return section({
    anchors: list(certificateFile(around, "trusted certificates", kinds), 1),
    crls: list(revocationFile(around)).optional(),
  });
}

type CertificateSection = z.output<ReturnType<typeof certificateSection>>;

/** Reports a private key that is not that of the certificate. @param path where the section `certificate` is. */
export function checkKeyFits(certificate: Loose<CertificateSection> | undefined, path: Path, report: Report): void {
  const leaf = certificate?.chain?.certificates[0];
  const key = certificate?.key;
  if (leaf === undefined || key === undefined || equal(leaf.publicKey, key.publicKey)) return;
  report(
    [...path, "certificate", "key"],
    `is not the key of the certificate of ${leaf.subjectText}`,
    "the private key that the certificate was issued for",
  );
}

/** A peer as every role writes it. */
export interface WrittenPeer {
  readonly psk?:
    | { readonly file?: PreSharedKey | undefined; readonly environment?: PreSharedKey | undefined }
    | undefined;
}

/** The pre-shared key of a peer, from whichever source. */
export function pskOf(peer: Loose<WrittenPeer> | undefined): PreSharedKey | undefined {
  return peer?.psk?.file ?? peer?.psk?.environment;
}
