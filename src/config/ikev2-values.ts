/** Proposals and traffic selectors of IKEv2 in the spelling of the configuration. */
import type * as z from "zod";
import { parseProtocolAndPorts } from "../ikev2/selector-text.ts";
import type { EspProposal, IkeProposal } from "../ikev2/suite.ts";
import { espNames, ikeNames, parseEspProposal, parseIkeProposal } from "../ikev2/suite-names.ts";
import type { Result } from "../util/result.ts";
import type { AddressSelector } from "../wire/ikev2/payloads.ts";
import { refused } from "./algorithms.ts";
import { field, type Leaf, shown, textOf, Wrong } from "./field.ts";
import { addressWords, parseRange } from "./values.ts";

/** A value that the policy takes as it is. */
export interface Written<T> extends Leaf {
  readonly value: T;
}

const ikeWords = "algorithms of an IKE SA, such as aes-gcm-16-256 / prf-hmac-sha256 / curve25519";
const espWords = "algorithms of ESP, such as aes-gcm-16-256 / curve25519";

/** A proposal for an IKE SA. */
export function ikeProposal(): z.ZodType<Written<IkeProposal>> {
  return proposal(ikeWords, ikeNames, parseIkeProposal);
}

/** A proposal for Child SAs. */
export function espProposal(): z.ZodType<Written<EspProposal>> {
  return proposal(espWords, espNames, parseEspProposal);
}

function proposal<T>(
  expected: string,
  names: readonly string[],
  parse: (text: string) => Result<T, string>,
): z.ZodType<Written<T>> {
  return field(expected, (input) => {
    const text = textOf(input);
    const foreign = text.split(/[\s/,]+/).find((word) => word !== "" && !names.includes(word.toLowerCase()));
    if (foreign !== undefined) throw refused(foreign, alike(foreign, names), "algorithm of this place");
    const read = parse(text);
    if (!read.ok) throw new Wrong(`${shown(text)} is no proposal: ${read.error}`);
    return { leaf: true, value: read.value };
  });
}

/** The names of algorithms for the same purpose as one that is not known, as far as its name tells. */
function alike(word: string, names: readonly string[]): readonly string[] {
  const kinds = [/^prf-/i, /^(modp|ecp|curve|no-pfs)/i, /^(hmac|sha|md5)/i, /^(aes|chacha|3des|des|null)/i, /esn/i];
  const kind = kinds.find((pattern) => pattern.test(word));
  const found = kind === undefined ? [] : names.filter((name) => kind.test(name));
  return found.length > 0 ? found : names;
}

const selectorWords = `${addressWords}; perhaps with [tcp], [udp/53] or [tcp/1024-65535] behind it`;

/** Addresses, and perhaps a protocol and ports: `10.1.0.0/16`, `10.1.0.7[tcp/443]` (RFC 7296 3.13.1). */
export function trafficSelector(): z.ZodType<Written<AddressSelector>> {
  return field(selectorWords, (input) => {
    const text = textOf(input);
    const [, addresses = "", , inside] = /^([^[\]]*)(\[([^[\]]*)\])?$/.exec(text) ?? [];
    const range = parseRange(addresses.trim());
    if (range === undefined) throw new Wrong(`${shown(text)} names no addresses`);
    const what = parseProtocolAndPorts(inside ?? "any");
    if (!what.ok) throw new Wrong(what.error);
    return {
      leaf: true,
      value: { kind: "addresses", ...what.value, startAddress: range.from, endAddress: range.to },
    };
  });
}
