/** How SAs with strongSwan end: deleted by either side, ours with DELETE_REASON; silence; and coming back. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ikev2Lab, type LabSetup, roles, sasOf } from "../support/ikev2-lab.ts";
import type { Ikev2Peer } from "../support/ikev2-peer.ts";
import { story } from "../support/ikev2-story.ts";

let lab: Ikev2Lab;

/** charon gives up after less than a second. */
const impatient = ["retransmit_timeout = 0.1", "retransmit_tries = 2"];

beforeAll(async () => {
  lab = await Ikev2Lab.start(impatient);
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** What was said from the first Delete on. */
function ending(ours: Ikev2Peer): string[] {
  const told = story(ours, lab.pair.left.address);
  return told.slice(told.findIndex((line) => line.includes("D(")));
}

describe.each(roles)("our endpoint as %s", (role) => {
  test("we delete the Child SA: charon answers with the other direction's Delete and keeps the IKE SA", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await ours.ask({ do: "down", target: "charon/net", reason: "the annex is being rebuilt", downtimeSeconds: 600 });
    await lab.charon.until("childless", ([sa]) => sa?.state === "ESTABLISHED" && sa.children.length === 0);
    expect(ours.pairs.size).toBe(0);
    expect(sasOf(ours)).toMatchObject([{ state: "established", children: [] }]);
    expect(ending(ours)).toEqual([
      '> INFORMATIONAL D(ESP) N(DELETE_REASON 600 "the annex is being rebuilt")',
      "< INFORMATIONAL res D(ESP)",
    ]);
  });

  test("we delete the IKE SA: charon answers and has nothing left", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await ours.ask({ do: "down", target: "charon" });
    await lab.charon.until("nothing", (sas) => sas.length === 0);
    expect(sasOf(ours)).toEqual([]);
    expect(ending(ours)).toEqual([
      '> INFORMATIONAL D(IKE) N(DELETE_REASON 0 "taken down by the operator")',
      "< INFORMATIONAL res",
    ]);
  });

  test.each([
    ["service-shutdown", 0, "IKE service is shutting down"],
    ["service-restart", 5, "IKE service is restarting"],
    ["host-shutdown", 65_535, "host is shutting down"],
    ["host-restart", 120, "host is restarting"],
  ] as const)("our end by %s is told to charon, which lets go", async (cause, downtimeSeconds, text) => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await ours.ask({ do: "shutdown", cause, downtimeSeconds, withinMs: 2000 });
    await lab.charon.until("nothing", (sas) => sas.length === 0);
    expect(ending(ours)).toEqual([
      `> INFORMATIONAL D(IKE) N(DELETE_REASON ${downtimeSeconds} "${text}")`,
      "< INFORMATIONAL res",
    ]);
  });

  test("a reason of 255 octets is no burden for charon", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await ours.ask({ do: "down", target: "charon", reason: "ä".repeat(127) });
    await lab.charon.until("nothing", (sas) => sas.length === 0);
    expect(ending(ours)).toHaveLength(2);
  });

  test("without DELETE_REASON, when it is configured off", async () => {
    const deleteReason = { send: false, notifyType: 40_960, downtimeSeconds: {} };
    using ours = await lab.sides({ ours: { policy: { deleteReason } } });
    await lab.established(role, ours);
    await ours.ask({ do: "down", target: "charon" });
    expect(ending(ours)).toEqual(["> INFORMATIONAL D(IKE)", "< INFORMATIONAL res"]);
  });

  test("under another number, when it is configured so", async () => {
    const deleteReason = { send: true, notifyType: 49_999, downtimeSeconds: {} };
    using ours = await lab.sides({ ours: { policy: { deleteReason } } });
    await lab.established(role, ours);
    await ours.ask({ do: "down", target: "charon" });
    expect(ending(ours)).toEqual(["> INFORMATIONAL D(IKE) N(49999)", "< INFORMATIONAL res"]);
  });

  test("charon deletes the Child SA: we answer with the other direction's Delete, why included", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await lab.charon.terminate({ child: "net" });
    await ours.until("no pair", () => ours.pairs.size === 0);
    expect(sasOf(ours)).toMatchObject([{ state: "established", children: [] }]);
    expect(ending(ours)).toMatchObject([
      "< INFORMATIONAL D(ESP)",
      expect.stringMatching(/^> INFORMATIONAL res D\(ESP\)/),
    ]);
  });

  test("charon deletes the IKE SA: we answer with nothing, and have nothing left", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await lab.charon.terminate({ ike: "lab" });
    await ours.until("nothing", () => sasOf(ours).length === 0);
    expect(ours.pairs.size).toBe(0);
    expect(ending(ours)).toEqual(["< INFORMATIONAL D(IKE)", "> INFORMATIONAL res"]);
  });

  test("charon ends by SIGTERM: it says so once, and we let go", async () => {
    using ours = await lab.sides();
    await lab.established(role, ours);
    await lab.stopCharon();
    await ours.until("nothing", () => sasOf(ours).length === 0);
    await lab.startCharon(impatient);
  });

  test("charon that wants it up again begins anew before it answers our Delete", async () => {
    using ours = await lab.sides({ charon: { child: { close_action: "start" } } });
    const before = await lab.established(role, ours);
    await ours.ask({ do: "down", target: "charon" });
    const after = await lab.agreed(ours);
    expect(after.ike.view).toMatchObject({ role: "responder" });
    expect(after.ike.view.id).not.toBe(before.ike.view.id);
  });
});

test("a connection that is always to be up comes back after charon deleted it", async () => {
  using ours = await lab.sides({ ours: { connection: { start: "always", retryMs: { first: 50, max: 200 } } } });
  const before = await lab.agreed(ours);
  await lab.charon.terminate({ ike: "lab" });
  await ours.until("another IKE SA", () => sasOf(ours).some(({ id }) => id !== before.ike.view.id));
  await lab.agreed(ours);
});

const quick = { firstMs: 100, factor: 1.5, maxMs: 300, tries: 3 };

describe.each(roles)("a peer vanishes, our endpoint as %s", (role) => {
  const watchful: LabSetup = {
    ours: { connection: { livenessMs: 200 }, policy: { retransmission: quick } },
  };
  const watchfulCharon: LabSetup = { charon: { connection: { dpd_delay: "1s" } } };

  test("charon answers our liveness checks", async () => {
    using ours = await lab.sides(watchful);
    await lab.established(role, ours);
    const checks = () => story(ours, lab.pair.left.address).filter((line) => line === "< INFORMATIONAL res");
    await ours.until("two checks answered", () => checks().length >= 2);
    await lab.agreed(ours);
  });

  test("we answer charon's", async () => {
    using ours = await lab.sides(watchfulCharon);
    await lab.established(role, ours);
    const mark = await lab.charon.mark();
    await lab.charon.logged(/parsed INFORMATIONAL response \d+ \[ \]/, mark);
    await lab.agreed(ours);
  });

  test("charon is killed: we notice and say so", async () => {
    using ours = await lab.sides(watchful);
    await lab.established(role, ours);
    await lab.charon.kill();
    await ours.event("ikev2.peer-dead");
    expect(sasOf(ours)).toEqual([]);
    expect(ours.pairs.size).toBe(0);
    await lab.startCharon(impatient);
  });

  test("we are gone: charon notices", async () => {
    using ours = await lab.sides(watchfulCharon);
    await lab.established(role, ours);
    ours.kill();
    await lab.charon.until("nothing", (sas) => sas.length === 0);
  });
});

describe("INITIAL_CONTACT after a restart", () => {
  test.each(roles)("we come back and begin, having been %s: charon drops the old IKE SA", async (role) => {
    using first = await lab.sides({ charon: { connection: { unique: "replace" } } });
    const before = await lab.established(role, first);
    first.kill();
    using ours = await lab.ours();
    const after = await lab.established("initiator", ours);
    expect(after.ike.charon.uniqueId).not.toBe(before.ike.charon.uniqueId);
    expect(story(ours, lab.pair.left.address)).toContainEqual(
      expect.stringMatching(/^> IKE_AUTH .*N\(INITIAL_CONTACT\)/),
    );
  });

  test.each(roles)(
    "charon comes back and begins, we had been %s: we drop the old one, and the ledger says why",
    async (role) => {
      using ours = await lab.sides();
      const before = await lab.established(role, ours);
      await lab.restartCharon(impatient);
      await lab.configureCharon({});
      const after = await lab.established("responder", ours);
      expect(after.ike.view.id).not.toBe(before.ike.view.id);
      const replaced = await ours.event("ikev2.replaced");
      expect(replaced).toMatchObject({
        reason: "replaced after INITIAL_CONTACT",
        figures: { code: "initial-contact" },
      });
    },
  );
});
