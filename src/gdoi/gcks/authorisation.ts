/** Who may join a group: by Phase 1 identity alone (RFC 6407 3.1). */
import { type Identity, sameIdentity } from "../../core/identity.ts";
import type { CryptoProvider } from "../../crypto/provider.ts";
import { IdType } from "../../iana/isakmp.ts";
import { within } from "../../util/address.ts";
import type { MemberRule } from "../policy.ts";

/** The first rule that the identity satisfies, undefined when it may not join. */
export function authorise(
  rules: readonly MemberRule[],
  identity: Identity,
  crypto: CryptoProvider,
): MemberRule | undefined {
  return rules.find((rule) => satisfies(rule, identity, crypto));
}

function satisfies(rule: MemberRule, identity: Identity, crypto: CryptoProvider): boolean {
  switch (rule.rule) {
    case "identity":
      return sameIdentity(rule.identity, identity);
    case "addresses": {
      const address = identity.type === IdType.ID_IPV4_ADDR || identity.type === IdType.ID_IPV6_ADDR;
      return address && within(identity.data, rule.from, rule.to);
    }
    case "dn":
      return identity.type === IdType.ID_DER_ASN1_DN && dnMatches(rule.pattern, subjectText(identity.data, crypto));
  }
}

function subjectText(name: Uint8Array, crypto: CryptoProvider): string | undefined {
  try {
    return crypto.nameText(name);
  } catch {
    return undefined;
  }
}

/**
 * Whether the RFC 4514 text of a subject fits a pattern. Both are split at unescaped commas; RDNs are compared in order:
 * attribute types without regard to case, values exactly, `TYPE=*` for any value of one attribute, a `*` alone for any
 * number of further RDNs.
 */
export function dnMatches(pattern: string, subject: string | undefined): boolean {
  return subject !== undefined && rdnsMatch(rdns(pattern), rdns(subject));
}

function rdnsMatch(pattern: readonly string[], subject: readonly string[]): boolean {
  // reached[j]: the pattern so far fits the first j RDNs of the subject
  let reached = [true, ...subject.map(() => false)];
  for (const part of pattern) {
    let open = false;
    reached = reached.map((before, j) => {
      if (part === "*") {
        open ||= before;
        return open;
      }
      const rdn = subject[j - 1];
      return rdn !== undefined && reached[j - 1] === true && rdnMatches(part, rdn);
    });
  }
  return reached.at(-1) === true;
}

function rdnMatches(pattern: string, rdn: string): boolean {
  const [type, value] = halves(pattern);
  const [itsType, itsValue] = halves(rdn);
  if (type.toLowerCase() !== itsType.toLowerCase()) return false;
  return value === "*" ? !severalAttributes.test(itsValue) : value === itsValue;
}

/** A plus that no backslash stands before, which joins the attributes of one RDN. */
const severalAttributes = /^(?:[^\\+]|\\.)*\+/su;

function halves(rdn: string): [string, string] {
  const equals = rdn.indexOf("=");
  return equals < 0 ? [rdn, ""] : [unspaced(rdn.slice(0, equals)), unspaced(rdn.slice(equals + 1))];
}

/** Without the spaces around it that are no part of a value: those behind a backslash are, and so is every other white space. */
function unspaced(text: string): string {
  let start = 0;
  let end = text.length;
  while (text[start] === " ") start++;
  while (end > start && text[end - 1] === " " && text[end - 2] !== "\\") end--;
  return text.slice(start, end);
}

/** RDNs of a text; a comma behind a backslash or within quotes belongs to a value (RFC 4514 2.4). */
function rdns(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? "";
    if (character === "\\") {
      part += character + (text[++i] ?? "");
      continue;
    }
    if (character === '"') quoted = !quoted;
    if (character === "," && !quoted) {
      parts.push(unspaced(part));
      part = "";
    } else part += character;
  }
  parts.push(unspaced(part));
  return parts;
}
