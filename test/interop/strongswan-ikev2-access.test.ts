/** Virtual addresses and redirection with strongSwan, each way. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AddressPool } from "../../src/ikev2/types.ts";
import { addressOctets } from "../../src/util/address.ts";
import { Ikev2Lab, type LabSetup, sasOf } from "../support/ikev2-lab.ts";
import { story } from "../support/ikev2-story.ts";

let lab: Ikev2Lab;

beforeAll(async () => {
  lab = await Ikev2Lab.start();
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** The pair of sockets of an address. */
function listenOn(address: string) {
  return { ike: { address, port: 500 }, nat: { address, port: 4500 } };
}

function octets(text: string): Uint8Array {
  const found = addressOctets(text);
  if (found === undefined) throw new Error(`${text} is no address`);
  return found;
}

function pool(name: string, from: string, to: string, ...dns: readonly string[]): AddressPool {
  return { name, range: { from: octets(from), to: octets(to) }, dns: dns.map(octets) };
}

describe("virtual addresses", () => {
  test("we are the client: charon gives us an IPv4 and an IPv6 address of its pools", async () => {
    using ours = await lab.sides({
      ours: { connection: { requestAddress: ["ipv4", "ipv6"] }, child: { localSelectors: [] } },
      charon: {
        connection: { pools: ["four", "six"] },
        child: { remote_ts: ["dynamic"] },
        pools: {
          four: { addrs: "10.3.0.0/24", dns: ["10.3.0.53"] },
          six: { addrs: "fd03::/96" },
        },
      },
    });
    const { ike, child } = await lab.established("initiator", ours);
    expect([...ike.view.virtualAddresses].sort()).toEqual([...ike.charon.remoteVirtual].sort());
    expect(ike.view.virtualAddresses).toContain("10.3.0.1");
    expect(child.charon.remote).toContain("10.3.0.1/32");
  });

  test("we are the gateway: charon gets an address of our pool", async () => {
    const pools = [pool("office", "10.4.0.10", "10.4.0.20", "10.4.0.53")];
    using ours = await lab.sides({
      ours: { connection: { pools: ["office"] }, child: { remoteSelectors: [] }, policy: { pools } },
      charon: { connection: { vips: ["0.0.0.0"] }, child: { local_ts: ["dynamic"] } },
    });
    const { ike, child } = await lab.established("responder", ours);
    expect(ike.charon.localVirtual).toEqual(["10.4.0.10"]);
    expect(ike.view.virtualAddresses).toEqual(["10.4.0.10"]);
    expect(child.charon.local).toEqual(["10.4.0.10/32"]);
  });

  test("the address stays when the IKE SA is rekeyed, and is free again when the client has gone", async () => {
    const pools = [pool("office", "10.4.0.10", "10.4.0.10")];
    const setup: LabSetup = {
      ours: { connection: { pools: ["office"] }, child: { remoteSelectors: [] }, policy: { pools } },
      charon: { connection: { vips: ["0.0.0.0"] }, child: { local_ts: ["dynamic"] } },
    };
    using ours = await lab.sides(setup);
    const before = await lab.established("responder", ours);
    await lab.charon.rekey({ ike: "lab" });
    await ours.until("another IKE SA", () => {
      const [one, ...more] = sasOf(ours);
      return more.length === 0 && one !== undefined && one.id !== before.ike.view.id;
    });
    expect((await lab.agreed(ours)).ike.view.virtualAddresses).toEqual(["10.4.0.10"]);
    await lab.charon.terminate({ ike: "lab" });
    await ours.until("nothing", () => sasOf(ours).length === 0);
    const again = await lab.established("responder", ours);
    expect(again.ike.charon.localVirtual).toEqual(["10.4.0.10"]);
  });
});

describe("REDIRECT", () => {
  test("charon sends us to another gateway: we go there, then delete the old IKE SA, saying why", async () => {
    const second = await lab.secondAddress("right");
    using ours = await lab.sides({ charon: { connection: { local_addrs: [lab.pair.right.address, second] } } });
    await lab.established("initiator", ours);
    await lab.charon.redirect(second);
    await ours.until("at the other gateway", () => {
      const [one, ...more] = sasOf(ours);
      return more.length === 0 && one?.state === "established" && one.remote.address === second;
    });
    await lab.charon.until("one IKE SA", (sas) => sas.length === 1);
    await lab.agreed(ours);
    const told = story(ours, lab.pair.left.address);
    expect(told).toContainEqual(expect.stringMatching(/^> IKE_SA_INIT .*N\(REDIRECTED_FROM\)/));
    expect(told.at(-2)).toBe('> INFORMATIONAL D(IKE) N(DELETE_REASON 0 "redirected to another gateway")');
  });

  test("we send charon to another gateway while its IKE SA stands: it goes there and deletes the old one", async () => {
    const second = await lab.secondAddress("left");
    using ours = await lab.sides({
      ours: { anyLocal: true, policy: { listen: [listenOn(lab.pair.left.address), listenOn(second)] } },
    });
    await lab.established("responder", ours);
    await ours.ask({ do: "redirect", target: "charon", gateway: second });
    const [sa] = await lab.charon.until(
      "at the other gateway",
      (sas) => sas.length === 1 && sas[0]?.remoteHost === second,
    );
    expect(sa?.state).toBe("ESTABLISHED");
    await ours.until("one IKE SA", () => sasOf(ours).length === 1);
    await lab.agreed(ours);
  });

  test("we send charon to another gateway in answer to its IKE_SA_INIT", async () => {
    const second = await lab.secondAddress("left");
    await lab.configureCharon({});
    using busy = await lab.ours({ ours: { connection: { redirectTo: second } } });
    using other = await lab.ours({ ours: { anyLocal: true, policy: { listen: [listenOn(second)] } } });
    await lab.charon.initiate();
    const [sa] = await lab.charon.until("at the other gateway", (sas) => sas[0]?.state === "ESTABLISHED");
    expect(sa?.remoteHost).toBe(second);
    await lab.agreed(other);
    expect(sasOf(busy)).toEqual([]);
  });
});
