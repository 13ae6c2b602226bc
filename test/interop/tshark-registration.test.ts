import { describe, expect, test } from "vitest";
import { ours, theirs } from "../support/agreement.ts";
import { decryptDatagrams } from "../support/golden.ts";
import { writePcap } from "../support/pcap.ts";
import { capturedRegistrations, type Registration, vectorRegistrations } from "../support/registrations.ts";
import { dissect } from "../support/tshark.ts";

const portsOf = ({ datagrams }: Registration) => [
  ...new Set(datagrams.flatMap(({ fromPort, toPort }) => [fromPort, toPort])),
];

/** tshark and our decoder on every message of a registration. */
async function bothReadings(registration: Registration) {
  const dissected = await dissect(writePcap(registration.datagrams), portsOf(registration), registration.key);
  const clear = decryptDatagrams(
    registration.name,
    registration.datagrams.map(({ bytes }) => bytes),
    registration.key.key,
  );
  return { seen: dissected.map(theirs), expected: clear.map(ours) };
}

describe.each([...capturedRegistrations(), ...vectorRegistrations().slice(0, 4)])(
  "tshark and our decoder on $name",
  (registration) => {
    test("agree on every payload of main mode and GROUPKEY-PULL", async () => {
      const { seen, expected } = await bothReadings(registration);
      expect(seen).toHaveLength(10);
      expect(seen).toEqual(expected);
    });
  },
);
