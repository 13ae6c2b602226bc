/** tshark on our own conversations with strongSwan: it decrypts them with our key log, and agrees with our decoder. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oursIkev2, theirsIkev2 } from "../support/ikev2-agreement.ts";
import { ikeDatagrams, openedConversation } from "../support/ikev2-golden.ts";
import { Ikev2Lab, type LabSetup, labCertificates, roles, sasOf } from "../support/ikev2-lab.ts";
import type { Ikev2Peer } from "../support/ikev2-peer.ts";
import { writePcap } from "../support/pcap.ts";
import { dissectIkev2 } from "../support/tshark.ts";

let lab: Ikev2Lab;

beforeAll(async () => {
  lab = await Ikev2Lab.start();
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** A whole life: set up, both kinds of SA rekeyed, deleted with a reason. */
async function life(ours: Ikev2Peer, role: "initiator" | "responder"): Promise<void> {
  const { ike } = await lab.established(role, ours);
  const [first] = ours.pairs.keys();
  await ours.ask({ do: "rekey", target: "charon/net" });
  await ours.until("another pair", () => ours.pairs.size === 1 && !ours.pairs.has(first ?? ""));
  await ours.ask({ do: "rekey", target: "charon" });
  await ours.until("another IKE SA", () => {
    const [one, ...more] = sasOf(ours);
    return more.length === 0 && one?.id !== ike.view.id;
  });
  await ours.ask({ do: "down", target: "charon", reason: "the test is over", downtimeSeconds: 7 });
}

const cases: readonly (LabSetup & { readonly name: string; readonly certified?: true })[] = [
  { name: "AES-GCM-128 and a pre-shared key" },
  {
    name: "AES-CBC-256 with SHA-256 and certificates in fragments",
    certified: true,
    ike: {
      ours: ["aes-cbc-256 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048"],
      charon: ["aes256-sha256-modp2048"],
    },
    ours: { policy: { fragmentOctets: 640 } },
  },
];

describe.each(roles)("our endpoint as %s", (role) => {
  test.each(cases)("$name: tshark reads every payload as we do", async ({ certified, ...setup }) => {
    const certificates = certified ? { certificates: await labCertificates({ kind: "rsa", bits: 2048 }) } : {};
    using ours = await lab.sides({ ...setup, ...certificates });
    await life(ours, role);
    const opened = openedConversation("ours", ours.datagrams, ours.keyLog);
    const ike = new Set(ikeDatagrams(ours.datagrams).map(({ bytes }) => bytes.length));
    expect(ike.size).toBeGreaterThan(4);
    const pcap = writePcap(ours.datagrams.filter((datagram) => ikeDatagrams([datagram]).length > 0));
    const seen = await dissectIkev2(pcap, ours.keyLog);
    expect(seen.map(theirsIkev2)).toEqual(opened.map(oursIkev2));
    // IKE_SA_INIT, IKE_AUTH, two of CREATE_CHILD_SA, three Deletes: each is a request and a response
    expect(opened.filter(({ inner }) => inner !== undefined).length).toBeGreaterThanOrEqual(12);
  });
});
