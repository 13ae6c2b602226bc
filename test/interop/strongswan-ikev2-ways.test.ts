/** strongSwan as it comes, and the ways in which peers differ: identities, IPv6, IKE SAs without a child, lossy networks. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultEspProposals, defaultIkeProposals } from "../../src/ikev2/suite.ts";
import { hex } from "../../src/util/octets.ts";
import { Ikev2Lab, type LabSetup, labCertificates, roles, type Spelled, sasOf } from "../support/ikev2-lab.ts";
import type { Ikev2Peer } from "../support/ikev2-peer.ts";
import { story } from "../support/ikev2-story.ts";

let lab: Ikev2Lab;

beforeAll(async () => {
  lab = await Ikev2Lab.start(["retransmit_timeout = 0.2", "retransmit_tries = 5"]);
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** What a connection has that sets nothing, on either side. */
const defaults: LabSetup = {
  ours: { connection: { ikeProposals: defaultIkeProposals }, child: { proposals: defaultEspProposals } },
  charon: {
    connection: { proposals: ["default"], mobike: "yes", send_cert: "ifasked", unique: "no" },
    child: { esp_proposals: ["default"] },
  },
};

describe.each(roles)("our endpoint as %s", (role) => {
  test("the defaults of both, with a pre-shared key", async () => {
    using ours = await lab.sides(defaults);
    const { ike } = await lab.established(role, ours);
    await ours.ask({ do: "rekey", target: "charon/net" });
    await ours.ask({ do: "rekey", target: "charon" });
    await lab.agreed(ours);
    expect(ike.charon.suite).toMatch(/CURVE_25519$/);
  });

  test("the defaults of both, with certificates that are sent when they are asked for", async () => {
    using ours = await lab.sides({
      ...defaults,
      certificates: await labCertificates({ kind: "ecdsa", curve: "P-256" }),
    });
    await lab.established(role, ours);
  });

  test.each<{ readonly kind: string; readonly ids: { readonly ours: Spelled; readonly charon: Spelled } }>([
    {
      kind: "addresses",
      ids: { ours: same("192.0.2.1"), charon: same("192.0.2.2") },
    },
    {
      kind: "mail addresses",
      ids: {
        ours: { ours: "user:we@ours.example", charon: "we@ours.example" },
        charon: { ours: "user:it@charon.example", charon: "it@charon.example" },
      },
    },
    {
      kind: "opaque octets",
      ids: {
        ours: { ours: `keyid:${hex(Buffer.from("ours"))}`, charon: "keyid:ours" },
        charon: { ours: `keyid:${hex(Buffer.from("charon"))}`, charon: "keyid:charon" },
      },
    },
  ])("$kind as identities", async ({ ids }) => {
    using ours = await lab.sides({ ids });
    if (role === "initiator") await ours.ask({ do: "up", target: "charon" });
    else await lab.charon.initiate();
    const { ike } = await lab.charon.up();
    expect(ike.spiI).not.toBe("");
    expect(sasOf(ours)).toMatchObject([{ state: "established", remoteIdentity: ids.charon.ours }]);
  });

  test("the subjects of the certificates as identities", async () => {
    using ours = await lab.sides({ certificates: await labCertificates({ kind: "ed25519" }), ids: {} });
    const { ike } = await lab.established(role, ours);
    expect(ike.view.remoteIdentity).toBe("dn:CN=charon.example,O=strongSwan,C=CH");
  });

  test("over IPv6", async () => {
    using ours = await lab.sides({ family: 6 });
    const { ike } = await lab.established(role, ours);
    expect(ike.view.remote.address).toMatch(/^fd96:/);
  });

  test("an IKE SA without a Child SA (RFC 6023), which follows when it is asked for", async () => {
    using ours = await lab.sides({
      ours: { child: { start: "manual" } },
      charon: { connection: { childless: role === "initiator" ? "allow" : "force" } },
    });
    if (role === "initiator") {
      await ours.ask({ do: "up", target: "charon" });
      await ours.ask({ do: "up", target: "charon/net" });
    } else await lab.charon.initiate();
    await lab.agreed(ours);
    const told = story(ours, lab.pair.left.address);
    expect(told.find((line) => line.includes("IKE_AUTH"))).not.toContain(" SA");
  });

  test("the first copy of every message is lost: all goes through, the same octets again", async () => {
    using ours = await lab.sides({ ours: { policy: { retransmission: quick } } });
    loseFirstCopies(ours);
    await lab.established(role, ours);
    const [before] = ours.pairs.keys();
    await lab.charon.rekey({ child: "net" });
    await ours.until("another pair", () => ours.pairs.size === 1 && !ours.pairs.has(before ?? ""));
    // charon refuses for as long as its Delete is unanswered
    await lab.agreed(ours);
    await ours.ask({ do: "rekey", target: "charon" });
    await lab.charon.until("one IKE SA", (sas) => sas.length === 1);
    await lab.agreed(ours);
    await ours.ask({ do: "down", target: "charon" });
    await lab.charon.until("nothing", (sas) => sas.length === 0);
  });
});

const quick = { firstMs: 150, factor: 1.5, maxMs: 500, tries: 6 };

function same(text: string): Spelled {
  return { ours: text, charon: text };
}

/** A datagram passes when its octets come for the second time. */
function loseFirstCopies(ours: Ikev2Peer): void {
  const seen = new Set<string>();
  ours.drop((direction, { bytes }) => {
    const key = `${direction} ${hex(bytes)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
