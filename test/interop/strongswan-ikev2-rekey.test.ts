/** CREATE_CHILD_SA with strongSwan, begun by either side or by both at once, and re-authentication. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Flag } from "../../src/iana/ikev2.ts";
import { selector } from "../support/ikev2.ts";
import { defaultEsp, Ikev2Lab, type LabSetup, type Role, roles, sasOf, standing } from "../support/ikev2-lab.ts";
import type { Ikev2Peer } from "../support/ikev2-peer.ts";
import { story } from "../support/ikev2-story.ts";

let lab: Ikev2Lab;

beforeAll(async () => {
  lab = await Ikev2Lab.start(["delete_rekeyed_delay = 1"]);
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** Who begins. */
const sides = ["we", "charon"] as const;
type Side = (typeof sides)[number];

const cases = roles.flatMap((role) => sides.map((side) => ({ role, side })));

async function rekeyChild(side: Side, ours: Ikev2Peer): Promise<void> {
  if (side === "we") await ours.ask({ do: "rekey", target: "charon/net" });
  else await lab.charon.rekey({ child: "net" });
}

async function rekeyIke(side: Side, ours: Ikev2Peer): Promise<void> {
  if (side === "we") await ours.ask({ do: "rekey", target: "charon" });
  else await lab.charon.rekey({ ike: "lab" });
}

/** The inbound SPIs of what stands, once it is other than `before`. */
function newPair(ours: Ikev2Peer, before: string): Promise<unknown> {
  return ours.until("another pair", () => ours.pairs.size === 1 && !ours.pairs.has(before));
}

function spiIn(ours: Ikev2Peer): string {
  const [spi] = ours.pairs.keys();
  return spi ?? "";
}

describe.each(cases)("our endpoint as $role; $side begin", ({ role, side }) => {
  test.each([
    { name: "with PFS", esp: defaultEsp, group: /CURVE_25519/ },
    {
      name: "without PFS",
      esp: { ours: ["aes-gcm-16-128 / no-esn"], charon: ["aes128gcm16"] },
      group: /^AES_GCM_16-128$/,
    },
  ])("a Child SA is rekeyed $name", async ({ esp, group }) => {
    using ours = await lab.sides({ esp });
    await lab.established(role, ours);
    const first = spiIn(ours);
    await rekeyChild(side, ours);
    await newPair(ours, first);
    const { child } = await lab.agreed(ours);
    expect(child.charon.suite).toMatch(group);
  });

  test("a Child SA is rekeyed again and again", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    for (let i = 0; i < 4; i++) {
      const before = spiIn(ours);
      await rekeyChild(side, ours);
      await newPair(ours, before);
      await lab.agreed(ours);
    }
    expect(ours.allPairs).toHaveLength(5);
  });

  test("an IKE SA is rekeyed: its Child SA stays, and can be rekeyed in the new one", async () => {
    using ours = await lab.sides();
    const before = await lab.established(role, ours);
    const child = spiIn(ours);
    await rekeyIke(side, ours);
    await ours.until("another IKE SA", () => {
      const [one, ...more] = sasOf(ours);
      return more.length === 0 && one !== undefined && one.id !== before.ike.view.id;
    });
    await lab.charon.until("one IKE SA", (sas) => sas.length === 1);
    await lab.agreed(ours);
    expect(spiIn(ours)).toBe(child);
    await rekeyChild(side, ours);
    await newPair(ours, child);
    await lab.agreed(ours);
  });

  test("an IKE SA is rekeyed three times in a row", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    for (let i = 0; i < 3; i++) {
      const [before] = sasOf(ours);
      await rekeyIke(side, ours);
      await ours.until("another IKE SA", () => {
        const [one, ...more] = sasOf(ours);
        return more.length === 0 && one !== undefined && one.id !== before?.id;
      });
      await lab.charon.until("one IKE SA", (sas) => sas.length === 1);
      await lab.agreed(ours);
    }
  });

  test("the IKE SA is authenticated again", async () => {
    using ours = await lab.sides();
    const before = await lab.established(role, ours);
    if (side === "we") await ours.ask({ do: "reauthenticate", target: "charon" });
    else await lab.charon.rekey({ ike: "lab", reauth: "yes" });
    await ours.until("another IKE SA", () => {
      const [one, ...more] = sasOf(ours);
      return more.length === 0 && one?.state === "established" && one.id !== before.ike.view.id;
    });
    const after = await lab.agreed(ours);
    // whoever authenticates again is the initiator from then on
    expect(after.ike.view.role).toBe(side === "we" ? "initiator" : "responder");
    const told = story(ours, lab.pair.left.address);
    if (side === "we")
      expect(told).toContainEqual(expect.stringContaining('N(DELETE_REASON 0 "IKE SA is re-authenticated")'));
  });
});

describe("AUTH_LIFETIME (RFC 4478)", () => {
  const hour = 3_600_000;

  test("charon as gateway says it: we are back before its time is over", async () => {
    // which it does to clients that it gives an address
    using ours = await lab.sides({
      ours: { connection: { requestAddress: ["ipv4"] }, child: { localSelectors: [] } },
      charon: {
        connection: { pools: ["clients"], reauth_time: "2h", rand_time: "0" },
        child: { remote_ts: ["dynamic"] },
        pools: { clients: { addrs: "10.3.0.0/24" } },
      },
    });
    const { ike } = await lab.established("initiator", ours);
    const lasts = (ike.view.reauthenticateAt ?? 0) - (ike.view.since ?? 0);
    expect(lasts).toBeGreaterThan(1.7 * hour);
    expect(lasts).toBeLessThan(1.85 * hour);
  });

  test("we as gateway say it: charon is to be back in time", async () => {
    using ours = await lab.sides({
      ours: { connection: { reauthenticateMs: 2 * hour }, anyRemote: true },
      charon: { connection: { over_time: "10m" } },
    });
    await lab.established("responder", ours);
    const [sa] = await lab.charon.until("a time", ([one]) => one?.reauthenticatesIn !== undefined);
    expect(sa?.reauthenticatesIn).toBeGreaterThan(6000);
    expect(sa?.reauthenticatesIn).toBeLessThanOrEqual(6600);
  });
});

describe("a second Child SA", () => {
  const setup: LabSetup = {
    ours: {
      children: [{ name: "dmz", start: "manual", localSelectors: [selector("10.1.7.0", "10.1.7.255")] }],
    },
    charon: { children: { dmz: { remote_ts: ["10.1.7.0/24"] } } },
  };

  test.each(sides)("%s make it", async (side) => {
    using ours = await lab.sides(setup);
    await lab.established("initiator", ours);
    if (side === "we") await ours.ask({ do: "up", target: "charon/dmz" });
    else await lab.charon.initiate("dmz");
    const [sa] = await lab.charon.until("two Child SAs", ([one]) => one?.children.length === 2);
    const theirs = (sa?.children ?? []).map((child) => [child.spiOut, child.spiIn, child.name]);
    await ours.until("two Child SAs", () => ours.pairs.size === 2);
    const [view] = sasOf(ours);
    const own = (view?.children ?? []).map((child) => [child.spiIn, child.spiOut, child.name]);
    expect(own.sort()).toEqual(theirs.sort());
  });
});

/** Both begin before they hear the other. charon has answered by the time that we hear of either. */
async function atOnce(ours: Ikev2Peer, we: () => void, charon: () => Promise<void>): Promise<void> {
  ours.hold(() => true);
  we();
  await charon();
  await ours.until("both requests are out", () => ours.held >= 2);
  // charon drops an answer that comes while it works on a request with the same Message ID
  ours.releaseOut();
  await ours.until("charon has answered", () => ours.held >= 2);
  ours.release();
}

/** The next response of ours is lost once. */
function loseAnAnswer(ours: Ikev2Peer): void {
  let lost = false;
  ours.drop((direction, { bytes }) => {
    const response = direction === "out" && ((bytes[4 + 19] ?? 0) & Flag.RESPONSE) !== 0;
    const now = response && !lost;
    lost ||= now;
    return now;
  });
}

describe.each(roles)("both begin at once, our endpoint as %s", (role) => {
  // the lowest of four nonces decides who loses: some rounds for either to do so
  test("rekeying the Child SA: one is left", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    for (let round = 0; round < 4; round++) {
      const before = spiIn(ours);
      await atOnce(
        ours,
        () => ours.command({ do: "rekey", target: "charon/net" }),
        () => lab.charon.rekey({ child: "net" }),
      );
      await newPair(ours, before);
      await lab.agreed(ours);
    }
  });

  test.each([
    { name: "one is left, with the Child SA", lose: false },
    { name: "one is left although our answer is lost at first", lose: true },
  ])("rekeying the IKE SA: $name", async ({ lose }) => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    const child = spiIn(ours);
    for (let round = 0; round < 4; round++) {
      const [before] = standing(ours);
      if (lose) loseAnAnswer(ours);
      await atOnce(
        ours,
        () => ours.command({ do: "rekey", target: "charon" }),
        () => lab.charon.rekey({ ike: "lab" }),
      );
      await ours.until("one other IKE SA", () => {
        const [one, ...more] = standing(ours);
        return more.length === 0 && one?.children.length === 1 && one.id !== before?.id;
      });
      await lab.charon.until("one IKE SA", (sas) => sas.length === 1);
      await lab.agreed(ours);
      expect(spiIn(ours)).toBe(child);
    }
  });

  test("deleting the Child SA: it is gone, the IKE SA stays", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await atOnce(
      ours,
      () => ours.command({ do: "down", target: "charon/net" }),
      () => lab.charon.terminate({ child: "net", timeout: "-1" }),
    );
    await ours.until("no pair", () => ours.pairs.size === 0);
    await lab.charon.until("no child", ([sa]) => sa?.state === "ESTABLISHED" && sa.children.length === 0);
    expect(sasOf(ours)).toHaveLength(1);
  });

  test("deleting the IKE SA: it is gone", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await atOnce(
      ours,
      () => ours.command({ do: "down", target: "charon" }),
      () => lab.charon.terminate({ ike: "lab", timeout: "-1" }),
    );
    await ours.until("nothing", () => sasOf(ours).length === 0);
    await lab.charon.until("nothing", (sas) => sas.length === 0);
    expect(ours.pairs.size).toBe(0);
  });

  test("we rekey the Child SA, charon deletes it: it is gone", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await atOnce(
      ours,
      () => ours.command({ do: "rekey", target: "charon/net" }),
      () => lab.charon.terminate({ child: "net", timeout: "-1" }),
    );
    await ours.until("no pair", () => ours.pairs.size === 0);
    await lab.charon.until("no child", ([sa]) => sa?.state === "ESTABLISHED" && sa.children.length === 0);
  });

  test("charon rekeys the Child SA, we delete it: it is gone", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await atOnce(
      ours,
      () => ours.command({ do: "down", target: "charon/net" }),
      () => lab.charon.rekey({ child: "net" }),
    );
    await ours.until("no pair", () => ours.pairs.size === 0);
    await lab.charon.until("no child", ([sa]) => sa?.state === "ESTABLISHED" && sa.children.length === 0);
  });

  test("we rekey the Child SA, charon the IKE SA: in the end both have the same", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await atOnce(
      ours,
      () => ours.command({ do: "rekey", target: "charon/net" }),
      () => lab.charon.rekey({ ike: "lab" }),
    );
    await lab.agreed(ours);
  });

  test("we rekey the IKE SA, charon the Child SA: in the end both have the same", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await atOnce(
      ours,
      () => ours.command({ do: "rekey", target: "charon" }),
      () => lab.charon.rekey({ child: "net" }),
    );
    await lab.agreed(ours);
  });
});

describe("make before break", () => {
  beforeAll(async () => {
    await lab.restartCharon(["make_before_break = yes", "delete_rekeyed_delay = 1"]);
  });

  test.each(roles)(
    "charon authenticates again, our endpoint as %s first: no moment without a Child SA",
    async (role: Role) => {
      using ours = await lab.sides();
      const before = await lab.established(role, ours);
      let least = ours.pairs.size;
      const watch = setInterval(() => {
        least = Math.min(least, ours.pairs.size);
      }, 1);
      await lab.charon.rekey({ ike: "lab", reauth: "yes" });
      await ours.until("another IKE SA", () => {
        const [one, ...more] = sasOf(ours);
        return more.length === 0 && one?.state === "established" && one.id !== before.ike.view.id;
      });
      clearInterval(watch);
      await lab.agreed(ours);
      expect(least).toBe(1);
    },
  );
});
