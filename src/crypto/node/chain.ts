/** Path validation (RFC 5280 6): from the leaf to a trust anchor. */
import type { ChainRequest, ChainVerdict } from "../provider.ts";
import { type Candidate, hasIssued, readCandidate } from "./candidates.ts";
import { type Refusal, refuse, unfitForPath } from "./certificate-checks.ts";
import { constraintsRefuse } from "./constraints.ts";
import { type CrlReading, isRevoked, readCrl } from "./crls.ts";
import { allowsUsage, hasCriticalPurposes, pathLengthOf, servesIke } from "./tbs.ts";

/** A peer's chain is no longer than this; each certificate costs signature checks. */
const longestChain = 10;

/**
 * Whether the first certificate of the chain leads to an anchor at the time `at`, and may sign for its subject.
 * Refused are: what cannot be read; validity over or not begun, also of the anchor; RSA keys below 2048 bits and
 * signatures with SHA-1 or MD5; issuers that are no CA, or not for so long a path; a leaf whose keyUsage has neither
 * digitalSignature nor nonRepudiation, or whose extKeyUsage has no purpose that serves IKE; certificates in a list of
 * their issuer. A list that its issuer did not sign is ignored; one that is out of date still counts for what it lists. A leaf that is an anchor itself needs no issuer.
 */
export async function verifyChain(request: ChainRequest): Promise<ChainVerdict> {
  try {
    return await judge(request);
  } catch {
    return refuse("malformed", "the certificate chain cannot be processed");
  }
}

async function judge({ chain, anchors, crls, peerCrls = [], at }: ChainRequest): Promise<ChainVerdict> {
  if (chain.length > longestChain) {
    return refuse("not-allowed", `${chain.length} certificates in a chain are more than the ${longestChain} allowed`);
  }
  const certificates: Candidate[] = [];
  for (const der of chain) {
    const candidate = readCandidate(der);
    if (candidate === undefined) return refuse("malformed", `certificate ${certificates.length + 1} cannot be read`);
    certificates.push(candidate);
  }
  const [leaf, ...others] = certificates;
  if (leaf === undefined) return refuse("malformed", "the chain has no certificate");
  const trusted: Candidate[] = [];
  for (const der of anchors) {
    const candidate = readCandidate(der);
    if (candidate === undefined) return refuse("malformed", `trust anchor ${trusted.length + 1} cannot be read`);
    trusted.push(candidate);
  }
  const lists: CrlReading[] = [];
  for (const der of crls) {
    const list = readCrl(der);
    if (list === undefined) return refuse("malformed", `revocation list ${lists.length + 1} cannot be read`);
    lists.push(list);
  }
  lists.push(...peerCrls.map(readCrl).filter((list) => list !== undefined));

  const unfit = unfitForPath(leaf, at);
  if (unfit !== undefined) return unfit;
  // RFC 4945 5.1.3.2: either bit serves
  if (!allowsUsage(leaf.tbs, "digitalSignature") && !allowsUsage(leaf.tbs, "nonRepudiation")) {
    return refuse("not-allowed", `the key of ${leaf.view.subjectText} is not for digital signatures`);
  }
  if (!servesIke(leaf.tbs)) {
    return refuse("not-allowed", `the key of ${leaf.view.subjectText} is for other purposes than IKE (extKeyUsage)`);
  }

  const path = findPath(leaf, others, trusted, at);
  if (!Array.isArray(path)) return path;
  for (const [i, certificate] of path.entries()) {
    const issuer = path[i + 1];
    if (issuer !== undefined && lists.some((list) => isRevoked(certificate.tbs.serialHex, issuer, list))) {
      return refuse("revoked", `${certificate.view.issuerText} has revoked ${certificate.view.subjectText}`);
    }
  }
  const why = path.length < 2 ? undefined : await constraintsRefuse(path, at);
  if (why !== undefined) return refuse("not-allowed", why);
  const [issuer = leaf.view.der, ...above] = path.slice(1).map(({ view }) => view.der);
  return { ok: true, leaf: leaf.view, reference: { issuer, above, serialHex: leaf.tbs.serialHex } };
}

/**
 * The shortest path from the leaf to an anchor, or why there is none. Breadth first, each certificate looked at once:
 * certificates that sign each other in circles cost no more than others. What is unfit is no part of a path; when
 * nothing else leads to an anchor, the first such certificate is the reason.
 */
function findPath(
  leaf: Candidate,
  others: readonly Candidate[],
  anchors: readonly Candidate[],
  at: number,
): Candidate[] | Refusal {
  if (anchors.some((anchor) => anchor.fingerprint === leaf.fingerprint)) return [leaf];
  const isAnchor = new Set(anchors.map((anchor) => anchor.fingerprint));
  const seen = new Set([leaf.fingerprint]);
  const paths: Candidate[][] = [[leaf]];
  let reason: Refusal | undefined;
  for (let path = paths.shift(); path !== undefined; path = paths.shift()) {
    const last = path.at(-1);
    for (const issuer of [...anchors, ...others]) {
      if (last === undefined || seen.has(issuer.fingerprint) || !hasIssued(issuer, last)) continue;
      seen.add(issuer.fingerprint);
      const anchored = isAnchor.has(issuer.fingerprint);
      const refusal = unfitForPath(issuer, at, anchored) ?? unfitAsIssuer(issuer, path);
      if (refusal !== undefined) reason ??= refusal;
      else if (anchored) return [...path, issuer];
      else paths.push([...path, issuer]);
    }
  }
  const { subjectText, issuerText } = leaf.view;
  return reason ?? refuse("untrusted", `no trust anchor has issued ${subjectText}, whose issuer is ${issuerText}`);
}

function unfitAsIssuer(issuer: Candidate, path: readonly Candidate[]): Refusal | undefined {
  const { subjectText } = issuer.view;
  const pathLength = pathLengthOf(issuer.tbs);
  if (pathLength === undefined) return refuse("not-allowed", `${subjectText} is no certification authority`);
  if (!allowsUsage(issuer.tbs, "keyCertSign")) {
    return refuse("not-allowed", `the key of ${subjectText} is not for signing certificates`);
  }
  if (hasCriticalPurposes(issuer.tbs) && !servesIke(issuer.tbs)) {
    return refuse("not-allowed", `${subjectText} is an authority for other purposes than IKE (extKeyUsage)`);
  }
  // RFC 5280 4.2.1.9: self-issued certificates and the leaf are not counted
  const between = path.slice(1).filter((certificate) => certificate.subjectHex !== certificate.issuerHex).length;
  return between > pathLength
    ? refuse("not-allowed", `${subjectText} allows ${pathLength} authorities below it, not ${between}`)
    : undefined;
}
