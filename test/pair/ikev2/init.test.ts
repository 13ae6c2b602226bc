import { expect, test } from "vitest";
import { bringUp, childSas, dataPlane, ikeSas, ikev2World, mirrored } from "../../support/ikev2.ts";

test("two gateways bring an IKE SA up with a Child SA, with the same keys at both ends", async () => {
  const pair = ikev2World();
  await bringUp(pair);
  const { left, right } = pair;
  expect(ikeSas(left).map(({ state, role }) => [state, role])).toEqual([["established", "initiator"]]);
  expect(ikeSas(right).map(({ state, role }) => [state, role])).toEqual([["established", "responder"]]);
  expect(ikeSas(left)[0]?.id).toBe(ikeSas(right)[0]?.id);
  expect(childSas(left)).toHaveLength(1);
  expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
});
