/** Proposals as a configuration writes them: `aes-gcm-16-256, aes-gcm-16-128 / prf-hmac-sha256 / curve25519, ecp-256`. */
import { err, ok, type Result } from "../util/result.ts";
import {
  type Encryption,
  type EspProposal,
  encryptions,
  type Group,
  groups,
  type IkeProposal,
  type Integrity,
  integrities,
  type Prf,
  prfs,
} from "./suite.ts";

/** Names that may stand in a proposal, for messages and suggestions. */
export const ikeNames: readonly string[] = [
  ...encryptions.filter(({ espOnly }) => espOnly === undefined),
  ...integrities,
  ...prfs,
  ...groups,
].map(({ name }) => name);

/** `no-pfs` allows key exchanges to be left out; `esn` and `no-esn` are about sequence numbers. */
export const espNames: readonly string[] = [
  ...[...encryptions, ...integrities, ...groups].map(({ name }) => name),
  "no-pfs",
  "esn",
  "no-esn",
];

/** Words between slashes, commas and white space; what a word stands for follows from the word. */
function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[\s/,]+/)
    .filter((word) => word !== "");
}

interface Algorithms {
  readonly encryption: readonly Encryption[];
  readonly integrity: readonly Integrity[];
  readonly prf: readonly Prf[];
  readonly groups: readonly Group[];
  readonly others: readonly string[];
}

function sorted(text: string, names: readonly string[]): Result<Algorithms, string> {
  const words = wordsOf(text);
  const unknown = words.find((word) => !names.includes(word));
  if (unknown !== undefined) return err(`${unknown} is no algorithm of it`);
  const twice = words.find((word, at) => words.indexOf(word) !== at);
  if (twice !== undefined) return err(`${twice} stands twice`);
  const pick = <T extends { readonly name: string }>(all: readonly T[]): T[] =>
    words.flatMap((word) => all.filter(({ name }) => name === word));
  const encryption = pick(encryptions);
  const integrity = pick(integrities);
  if (encryption.length === 0) return err("it names no encryption");
  const combined = encryption.filter(({ aead }) => aead !== undefined).length;
  if (combined > 0 && combined < encryption.length) {
    return err("combined modes and others do not go into one proposal (RFC 7296 3.3): write two");
  }
  if (combined > 0 && integrity.length > 0) {
    return err(`${encryption[0]?.name} protects integrity itself: ${integrity[0]?.name} cannot stand beside it`);
  }
  if (combined === 0 && integrity.length === 0) return err(`${encryption[0]?.name} needs an integrity algorithm`);
  const others = words.filter((word) => ["no-pfs", "esn", "no-esn"].includes(word));
  return ok({ encryption, integrity, prf: pick(prfs), groups: pick(groups), others });
}

/** The proposal for an IKE SA that `text` writes, or what is wrong with it. */
export function parseIkeProposal(text: string): Result<IkeProposal, string> {
  const read = sorted(text, ikeNames);
  if (!read.ok) return read;
  const { encryption, integrity, prf, groups } = read.value;
  if (prf.length === 0) return err("it names no pseudorandom function, such as prf-hmac-sha256");
  if (groups.length === 0) return err("it names no group, such as curve25519");
  return ok({ encryption, integrity, prf, groups });
}

/** The proposal for Child SAs that `text` writes, or what is wrong with it. Both kinds of sequence numbers unless it says. */
export function parseEspProposal(text: string): Result<EspProposal, string> {
  const read = sorted(text, espNames);
  if (!read.ok) return read;
  const { encryption, integrity, groups, others } = read.value;
  const esn = others.flatMap((word) => (word === "no-pfs" ? [] : [word === "esn"]));
  return ok({
    encryption,
    integrity,
    groups: others.includes("no-pfs") && groups.length > 0 ? [...groups, "none"] : groups,
    esn: esn.length === 0 ? [true, false] : esn,
  });
}

/** As it is written in a configuration; parseIkeProposal reads it back. */
export function ikeProposalText({ encryption, integrity, prf, groups }: IkeProposal): string {
  return lists(encryption, integrity, prf, groups);
}

/** As ikeProposalText, for parseEspProposal. */
export function espProposalText({ encryption, integrity, groups, esn }: EspProposal): string {
  const exchanges = groups.map((group) => (group === "none" ? { name: "no-pfs" } : group));
  const numbers = esn.map((extended) => ({ name: extended ? "esn" : "no-esn" }));
  return lists(encryption, integrity, exchanges, numbers);
}

function lists(...all: readonly (readonly { readonly name: string }[])[]): string {
  return all
    .filter((list) => list.length > 0)
    .map((list) => list.map(({ name }) => name).join(", "))
    .join(" / ");
}
