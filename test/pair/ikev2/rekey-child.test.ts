/** Rekeying of one Child SA, when the other end does not do so at the same time: RFC 7296 1.3.3, 2.8. */
import { describe, expect, test } from "vitest";
import { ExchangeType, Flag, NotifyType } from "../../../src/iana/ikev2.ts";
import { notify } from "../../../src/ikev2/contents.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads.ts";
import {
  ask,
  childPolicy,
  childSas,
  connection,
  dataPlane,
  esp,
  ikeSas,
  ikev2Policy,
  leftAddress,
  selector,
  told,
} from "../../support/ikev2.ts";
import { espRequest, Impostor } from "../../support/ikev2-impostor.ts";
import { deletions, other, type Side, sending, settled, withMail } from "../../support/ikev2-mail.ts";

const sides: readonly Side[] = ["left", "right"];
const rekey = { do: "rekey", target: "tunnel/net" } as const;

function policies(proposals: ReturnType<typeof esp>, right = proposals) {
  return {
    left: { children: [childPolicy("left", { proposals })] },
    right: { children: [childPolicy("right", { proposals: right })] },
  };
}

describe.each(sides)("begun by the %s end", (by) => {
  const peer = other[by];
  const request = `${by} CREATE_CHILD_SA`;
  const response = `${peer} CREATE_CHILD_SA response`;
  const remove = `${by} INFORMATIONAL`;
  const removed = `${peer} INFORMATIONAL response`;

  test.each([
    ["without a fresh key exchange", esp("aes-gcm-16-256"), "aes-gcm-16-256 / esn"],
    ["with a fresh key exchange", esp("aes-gcm-16-256 / curve25519"), "aes-gcm-16-256 / curve25519 / esn"],
    ["with separate integrity keys", esp("aes-cbc-128 / hmac-sha256-128"), "aes-cbc-128 / hmac-sha256-128 / esn"],
  ])("%s: the new one stands first, then the old one is deleted", async (_what, proposals, suite) => {
    const made = await withMail(policies(proposals));
    const { mail } = made;
    const [before] = childSas(made[by]);
    const handle = made[by].command(rekey);
    await mail.deliver(request);
    // the responder can receive by the new one, and sends by the old one until that is deleted
    expect(childSas(made[peer]).map(({ state }) => state)).toEqual(["rekeyed", "installed"]);
    expect([...sending(made[peer])]).toEqual([before?.spiOut]);
    await mail.deliver(response);
    expect(handle.answer).toMatchObject({ reply: { name: "net", suite } });
    expect(childSas(made[by]).map(({ state }) => state)).toEqual(["deleting", "installed"]);
    await mail.deliver(remove);
    expect(childSas(made[peer])).toHaveLength(1);
    expect(sending(made[peer])).toEqual(new Set(dataPlane(made[peer]).keys()));
    await mail.deliver(removed);
    expect(mail.waiting).toEqual([]);
    expect(mail.sent).toEqual([request, response, remove, removed]);
    await settled(made);
    expect(childSas(made[by])[0]?.spiIn).not.toBe(before?.spiIn);
  });

  test("is one line on both sides", async () => {
    const made = await withMail();
    await made.mail.release();
    const from = { left: told(made.world, made.left).length, right: told(made.world, made.right).length };
    await ask(made.world, made[by], rekey);
    await settled(made);
    for (const side of sides) {
      const lines = told(made.world, made[side]).slice(from[side]);
      const [child] = childSas(made[side]);
      expect(lines).toEqual([
        expect.stringMatching(
          `^Child SA net rekeyed \\(${child?.spiIn} in, ${child?.spiOut} out\\) after .* ms, aes-gcm`,
        ),
      ]);
    }
  });

  test("in a group that the other end does not like: the second request is in the one that it asks for", async () => {
    const both = policies(esp("aes-gcm-16-256 / curve25519, ecp-256"), esp("aes-gcm-16-256 / ecp-256"));
    const either =
      by === "left" ? both : policies(esp("aes-gcm-16-256 / ecp-256"), esp("aes-gcm-16-256 / curve25519, ecp-256"));
    const made = await withMail(either);
    const { mail } = made;
    made[by].command(rekey);
    await mail.deliver(request, response);
    expect(childSas(made[peer]).map(({ state }) => state)).toEqual(["installed"]);
    await mail.deliver(request, response, remove, removed);
    await settled(made);
    expect(childSas(made[by])[0]?.suite).toBe("aes-gcm-16-256 / ecp-256 / esn");
    // known from then on
    mail.hold();
    made[by].command(rekey);
    await mail.deliver(request, response, remove, removed);
    expect(mail.sent).toHaveLength(4);
    await settled(made);
  });

  test("in a group that only the other end has: the old one stays, and is tried again", async () => {
    const both = [esp("aes-gcm-16-256 / curve25519"), esp("aes-gcm-16-256 / ecp-256")] as const;
    const made = await withMail(policies(...(by === "left" ? both : ([both[1], both[0]] as const))));
    const handle = made[by].command(rekey);
    await made.mail.release();
    expect(handle.answer).toMatchObject({ refusal: { code: "refused-by-peer" } });
    await settled(made, { afterMs: 29_000 });
    const requests = () => made.mail.sent.filter((name) => name === request).length;
    expect(requests()).toBe(1);
    await settled(made, { afterMs: 31_000 });
    expect(requests()).toBe(2);
  });

  test("what was lost on the way is repeated, and done once", async () => {
    const made = await withMail();
    const { mail, world } = made;
    const handle = made[by].command(rekey);
    for (const name of [request, response, remove, removed]) {
      mail.lose(name);
      await world.runFor(2500);
      // the request again, and its answer
      if (name === response) await mail.deliver(request);
      if (name === removed) await mail.deliver(remove);
      await mail.deliver(name);
      await world.runFor(5);
    }
    expect(handle.answer).toHaveProperty("reply");
    await settled(made);
  });

  test("what comes twice, and late, is done once", async () => {
    const made = await withMail();
    const { mail } = made;
    made[by].command(rekey);
    const again: (() => Promise<void>)[] = [];
    for (const name of [request, response, remove, removed]) {
      again.push(mail.copy(name));
      await mail.deliver(name);
      await again.at(-1)?.();
    }
    await mail.release();
    for (const late of again) await late();
    await settled(made);
  });

  test("the other end does not rekey what it only waits to be deleted", async () => {
    const made = await withMail();
    const { mail } = made;
    made[by].command(rekey);
    await mail.deliver(request);
    const handle = made[peer].command({ do: "rekey", target: childSas(made[peer])[0]?.spiIn ?? "" });
    expect(handle.answer).toMatchObject({ refusal: { code: "busy" } });
    await mail.deliver(response, remove, removed);
    await settled(made);
    expect(mail.sent).toHaveLength(4);
  });

  test("the hard lifetime of what only waits to be deleted ends it, and the new one stays", async () => {
    const lifetimes = { children: [childPolicy(peer, { lifetimeMs: 5_000 })] };
    const made = await withMail({ [peer]: lifetimes });
    const { mail, world } = made;
    await world.runFor(3_000);
    made[by].command(rekey);
    await mail.deliver(request, response);
    mail.lose(remove);
    await world.runFor(2_100);
    // both delete it
    await mail.deliver(`${peer} INFORMATIONAL`);
    await mail.release();
    await settled(made, { afterMs: 1_000 });
    expect(deletions(made, peer)).toEqual([]);
  });

  test("the other end deletes the new one before the old one has gone: both go", async () => {
    const made = await withMail();
    const { mail } = made;
    made[by].command(rekey);
    await mail.deliver(request, response);
    const [, fresh] = childSas(made[peer]);
    made[peer].command({ do: "down", target: fresh?.spiIn ?? "" });
    await mail.deliver(remove, removed);
    await mail.release();
    await settled(made, { children: 0 });
    expect(deletions(made, by)).toEqual(['peer "taken down by the operator"']);
  });

  test("the other end deletes the new one before we know of it: its Delete has overtaken its answer", async () => {
    const made = await withMail();
    const { mail } = made;
    const handle = made[by].command(rekey);
    await mail.deliver(request);
    const [, fresh] = childSas(made[peer]);
    made[peer].command({ do: "down", target: fresh?.spiIn ?? "" });
    await mail.deliver(`${peer} INFORMATIONAL`, `${by} INFORMATIONAL response`, response);
    expect(handle.answer).toMatchObject({ refusal: { code: "gone" } });
    await mail.release();
    await settled(made, { children: 0 });
  });

  test("a Child SA that is being rekeyed and is taken down goes, with what took its place", async () => {
    const made = await withMail();
    const { mail } = made;
    made[by].command(rekey);
    await mail.deliver(request);
    const handle = made[by].command({ do: "down", target: "tunnel/net", reason: "maintenance" });
    await mail.release();
    await settled(made, { children: 0 });
    expect(handle.answer).toMatchObject({ reply: { childSas: 1 } });
    expect(deletions(made, peer)).toEqual(['peer "maintenance"', 'peer "maintenance"']);
  });

  test("an IKE SA that is deleted while it rekeys a Child SA: the command is refused, nothing is left", async () => {
    const made = await withMail();
    const { mail } = made;
    const handle = made[by].command(rekey);
    made[by].command({ do: "down", target: "tunnel" });
    await mail.release();
    expect(handle.answer).toMatchObject({ refusal: { code: "ended" } });
    await settled(made, { sas: 0, children: 0 });
  });

  test("a peer that is never heard of again is given up with the IKE SA", async () => {
    const made = await withMail();
    const { world, mail } = made;
    const handle = made[by].command(rekey);
    await world.runUntil(() => handle.answer !== undefined, 120_000);
    expect(handle.answer).toMatchObject({ refusal: { code: "unanswered" } });
    expect(ikeSas(made[by])).toEqual([]);
    expect(told(world, made[by]).at(-1)).toContain("does not answer any more");
    expect(mail.sent.every((name) => name === request)).toBe(true);
  });

  test("a Delete that is never answered ends the IKE SA, and is told once", async () => {
    const made = await withMail();
    const { world, mail } = made;
    made[by].command(rekey);
    await mail.deliver(request, response);
    await world.runUntil(() => ikeSas(made[by]).length === 0, 120_000);
    expect(dataPlane(made[by]).size).toBe(0);
    expect(told(world, made[by]).filter((line) => line.includes("does not answer any more"))).toHaveLength(1);
    expect(deletions(made, by)).toEqual([]);
  });
});

describe("what the new one carries", () => {
  const wide = selector("10.1.0.0", "10.1.255.255");
  const narrow = selector("10.1.7.0", "10.1.7.255");

  test.each(sides)("one that was narrowed stays as narrow, begun by the %s end", async (by) => {
    const made = await withMail({
      left: { children: [childPolicy("left", { localSelectors: [wide] })] },
      right: { children: [childPolicy("right", { remoteSelectors: [narrow] })] },
    });
    const [before] = childSas(made.left);
    expect(before?.local).toEqual(["10.1.7.0/24"]);
    made[by].command(rekey);
    await made.mail.release();
    await settled(made);
    expect(childSas(made.left)[0]?.local).toEqual(before?.local);
    expect(childSas(made.left)[0]?.spiIn).not.toBe(before?.spiIn);
  });

  test("a rekey that would carry less is refused, and the old one stays", async () => {
    const made = await withMail();
    const { mail, left, right, world } = made;
    const [before] = childSas(left);
    const policy = { ...childPolicy("left"), localSelectors: [narrow] };
    await mail.release();
    const changed = ikev2Policy(leftAddress, [connection("left", { children: [policy] })]);
    await ask(world, left, { do: "reconfigure", policy: changed });
    const { answer } = await ask(world, left, rekey);
    expect(answer).toMatchObject({ refusal: { message: "the peer refuses with TS_UNACCEPTABLE; it is tried again" } });
    expect(told(world, right).at(-1)).toContain("the peer's rekeying of the Child SA net was refused");
    await settled(made, { afterMs: 20_000 });
    expect(childSas(left)[0]?.spiIn).toBe(before?.spiIn);
  });

  test.each(sides)("transport mode stays transport mode, begun by the %s end", async (by) => {
    const own = { localSelectors: [], remoteSelectors: [], mode: "transport" } as const;
    const made = await withMail({
      left: { children: [childPolicy("left", own)] },
      right: { children: [childPolicy("right", own)] },
    });
    made[by].command(rekey);
    await made.mail.release();
    await settled(made);
    expect(childSas(made.left)[0]?.mode).toBe("transport");
  });
});

describe("a peer that has the keys, and does otherwise", () => {
  async function withImpostor() {
    const made = await withMail({ policy: { keyLog: true } });
    return { ...made, impostor: new Impostor(made) };
  }

  function refuse({ impostor }: Awaited<ReturnType<typeof withImpostor>>, messageId: number, type: number) {
    impostor.say(ExchangeType.CREATE_CHILD_SA, messageId, [notify(type)], Flag.RESPONSE);
  }

  test("has lost the Child SA: it is forgotten here too, without a Delete, and made from scratch", async () => {
    const made = await withImpostor();
    const { mail, right, world } = made;
    right.command(rekey);
    mail.lose("right CREATE_CHILD_SA");
    refuse(made, 0, NotifyType.CHILD_SA_NOT_FOUND);
    await mail.deliver("left CREATE_CHILD_SA response");
    expect(dataPlane(right).size).toBe(0);
    expect(mail.waiting).toEqual(["right CREATE_CHILD_SA"]);
    expect(made.impostor.heard().map(({ payload }) => payload.kind)).toEqual(["SA", "NONCE", "KE", "TSi", "TSr"]);
    expect(told(world, right).at(-1)).toContain("rekeying of the Child SA net failed");
  });

  test("deletes the old one itself before it has answered: the new one is used all the same", async () => {
    const made = await withImpostor();
    const { mail, right, left, impostor } = made;
    const spi = Buffer.from(childSas(left)[0]?.spiIn ?? "", "hex");
    right.command(rekey);
    await mail.deliver("right CREATE_CHILD_SA");
    impostor.say(ExchangeType.INFORMATIONAL, 2, [{ kind: "D", protocolId: 3, spiSize: 4, spis: [spi] }]);
    await mail.deliver("left INFORMATIONAL");
    expect(dataPlane(right).size).toBe(0);
    await mail.deliver("left CREATE_CHILD_SA response");
    expect(dataPlane(right).size).toBe(1);
    expect(sending(right)).toEqual(new Set(dataPlane(right).keys()));
    // there is nothing to delete any more
    expect(mail.waiting).toEqual(["right INFORMATIONAL response"]);
  });

  test("refuses every rekey until the lifetime is over: the IKE SA is closed, since there it gets no other one", async () => {
    const lifetimes = { children: [childPolicy("right", { rekeyMs: 20_000, lifetimeMs: 40_000 })] };
    const made = await withMail({ policy: { keyLog: true }, right: lifetimes });
    const impostor = new Impostor(made);
    const { mail, world, right } = made;
    await world.runUntil(() => mail.waiting.includes("right CREATE_CHILD_SA"), 30_000);
    refuse({ ...made, impostor }, 0, NotifyType.NO_ADDITIONAL_SAS);
    await mail.deliver("left CREATE_CHILD_SA response");
    expect(told(world, right).at(-1)).toContain("NO_ADDITIONAL_SAS");
    await world.runUntil(() => deletions(made, "right").length > 0, 30_000);
    expect(deletions(made, "right")).toEqual(["us lifetime"]);
    expect(ikeSas(right)[0]?.state).toBe("deleting");
  });

  test("asks for a rekey after the other without ever deleting the old one: it has to wait", async () => {
    const made = await withImpostor();
    const { mail, right, left, impostor, world } = made;
    const [child] = childSas(left);
    const ask = (messageId: number, spi: string) => {
      const rekeySa: Payload = {
        kind: "N",
        protocolId: 3,
        spi: Buffer.from(spi, "hex"),
        type: NotifyType.REKEY_SA,
        data: new Uint8Array(),
      };
      impostor.say(ExchangeType.CREATE_CHILD_SA, messageId, [rekeySa, ...espRequest(messageId)]);
      return mail.deliver("left CREATE_CHILD_SA");
    };
    await ask(2, child?.spiIn ?? "");
    expect(childSas(right)).toHaveLength(2);
    for (const messageId of [3, 4, 5]) {
      await ask(messageId, "00000a02");
      expect(impostor.heard().map(({ payload }) => payload.kind === "N" && payload.type)).toEqual([
        NotifyType.TEMPORARY_FAILURE,
      ]);
    }
    expect(childSas(right)).toHaveLength(2);
    // nor does it stay for ever
    await mail.release();
    await world.runUntil(() => childSas(right).length === 1, 400_000);
  });
});
