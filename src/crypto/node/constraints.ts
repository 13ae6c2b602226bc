import { Certificate, CertificateChainValidationEngine, CryptoEngine } from "pkijs";
import type { Candidate } from "./candidates.ts";
import { extensionOid } from "./tbs.ts";

const engine = new CryptoEngine({ name: "webcrypto", crypto: globalThis.crypto });

/** What nobody but this part judges. */
const constraining: ReadonlySet<string> = new Set([
  extensionOid.nameConstraints,
  extensionOid.certificatePolicies,
  extensionOid.policyMappings,
  extensionOid.policyConstraints,
  extensionOid.inhibitAnyPolicy,
]);

/**
 * Second opinion on a path, leaf first, anchor last: the algorithm of RFC 5280 6.1 as PKI.js has it, with name
 * constraints and policies. It costs more than all else of a path, so paths without either are spared it. Revocation is
 * not its part.
 * @returns why the path is refused, undefined when it is not
 */
export async function constraintsRefuse(path: readonly Candidate[], at: number): Promise<string | undefined> {
  if (!path.some(({ tbs }) => tbs.extensions.some(({ oid }) => constraining.has(oid)))) return undefined;
  const [anchor, ...rest] = path.map(({ view }) => Certificate.fromBER(view.der)).reverse();
  if (anchor === undefined) return "the path is empty";
  const validation = new CertificateChainValidationEngine({
    trustedCerts: [anchor],
    certs: rest, // its last is the leaf
    checkDate: new Date(at),
  });
  const { result, resultMessage } = await validation.verify({}, engine);
  return result ? undefined : `the path is refused: ${resultMessage}`;
}
