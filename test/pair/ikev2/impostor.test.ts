import { expect, test } from "vitest";
import { ConfigurationAttributeType, ExchangeType, Flag } from "../../../src/iana/ikev2.ts";
import { addressOctets } from "../../../src/util/address.ts";
import type { CpPayload, Payload, SaPayload } from "../../../src/wire/ikev2/payloads.ts";
import { bringUp, childPolicy, childSas, esp, type Ikev2World, ikeSas, ikev2World, told } from "../../support/ikev2.ts";
import { Impostor } from "../../support/ikev2-impostor.ts";

const octets = (text: string): Uint8Array => addressOctets(text) ?? new Uint8Array();

/** Two gateways whose Child SAs must have fresh keys, and somebody in the place of the left one. */
async function impersonated(proposal: string): Promise<{ pair: Ikev2World; impostor: Impostor }> {
  const children = (side: "left" | "right") => [childPolicy(side, { proposals: esp(proposal) })];
  const pair = ikev2World({
    policy: { keyLog: true },
    left: { children: children("left") },
    right: { children: children("right") },
  });
  await bringUp(pair);
  const impostor = new Impostor(pair);
  pair.left.kill();
  return { pair, impostor };
}

/** What the impostor answers to the right gateway's request for a rekeyed Child SA. */
async function answered(change: (answer: SaPayload) => SaPayload, ke: boolean): Promise<Ikev2World> {
  const { pair, impostor } = await impersonated("aes-gcm-16-256, aes-gcm-16-128 / curve25519");
  const { world, right } = pair;
  const handle = right.command({ do: "rekey", target: "tunnel/net" });
  await world.runFor(100);
  const asked = impostor.heard().map(({ payload }) => payload);
  const sa = asked.find((payload) => payload.kind === "SA");
  if (sa?.kind !== "SA") throw new Error("no SA payload");
  const [proposal] = sa.proposals;
  if (proposal === undefined) throw new Error("no proposal");
  // one transform of each type, the first
  const types = [...new Set(proposal.transforms.map(({ type }) => type))];
  const transforms = types.flatMap((type) => proposal.transforms.find((one) => one.type === type) ?? []);
  const chosen: SaPayload = { kind: "SA", proposals: [{ ...proposal, spi: Uint8Array.of(7, 7, 7, 7), transforms }] };
  const answer: Payload[] = asked.flatMap((payload): Payload[] => {
    if (payload.kind === "SA") return [change(chosen)];
    if (payload.kind === "KE") return ke ? [payload] : [];
    return payload.kind === "N" ? [] : [payload];
  });
  impostor.say(ExchangeType.CREATE_CHILD_SA, 0, answer, Flag.RESPONSE);
  await world.runFor(100);
  expect(handle.answer).toMatchObject({ refusal: { code: "refused-by-peer" } });
  expect(childSas(right)).toHaveLength(1);
  return pair;
}

const without =
  (type: number) =>
  (answer: SaPayload): SaPayload => ({
    kind: "SA",
    proposals: answer.proposals.map((one) => ({
      ...one,
      transforms: one.transforms.filter((transform) => transform.type !== type),
    })),
  });

test("a Child SA that must have a fresh key exchange is not taken without one", async () => {
  const pair = await answered(without(4), false);
  expect(told(pair.world, pair.right).join()).toContain("the peer chose what was not offered: no transform of DH (4)");
});

test("a fresh key exchange that was agreed on is not taken without its KE payload", async () => {
  await answered((answer) => answer, false);
});

test("two suites are no answer", async () => {
  await answered((answer) => ({ kind: "SA", proposals: [...answer.proposals, ...answer.proposals] }), true);
});

test("a client that asks for its configuration again has the same address, and hears no version", async () => {
  const pair = ikev2World({
    policy: { keyLog: true },
    left: { requestAddress: ["ipv4"], children: [childPolicy("left", { localSelectors: [] })] },
    right: { pools: ["clients"], children: [childPolicy("right", { remoteSelectors: [] })] },
    rightPolicy: { pools: [{ name: "clients", range: { from: octets("10.3.0.1"), to: octets("10.3.0.9") }, dns: [] }] },
  });
  const { world, left, right } = pair;
  await bringUp(pair);
  const impostor = new Impostor(pair);
  left.kill();
  const ask = async (messageId: number, cfgType: number, ...attributes: [number, Uint8Array][]) => {
    const cp: CpPayload = { kind: "CP", cfgType, attributes: attributes.map(([type, value]) => ({ type, value })) };
    impostor.say(ExchangeType.INFORMATIONAL, messageId, [cp]);
    await world.runFor(10);
    return impostor.heard().flatMap(({ payload }) => (payload.kind === "CP" ? payload.attributes : []));
  };
  const { INTERNAL_IP4_ADDRESS, APPLICATION_VERSION } = ConfigurationAttributeType;
  const nothing = new Uint8Array();
  expect(await ask(2, 1, [INTERNAL_IP4_ADDRESS, octets("10.3.0.9")], [APPLICATION_VERSION, nothing])).toEqual([
    { type: INTERNAL_IP4_ADDRESS, value: octets("10.3.0.1") },
    { type: APPLICATION_VERSION, value: nothing },
  ]);
  expect(await ask(3, 1, [APPLICATION_VERSION, nothing])).toEqual([{ type: APPLICATION_VERSION, value: nothing }]);
  // CFG_SET is ignored
  expect(await ask(4, 3, [INTERNAL_IP4_ADDRESS, octets("10.3.0.9")])).toEqual([]);
  expect(ikeSas(right)[0]?.virtualAddresses).toEqual(["10.3.0.1"]);
});
