import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { ExchangeType, NotifyType, ProtocolId } from "../../../src/iana/ikev2.ts";
import { payloadsOf } from "../../../src/ikev2/contents.ts";
import { Ikev2Engine } from "../../../src/ikev2/engine.ts";
import { espOffer } from "../../../src/ikev2/proposals.ts";
import { redirectNotify } from "../../../src/ikev2/redirect.ts";
import { defaultEspProposals } from "../../../src/ikev2/suite.ts";
import type { Connection } from "../../../src/ikev2/types.ts";
import { utf8 } from "../../../src/util/octets.ts";
import { encodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads.ts";
import {
  ask,
  bringUp,
  childPolicy,
  childSas,
  connection,
  type Ikev2Host,
  type Ikev2World,
  type Ikev2WorldOptions,
  identity,
  ikeSas,
  ikev2Policy,
  ikev2World,
  inject,
  kinds,
  leftAddress,
  rightAddress,
  selector,
  told,
} from "../../support/ikev2.ts";
import { Impostor, octetsSent } from "../../support/ikev2-impostor.ts";
import { pki } from "../../support/phase1.ts";

const { INFORMATIONAL, CREATE_CHILD_SA } = ExchangeType;
const stranger = { address: "192.0.2.66", port: 500 };
const toRight = { address: rightAddress, port: 500 };

async function established(options: Ikev2WorldOptions = {}): Promise<Ikev2World & { readonly impostor: Impostor }> {
  const pair = ikev2World({ policy: { keyLog: true }, ...options });
  await bringUp(pair);
  return { ...pair, impostor: new Impostor(pair) };
}

/** A peer that proves itself by a certificate of that name; the other side trusts the authority `trusted`. */
function certified(side: "left" | "right", name = `${side}.example`, trusted = "Lab CA", issuer = "Lab CA") {
  const { signer, certificates } = pki("ecdsa-256", issuer).credentials(name, {
    identity: identity(`fqdn:${side}.example`),
  });
  if (signer === undefined) throw new Error("no signer");
  const plain = connection(side);
  return {
    local: { ...plain.local, authentication: { method: "signature", signer, certificates } },
    remote: {
      ...plain.remote,
      authentication: { method: "signature", anchors: [pki("ecdsa-256", trusted).anchor], crls: [] },
    },
  } satisfies Partial<Connection>;
}

describe("names in certificates", () => {
  const hostile = "evil\u001b]0;owned\u0007\u202e$(reboot)`id`.example";

  test.each([
    ["of a trusted authority", "Lab CA"],
    ["that a stranger has signed himself", hostile],
  ])("%s reach no ledger, view or answer raw", async (_, issuer) => {
    const pair = ikev2World({
      left: certified("left", hostile, "Lab CA", issuer),
      right: { ...certified("right"), start: "manual" },
    });
    await ask(pair.world, pair.left, { do: "up", target: "tunnel" }, 120_000);
    await pair.world.runFor(5000);
    const all = JSON.stringify([pair.world.events, pair.right.engine.connections(), pair.left.engine.connections()]);
    expect(kinds(pair.world, pair.right)).toContain("ikev2.refused");
    expect(all).toMatch(/evil/);
    for (const raw of ["\\u001b", "\\u0007", "\u202e", "$(", "`"]) expect(all).not.toContain(raw);
  });
});

describe("commands that wait", () => {
  test("are answered when the IKE SA ends before all is up", async () => {
    const children = [
      childPolicy("left"),
      childPolicy("left", { name: "more", localSelectors: [selector("10.7.0.1")] }),
    ];
    const pair = ikev2World({ left: { children } });
    const { world, left } = pair;
    const handle = left.command({ do: "up", target: "tunnel" });
    world.intercept = (packet) => (world.wire.length > 4 ? [] : [packet]);
    await world.runFor(300_000);
    expect(ikeSas(left)).toEqual([]);
    expect(handle.answer).toMatchObject({ refusal: { code: "ended" } });
  });
});

test("a connection that is taken out of the configuration while its peer's certificate is looked at lets nobody in", async () => {
  const pair = ikev2World({ left: certified("left"), right: certified("right") });
  const { world, left, right } = pair;
  left.command({ do: "up", target: "tunnel" });
  await world.runUntil(() => world.wire.length === 3, 1000);
  let reloaded = false;
  const step = right.engine.step.bind(right.engine);
  right.engine.step = (...input) => {
    const outputs = step(...input);
    if (!reloaded && outputs.some(({ out }) => out === "work")) {
      reloaded = true;
      queueMicrotask(() => right.command({ do: "reconfigure", policy: ikev2Policy(rightAddress, []) }));
    }
    return outputs;
  };
  await world.runFor(40_000);
  expect(reloaded).toBe(true);
  expect(right.engine.status()).toMatchObject({ ikeSas: 0, childSas: 0 });
  expect(right.engine.leftovers).toEqual([]);
});

describe("where a peer comes from", () => {
  const inside = { from: Uint8Array.of(192, 0, 2, 0), to: Uint8Array.of(192, 0, 2, 255) };

  test("counts for IKE_AUTH as it does for IKE_SA_INIT", async () => {
    const right = connection("right");
    const pair = ikev2World({ right: { remote: { ...right.remote, addresses: [inside] } } });
    pair.world.intercept = (packet) => {
      const second = pair.world.wire.length === 3;
      return [second ? { ...packet, from: { address: "203.0.113.9", port: 500 } } : packet];
    };
    pair.left.command({ do: "up", target: "tunnel" });
    await pair.world.runFor(60_000);
    expect(ikeSas(pair.right)).toEqual([]);
  });

  test("does not change without a NAT, whoever passes IKE_AUTH on", async () => {
    const pair = ikev2World();
    pair.world.intercept = (packet) => {
      const second = pair.world.wire.length === 3;
      return [second ? { ...packet, from: { address: "203.0.113.9", port: 500 } } : packet];
    };
    pair.left.command({ do: "up", target: "tunnel" });
    await pair.world.runFor(100);
    expect(ikeSas(pair.right)[0]?.remote.address).toBe(leftAddress);
  });
});

describe("what was sent once and is repeated by somebody else", () => {
  test.each([
    ["IKE_SA_INIT", 0],
    ["IKE_AUTH", 2],
  ])("%s is answered a bounded number of times", async (_, at) => {
    const pair = ikev2World();
    const { world, left, right } = pair;
    // of IKE_SA_INIT the attempt must still be open
    world.intercept = (packet) => (at === 0 && world.wire.length > 2 ? [] : [packet]);
    left.command({ do: "up", target: "tunnel" });
    await world.runFor(500);
    const packet = world.wire[at]?.packet;
    const begun = world.wire.length;
    world.intercept = (one) => [one];
    for (let i = 0; i < 1000; i++)
      inject(
        world,
        at === 0 ? { ...stranger, address: leftAddress } : stranger,
        toRight,
        packet?.bytes ?? new Uint8Array(),
      );
    await world.runFor(100);
    const answers = world.wire.slice(begun).filter((one) => one.packet.from.address === rightAddress);
    expect(answers.length).toBeGreaterThan(10);
    expect(answers.length).toBeLessThanOrEqual(30);
    expect(right.engine.status().counters["repeated"]).toBe(1000);
  });
});

describe("what a stranger's datagram costs", () => {
  test("an unknown critical payload is not answered with more than was sent", async () => {
    const pair = ikev2World();
    const header = {
      spiI: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      spiR: new Uint8Array(8),
      exchangeType: ExchangeType.IKE_SA_INIT,
      flags: 0x08,
      messageId: 0,
    };
    const bytes = encodeMessage(header, [{ kind: "UNKNOWN", type: 200, critical: true, data: new Uint8Array() }]);
    for (let i = 0; i < 100; i++) inject(pair.world, stranger, toRight, bytes);
    await pair.world.runFor(100);
    expect(octetsSent(pair, pair.right, 0)).toBeLessThanOrEqual(100 * bytes.length);
    const longer = encodeMessage(header, [{ kind: "UNKNOWN", type: 200, critical: true, data: new Uint8Array(40) }]);
    inject(pair.world, stranger, toRight, longer);
    await pair.world.runFor(100);
    expect(octetsSent(pair, pair.right, 0)).toBeGreaterThan(0);
  });

  test("an IKE_SA_INIT of many thousand octets is not kept", async () => {
    const pair = ikev2World();
    const { world, left, right } = pair;
    left.command({ do: "up", target: "tunnel" });
    await world.runFor(1);
    const first = world.wire[0]?.packet.bytes ?? new Uint8Array();
    // a Vendor ID in front of what was there
    const vendor = new Uint8Array(9000);
    vendor.set([first[16] ?? 0, 0, vendor.length >> 8, vendor.length & 0xff]);
    const bytes = new Uint8Array(first.length + vendor.length);
    bytes.set(first.subarray(0, 28));
    bytes.set(vendor, 28);
    bytes.set(first.subarray(28), 28 + vendor.length);
    bytes[16] = 43;
    bytes[0] = 77;
    new DataView(bytes.buffer).setUint32(24, bytes.length);
    const before = right.engine.status().halfOpen;
    inject(world, stranger, toRight, bytes);
    await world.runFor(1);
    expect(right.engine.status().halfOpen).toBe(before);
    expect(right.engine.status().counters["drop.too-large"]).toBe(1);
  });
});

describe("a peer that has authenticated and misbehaves", () => {
  const nonce: Payload = { kind: "NONCE", data: new Uint8Array(32) };

  test("fills no ledger by Child SAs that are refused", async () => {
    const { world, right, impostor } = await established();
    const before = world.events.length;
    const nowhere = [selector("172.16.0.1")];
    for (let id = 2; id < 500; id++) {
      impostor.say(CREATE_CHILD_SA, id, [
        espOffer(defaultEspProposals, Uint8Array.of(1, 0, id >> 8, id & 0xff), undefined),
        nonce,
        { kind: "TSi", selectors: nowhere },
        { kind: "TSr", selectors: nowhere },
      ]);
      await world.runFor(1);
    }
    expect(payloadsOf(impostor.heard(), "N").map(({ type }) => type)).toEqual([NotifyType.TS_UNACCEPTABLE]);
    expect(world.events.length - before).toBeLessThan(3);
    expect(childSas(right)).toHaveLength(1);
  });

  test("fills no ledger by rekeying a Child SA to what is not allowed", async () => {
    const { world, left, impostor } = await established();
    const before = world.events.length;
    const spi = Uint8Array.from(Buffer.from(childSas(left)[0]?.spiIn ?? "", "hex"));
    const rekeySa: Payload = {
      kind: "N",
      protocolId: ProtocolId.ESP,
      spi,
      type: NotifyType.REKEY_SA,
      data: new Uint8Array(),
    };
    for (let id = 2; id < 300; id++) {
      impostor.say(CREATE_CHILD_SA, id, [
        rekeySa,
        espOffer(defaultEspProposals, Uint8Array.of(1, 0, id >> 8, id & 0xff), undefined),
        nonce,
        { kind: "TSi", selectors: [selector("172.16.0.1")] },
        { kind: "TSr", selectors: [selector("172.16.0.1")] },
      ]);
      await world.runFor(1);
    }
    expect(world.events.length - before).toBeLessThan(3);
  });

  test("keeps no more of its messages than what is needed", async () => {
    const { left, right } = await established();
    for (const host of [left, right]) {
      const pairs = host.sadChanges.flatMap((change) => (change.change === "install-child" ? [change.pair] : []));
      for (const { localSelectors, remoteSelectors } of pairs) {
        for (const { startAddress, endAddress } of [...localSelectors, ...remoteSelectors]) {
          expect([startAddress.buffer.byteLength, endAddress.buffer.byteLength]).toEqual([4, 4]);
        }
      }
    }
  });

  test("has a bounded number of IKE SAs, the newest ones", async () => {
    const pair = ikev2World({ left: { unique: "keep" }, right: { unique: "replace" } });
    const { world, left, right } = pair;
    for (let i = 0; i < 20; i++) {
      await bringUp(pair);
      left.kill();
      left.start();
    }
    expect(right.engine.status().ikeSas).toBeLessThanOrEqual(8);
    await bringUp(pair);
    await world.runFor(200_000);
    expect(right.engine.status().ikeSas).toBe(1);
    expect(ikeSas(left)[0]?.id).toBe(ikeSas(right)[0]?.id);
  });

  test("sends a gateway nowhere: it is a client itself", async () => {
    const right = connection("right");
    const { world, impostor } = await established({ right: { remote: { ...right.remote, endpoint: undefined } } });
    impostor.say(INFORMATIONAL, 2, [redirectNotify("203.0.113.50")]);
    await world.runFor(10_000);
    expect(world.wire.filter(({ packet }) => packet.to.address === "203.0.113.50")).toEqual([]);
  });
});

describe("an identity that a key of several peers lets anybody claim", () => {
  const anyPsk = (side: "left" | "right"): Connection => {
    const plain = connection(side);
    return {
      ...plain,
      name: "legacy",
      psk: nodeCrypto.importSecret(utf8("a key of many")),
      unique: "replace",
      remote: side === "right" ? { ...plain.remote, identity: undefined } : plain.remote,
    };
  };

  /** A gateway for holders of certificates, and for those who have a key that many have; the first is up. */
  function gateway(): Ikev2World & { readonly insider: Ikev2Host } {
    const withCertificates = certified("right");
    const right = connection("right", {
      ...withCertificates,
      name: "staff",
      remote: { ...withCertificates.remote, identity: undefined, endpoint: undefined },
    });
    const pair = ikev2World({
      left: certified("left"),
      rightConnections: [anyPsk("right"), right],
    });
    const address = "203.0.113.3";
    const insider = pair.world.host({
      name: "insider",
      address,
      create: () => new Ikev2Engine(ikev2Policy(address, [anyPsk("left")])),
    });
    return { ...pair, insider };
  }

  test("does not keep those out who sign, whichever connection comes first", async () => {
    const pair = gateway();
    await bringUp(pair);
    expect(ikeSas(pair.right)[0]).toMatchObject({ connection: "staff" });
  });

  test("ends nobody's IKE SA who proved it by a certificate", async () => {
    const pair = gateway();
    await bringUp(pair);
    const { world, right, insider } = pair;
    await ask(world, insider, { do: "up", target: "legacy" });
    await world.runFor(60_000);
    expect(ikeSas(right).map((sa) => [sa.connection, sa.remoteIdentity])).toEqual([
      ["legacy", "fqdn:left.example"],
      ["staff", "fqdn:left.example"],
    ]);
    expect(told(world, right).filter((sentence) => /INITIAL_CONTACT/.test(sentence))).toEqual([]);
  });
});

test("a peer that deletes what it has just made is tried more and more seldom, one that stood for long at once", async () => {
  const pair = ikev2World({ left: { start: "always" } });
  const { world, left, right } = pair;
  const up = () => ikeSas(right).some(({ state }) => state === "established");
  for (let second = 0; second < 3600; second++) {
    await world.runFor(1000);
    if (up()) right.command({ do: "down", target: "tunnel" });
  }
  expect(kinds(world, left).filter((kind) => kind === "ikev2.established").length).toBeLessThan(45);
  await world.runUntil(up, 130_000);
  await world.runFor(200_000);
  await ask(world, right, { do: "down", target: "tunnel" });
  await world.runUntil(up, 12_000);
});
