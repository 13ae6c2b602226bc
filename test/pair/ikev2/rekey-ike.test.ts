/** Rekeying of an IKE SA, when the other end does not do so at the same time: RFC 7296 1.3.2, 2.8, 2.18. */
import { describe, expect, test } from "vitest";
import { Flag } from "../../../src/iana/ikev2.ts";
import {
  ask,
  childPolicy,
  childSas,
  connection,
  dataPlane,
  ike,
  ikeSas,
  ikev2Policy,
  leftAddress,
  rightAddress,
  selector,
  told,
} from "../../support/ikev2.ts";
import { deletions, other, type Side, settled, withMail } from "../../support/ikev2-mail.ts";

const sides: readonly Side[] = ["left", "right"];
const rekey = { do: "rekey", target: "tunnel" } as const;

describe.each(sides)("begun by the %s end", (by) => {
  const peer = other[by];
  const request = `${by} CREATE_CHILD_SA`;
  const response = `${peer} CREATE_CHILD_SA response`;
  const remove = `${by} INFORMATIONAL`;
  const removed = `${peer} INFORMATIONAL response`;

  test("the new one has the Child SAs, is its initiator's, and the old one is deleted within itself", async () => {
    const made = await withMail();
    const { mail } = made;
    const [before] = ikeSas(made[by]);
    const installed = dataPlane(made[by]);
    const handle = made[by].command(rekey);
    await mail.deliver(request);
    expect(ikeSas(made[peer]).map(({ children, role }) => [role, children.length])).toEqual([
      [by === "left" ? "responder" : "initiator", 0],
      ["responder", 1],
    ]);
    await mail.deliver(response);
    expect(handle.answer).toMatchObject({ reply: { role: "initiator", state: "established" } });
    await mail.deliver(remove, removed);
    expect(mail.sent).toEqual([request, response, remove, removed]);
    await settled(made);
    const [after] = ikeSas(made[by]);
    expect(after?.id).not.toBe(before?.id);
    // the data plane has not noticed
    expect(dataPlane(made[by])).toEqual(installed);
    // and message IDs begin anew, whoever asks first
    mail.hold();
    const from = made.world.wire.length;
    await made.mail.release();
    await ask(made.world, made[peer], { do: "rekey", target: "tunnel/net" });
    const first = made.world.wire[from]?.packet.bytes ?? new Uint8Array();
    expect([...first.subarray(20, 24)]).toEqual([0, 0, 0, 0]);
    // RFC 7296 1.3.2: its initiator is the one of the rekey
    expect((first[19] ?? 0) & Flag.INITIATOR).toBe(0);
    await settled(made);
  });

  test("is one line on both sides", async () => {
    const made = await withMail();
    await made.mail.release();
    const from = { left: told(made.world, made.left).length, right: told(made.world, made.right).length };
    await ask(made.world, made[by], rekey);
    await settled(made);
    for (const side of sides) {
      expect(told(made.world, made[side]).slice(from[side])).toEqual([
        expect.stringMatching(/^IKE SA rekeyed after .* ms, aes-gcm-16-256 \/ .* \/ curve25519$/),
      ]);
    }
  });

  test("goes on with the group in use, and can change algorithms", async () => {
    const made = await withMail({
      left: { ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha512 / curve25519, ecp-256") },
      right: { ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha512 / ecp-256") },
    });
    const { mail } = made;
    expect(ikeSas(made[by])[0]?.suite).toContain("ecp-256");
    made[by].command(rekey);
    await mail.deliver(request, response, remove, removed);
    await settled(made);
    expect(ikeSas(made[by])[0]?.suite).toContain("ecp-256");
  });

  test("in a group that the other end does not like any more: once more in the one that it asks for", async () => {
    const proposals = ike("aes-gcm-16-256 / prf-hmac-sha256 / curve25519, ecp-256");
    const made = await withMail({ left: { ikeProposals: proposals }, right: { ikeProposals: proposals } });
    const { mail, world } = made;
    await mail.release();
    await reconfigure(made, peer, { ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha384 / ecp-256") });
    await reconfigure(made, by, {
      ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha384 / curve25519, ecp-256"),
    });
    mail.hold();
    made[by].command(rekey);
    await mail.deliver(request, response);
    expect(mail.waiting).toEqual([request]);
    expect(ikeSas(made[by])).toHaveLength(1);
    await mail.deliver(request, response, remove, removed);
    await settled(made);
    // the new one has another prf, its keys are from that of the old one (RFC 7296 2.18)
    expect(ikeSas(made[by])[0]?.suite).toBe("aes-gcm-16-256 / prf-hmac-sha384 / ecp-256");
    await mail.release();
    await ask(world, made[peer], { do: "rekey", target: "tunnel/net" });
    await settled(made);
  });

  test("with nothing in common any more: the old one stays, and is tried again", async () => {
    const made = await withMail();
    const { mail, world } = made;
    await mail.release();
    await reconfigure(made, peer, { ikeProposals: ike("aes-cbc-192 / hmac-sha384-192 / prf-hmac-sha384 / modp-4096") });
    mail.hold();
    const handle = made[by].command(rekey);
    await mail.release();
    expect(handle.answer).toMatchObject({
      refusal: { message: "the peer refuses with NO_PROPOSAL_CHOSEN; it is tried again" },
    });
    expect(told(world, made[peer]).at(-1)).toContain("the peer's rekeying of the IKE SA was refused");
    await settled(made, { afterMs: 29_000 });
    expect(mail.sent).toHaveLength(2);
    await settled(made, { afterMs: 31_000 });
    expect(mail.sent).toHaveLength(4);
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

  test("the other end uses the new one before its initiator knows of it", async () => {
    const made = await withMail();
    const { mail, world } = made;
    made[by].command(rekey);
    await mail.deliver(request);
    mail.lose(response);
    const handle = made[peer].command({ do: "rekey", target: "tunnel/net" });
    // it knows of no such IKE SA, and says so to whoever believes that
    await mail.deliver(`${peer} CREATE_CHILD_SA of SA 2`);
    await world.runFor(2500);
    await mail.deliver(request);
    await mail.release();
    await settled(made);
    expect(handle.answer).toHaveProperty("reply");
  });

  test("several Child SAs all go over, those that are being made or deleted too", async () => {
    const nets = (side: Side) => [
      childPolicy(side),
      ...["second", "third"].map((name, i) =>
        childPolicy(side, {
          name,
          localSelectors: [selector(side === "left" ? `10.3.${i}.1` : `10.4.${i}.1`)],
          remoteSelectors: [selector(side === "left" ? `10.4.${i}.1` : `10.3.${i}.1`)],
          start: "manual",
        }),
      ),
    ];
    const made = await withMail({ left: { children: nets("left") }, right: { children: nets("right") } });
    const { mail, world, left } = made;
    await mail.release();
    await ask(world, left, { do: "up", target: "tunnel/second" });
    mail.hold();
    made[by].command(rekey);
    // these wait for their turn, and leave by the new one
    const up = made[by].command({ do: "up", target: "tunnel/third" });
    const down = made[by].command({ do: "down", target: "tunnel/second" });
    await mail.deliver(request, response);
    await mail.release();
    await settled(made, { children: 2 });
    expect([up.answer, down.answer]).toEqual([{ reply: expect.anything() }, { reply: expect.anything() }]);
    expect(childSas(left).map(({ name }) => name)).toEqual(["net", "third"]);
  });

  test("it is taken down before its rekey is answered: the new one goes too, for the same reason", async () => {
    const made = await withMail();
    const { mail } = made;
    const handle = made[by].command(rekey);
    await mail.deliver(request);
    made[by].command({ do: "down", target: "tunnel", reason: "maintenance", downtimeSeconds: 60 });
    await mail.release();
    expect(handle.answer).toMatchObject({ refusal: { code: "ended" } });
    await settled(made, { sas: 0, children: 0 });
    expect(deletions(made, peer)).toEqual(['peer "maintenance"', 'peer "maintenance"']);
  });

  test("its lifetime is over before its rekey is answered: likewise", async () => {
    const made = await withMail({ [by]: { lifetimeMs: 10_000 } });
    const { mail, world } = made;
    made[by].command(rekey);
    await mail.deliver(request);
    const late = mail.copy(response);
    await world.runFor(11_000);
    await late();
    await mail.release();
    await settled(made, { sas: 0, children: 0 });
    const lifetime = 'peer "lifetime reached without rekey"';
    expect(deletions(made, peer)).toEqual([lifetime, lifetime]);
  });

  test("an answer that never comes ends the old one, and nothing else stands here", async () => {
    const made = await withMail();
    const { mail, world } = made;
    const handle = made[by].command(rekey);
    await world.runUntil(() => handle.answer !== undefined, 120_000);
    expect(handle.answer).toMatchObject({ refusal: { code: "unanswered" } });
    expect(ikeSas(made[by])).toEqual([]);
    expect(new Set(mail.sent)).toEqual(new Set([request]));
  });

  test("its initiator is gone: the other end finds out by the new one, and does not wait for the old one's Delete", async () => {
    const made = await withMail({
      [peer]: { start: "always", livenessMs: 10_000, retryMs: { first: 1000, max: 1000 } },
    });
    const { mail, world } = made;
    // both may have begun
    await mail.release();
    await settled(made);
    mail.hold();
    made[by].command(rekey);
    await mail.deliver(mail.waiting[0] ?? "");
    await world.runFor(60_000);
    expect(told(world, made[peer]).join("\n")).toContain("does not answer any more");
    expect(mail.waiting.filter((name) => name.startsWith(`${peer} IKE_SA_INIT`)).length).toBeGreaterThan(0);
  });

  test("a Delete that never comes: what was replaced does not stay for ever, nor is a second one taken", async () => {
    const made = await withMail();
    const { mail, world } = made;
    made[by].command(rekey);
    await mail.deliver(request, response);
    // its initiator is not heard any more
    await world.runFor(200_000);
    expect(ikeSas(made[peer])).toHaveLength(2);
    await world.runFor(200_000);
    expect(ikeSas(made[peer])).toHaveLength(1);
  });
});

async function reconfigure(
  { world, ...hosts }: Awaited<ReturnType<typeof withMail>>,
  side: Side,
  changes: Parameters<typeof connection>[1],
): Promise<void> {
  const address = side === "left" ? leftAddress : rightAddress;
  await ask(world, hosts[side], { do: "reconfigure", policy: ikev2Policy(address, [connection(side, changes)]) });
}
