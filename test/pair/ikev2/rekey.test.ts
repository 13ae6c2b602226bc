import { describe, expect, test } from "vitest";
import {
  ask,
  bringUp,
  childSas,
  dataPlane,
  type Ikev2World,
  ikeSas,
  ikev2World,
  kinds,
  mirrored,
  told,
} from "../../support/ikev2.ts";

/** Both sides have the same, and nothing is under way. */
async function settled({ world, left, right }: Ikev2World): Promise<void> {
  await world.runFor(60_000);
  expect([left.engine.leftovers, right.engine.leftovers]).toEqual([[], []]);
  expect(mirrored(dataPlane(left))).toEqual(dataPlane(right));
}

describe("a Child SA", () => {
  test("is rekeyed: the new one stands on both sides, the old one is deleted with its reason", async () => {
    const made = ikev2World();
    const { world, left, right } = made;
    await bringUp(made);
    const [before] = childSas(left);
    const { answer } = await ask(world, left, { do: "rekey", target: "tunnel/net" });
    expect(answer).toMatchObject({ reply: { name: "net", state: "installed" } });
    await settled(made);
    expect(childSas(left)).toHaveLength(1);
    expect(childSas(left)[0]?.spiIn).not.toBe(before?.spiIn);
    expect(told(world, right).filter((line) => line.includes("rekeyed"))).toHaveLength(1);
  });

  test("rekeyed by both ends at once is one in the end, and the redundant one says so", async () => {
    const made = ikev2World();
    const { world, left, right } = made;
    await bringUp(made);
    left.command({ do: "rekey", target: "tunnel/net" });
    right.command({ do: "rekey", target: "tunnel/net" });
    await settled(made);
    expect(childSas(left)).toHaveLength(1);
    const both = [...told(world, left), ...told(world, right)];
    expect(both.filter((line) => line.includes("lost a simultaneous rekey"))).toHaveLength(2);
  });
});

describe("an IKE SA", () => {
  test("is rekeyed, and its Child SA stays as it is", async () => {
    const made = ikev2World();
    const { world, left, right } = made;
    await bringUp(made);
    const before = ikeSas(left).map(({ id, children }) => ({ id, children: children.map(({ spiIn }) => spiIn) }));
    await ask(world, right, { do: "rekey", target: "tunnel" });
    await settled(made);
    const after = ikeSas(left).map(({ id, children }) => ({ id, children: children.map(({ spiIn }) => spiIn) }));
    expect(after).toHaveLength(1);
    expect(after[0]?.id).not.toBe(before[0]?.id);
    expect(after[0]?.children).toEqual(before[0]?.children);
    expect(ikeSas(right)[0]?.id).toBe(after[0]?.id);
    expect(kinds(world, left)).toContain("ikev2.rekeyed");
  });

  test("rekeyed by both ends at once is one in the end, with all Child SAs", async () => {
    const made = ikev2World();
    const { left, right } = made;
    await bringUp(made);
    left.command({ do: "rekey", target: "tunnel" });
    right.command({ do: "rekey", target: "tunnel" });
    await settled(made);
    expect(ikeSas(left)).toHaveLength(1);
    expect(ikeSas(right).map(({ id }) => id)).toEqual(ikeSas(left).map(({ id }) => id));
    expect(childSas(left)).toHaveLength(1);
  });
});
