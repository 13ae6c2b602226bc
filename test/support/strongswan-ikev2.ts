/** Conversations of strongSwan with itself, with what its log says of keys: test/vectors/data/strongswan-ikev2.json. */

import type { EspSuite, IkeSuite } from "../../src/ikev2/suite.ts";
import { parseEspProposal, parseIkeProposal } from "../../src/ikev2/suite-names.ts";
import { fromHex } from "../../src/util/octets.ts";
import { vectorFile } from "./golden.ts";

export interface Scenario {
  readonly name: string;
  readonly ike: IkeSuite;
  /** Of the first Child SA; its group is that of rekeying. */
  readonly esp: EspSuite;
  readonly datagrams: readonly { readonly from: "initiator" | "responder"; readonly octets: Uint8Array }[];
  /** PEM */
  readonly certificates?: { readonly ca: string; readonly "a.example": string; readonly "b.example": string };
  /** The next value with that label in the log; each is given once, in order. */
  next(label: string): string;
}

interface StoredScenario extends Pick<Scenario, "certificates"> {
  readonly ike: string;
  readonly esp: string;
  readonly datagrams: readonly (readonly ["initiator" | "responder", string])[];
  readonly values: readonly (readonly [label: string, octets: string])[];
}

const file = vectorFile<{ scenarios: Readonly<Record<string, StoredScenario>> }>("strongswan-ikev2.json");

export const scenarioNames: readonly string[] = Object.keys(file.scenarios);

export function scenario(name: string): Scenario {
  const stored = file.scenarios[name];
  if (stored === undefined) throw new Error(`no scenario ${name}`);
  const values = [...stored.values];
  return {
    name,
    ike: ikeSuite(stored.ike),
    esp: espSuite(stored.esp),
    datagrams: stored.datagrams.map(([from, octets]) => ({ from, octets: fromHex(octets) })),
    ...(stored.certificates && { certificates: stored.certificates }),
    next(label) {
      const at = values.findIndex(([one]) => one === label);
      const [value] = at < 0 ? [] : values.splice(at, 1);
      if (value === undefined) throw new Error(`${name}: no further ${label}`);
      return value[1];
    },
  };
}

/** The suite that a proposal of one algorithm each stands for. */
export function ikeSuite(text: string): IkeSuite {
  const read = parseIkeProposal(text);
  if (!read.ok) throw new Error(read.error);
  const [encryption] = read.value.encryption;
  const [integrity] = read.value.integrity;
  const [prf] = read.value.prf;
  const [group] = read.value.groups;
  if (encryption === undefined || prf === undefined || group === undefined) throw new Error(text);
  return { encryption, integrity, prf, group };
}

/** As ikeSuite; without a word about sequence numbers they are not extended. */
export function espSuite(text: string): EspSuite {
  const read = parseEspProposal(`${text} / no-esn`);
  if (!read.ok) throw new Error(read.error);
  const [encryption] = read.value.encryption;
  const [integrity] = read.value.integrity;
  const [group] = read.value.groups;
  if (encryption === undefined) throw new Error(text);
  return { encryption, integrity, group: group === "none" ? undefined : group, esn: false };
}
