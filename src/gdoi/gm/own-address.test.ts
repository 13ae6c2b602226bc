import { describe, expect, test } from "vitest";
import { at, gcksAddress, gmPolicy } from "../../../test/support/group.ts";
import { acksIn, eventsIn, keyServer, MemberBench } from "../../../test/support/scripted-key-server.ts";
import { addressOctets } from "../../util/address.ts";
import { decodeAck } from "../../wire/gdoi/ack.ts";
import type { GmPolicy } from "./types.ts";

const wildcard = at("0.0.0.0");

/** A member that listens on 0.0.0.0 and has the address `local` towards its key server. */
function anywhere(local?: string): Partial<GmPolicy> {
  return { local: wildcard, keyServers: [{ name: "ks", endpoint: at(gcksAddress), ...(local && { local }) }] };
}

function reconfigured(bench: MemberBench, changes: Partial<GmPolicy>) {
  return bench.command({ do: "reconfigure", policy: gmPolicy("198.51.100.10", changes) });
}

/** The ID of the acknowledgement that a push of new TEKs gets. */
function idOfAck(bench: MemberBench) {
  const { server } = bench;
  const [ack] = acksIn(bench.receive(server.push(server.tekPayloads([server.newTek()])), keyServer, wildcard));
  const view = decodeAck(ack?.bytes ?? new Uint8Array(0));
  return { from: ack?.from, id: view.ok ? view.value.id : undefined };
}

describe("a member that listens on a wildcard address", () => {
  test("puts its own address towards the key server into acknowledgements", () => {
    const bench = new MemberBench(anywhere("198.51.100.77")).start();
    expect(bench.view.state).toBe("registered");
    expect(idOfAck(bench)).toEqual({ from: at("198.51.100.77"), id: addressOctets("198.51.100.77") });
  });

  test("waits while no route leads to the key server, and registers as soon as one does", () => {
    const bench = new MemberBench(anywhere()).start();
    bench.pass(60_000);
    expect(bench.phase1.dialled).toEqual([]);
    expect(bench.view).toMatchObject({ state: "retrying", lastError: "no route leads to the key server ks" });
    reconfigured(bench, anywhere("198.51.100.77"));
    expect(bench.view.state).toBe("registered");
  });

  test("registers again, under a new Phase 1 SA, when its address changes", () => {
    const bench = new MemberBench(anywhere("198.51.100.77")).start();
    const outputs = reconfigured(bench, anywhere("198.51.100.78"));
    expect(eventsIn(outputs)).toEqual(expect.arrayContaining(["gm.address-changed", "gm.registered"]));
    expect(bench.phase1.dialled).toEqual(["ks", "ks"]);
    expect(idOfAck(bench).id).toEqual(addressOctets("198.51.100.78"));
  });

  test("does nothing when its address stays, or is not known for a while", () => {
    const bench = new MemberBench(anywhere("198.51.100.77")).start();
    reconfigured(bench, anywhere("198.51.100.77"));
    reconfigured(bench, anywhere());
    expect(bench.phase1.dialled).toEqual(["ks"]);
    expect(idOfAck(bench).id).toEqual(addressOctets("198.51.100.77"));
  });
});
