/** What the keys of a Child SA with strongSwan are worth: its userspace ESP and ours exchange a ping. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChildSaPair } from "../../src/sad/sad.ts";
import { equal } from "../../src/util/octets.ts";
import { echoReply, openEsp, sealEsp } from "../support/esp.ts";
import { Ikev2Lab, roles } from "../support/ikev2-lab.ts";

let lab: Ikev2Lab;

beforeAll(async () => {
  lab = await Ikev2Lab.start();
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

describe.each(roles)("a ping of charon's host through the tunnel, our endpoint as %s", (role) => {
  test("is opened with the keys of our pair, and answered: before and after a rekey", async () => {
    using ours = await lab.sides();
    let sequence = 0;
    const used = new Set<ChildSaPair>();
    ours.esp = (packet) => {
      const pair = ours.allPairs.find(({ spiIn }) => equal(spiIn, packet.subarray(0, 4)));
      const reply = pair && echoReply(openEsp(pair, packet));
      if (pair === undefined || reply === undefined) return undefined;
      used.add(pair);
      sequence += 1;
      return sealEsp(pair, sequence, reply);
    };
    await lab.established(role, ours);
    await lab.pair.right.exec("ping", ...ping);
    const [before] = ours.pairs.keys();
    await ours.ask({ do: "rekey", target: "charon/net" });
    await ours.until("another pair", () => ours.pairs.size === 1 && !ours.pairs.has(before ?? ""));
    await lab.pair.right.exec("ping", ...ping);
    expect([...used]).toEqual(ours.allPairs);
  });
});

/** It fails when one of them is not answered. */
const ping = ["-q", "-c", "1", "-W", "2", "-I", "10.2.0.1", "10.1.0.1"];
