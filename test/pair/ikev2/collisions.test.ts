/**
 * Exchanges of both ends that cross: RFC 7296 2.8.1, 2.8.2, 2.25. `left` and `right` are what either end sent; what is
 * delivered late has been overtaken.
 */
import { describe, expect, test } from "vitest";
import { ExchangeType, Flag, NotifyType } from "../../../src/iana/ikev2.ts";
import { notify } from "../../../src/ikev2/contents.ts";
import {
  ask,
  childPolicy,
  childSas,
  connection,
  dataPlane,
  esp,
  ike,
  ikeSas,
  ikev2Policy,
  leftAddress,
  rightAddress,
  selector,
  told,
} from "../../support/ikev2.ts";
import { Impostor } from "../../support/ikev2-impostor.ts";
import {
  deletions,
  loserOf,
  lowests,
  other,
  type Side,
  sending,
  settled,
  withMail,
  withNonces,
} from "../../support/ikev2-mail.ts";

const sides: readonly Side[] = ["left", "right"];
const rekeyChild = { do: "rekey", target: "tunnel/net" } as const;
const rekeyIke = { do: "rekey", target: "tunnel" } as const;
const downChild = { do: "down", target: "tunnel/net" } as const;
const downIke = { do: "down", target: "tunnel" } as const;
const LOST = 'peer "lost a simultaneous rekey"';

const create = (side: Side) => `${side} CREATE_CHILD_SA`;
const created = (side: Side) => `${side} CREATE_CHILD_SA response`;
const inform = (side: Side) => `${side} INFORMATIONAL`;
const informed = (side: Side) => `${side} INFORMATIONAL response`;

describe.each(lowests)("both rekey the Child SA, the lowest nonce is that of %s", (lowest) => {
  const loser = loserOf(lowest);
  const winner = other[loser];

  test("the exchange with the lowest nonce made the redundant one, which says so", async () => {
    const made = await withNonces(lowest);
    const { mail } = made;
    const handles = sides.map((side) => made[side].command(rekeyChild));
    await mail.deliver(create("left"), create("right"));
    // nobody knows yet
    for (const side of sides) expect(childSas(made[side]).map(({ state }) => state)).toEqual(["rekeying", "installed"]);
    await mail.deliver(created("right"), created("left"));
    expect(mail.waiting.toSorted()).toEqual([inform("left"), inform("right")]);
    await mail.release();
    await settled(made);
    expect(deletions(made, loser)).toEqual(["us simultaneous-rekey"]);
    expect(deletions(made, winner)).toEqual([LOST]);
    // both operators are shown what stands
    const spis = sides.map((side) => childSas(made[side])[0]?.spiIn);
    expect(handles.map(({ answer }) => answer)).toMatchObject(spis.map((spiIn) => ({ reply: { spiIn } })));
  });

  test.each(sides)("and the answer to the %s end is late: the other one deletes before it comes", async (late) => {
    const made = await withNonces(lowest);
    const { mail } = made;
    for (const side of sides) made[side].command(rekeyChild);
    const early = other[late];
    await mail.deliver(create("left"), create("right"), created(late));
    expect(mail.waiting).toEqual([created(early), inform(early)]);
    await mail.deliver(inform(early), informed(late), created(early));
    await mail.release();
    await settled(made);
    expect(deletions(made, loser)).toEqual(["us simultaneous-rekey"]);
    expect(deletions(made, winner)).toEqual([LOST]);
  });

  test.each(sides)(
    "and the %s end has its answer late, when the other has deleted the new one as well",
    async (late) => {
      const made = await withNonces(lowest);
      const { mail } = made;
      for (const side of sides) made[side].command(rekeyChild);
      const early = other[late];
      await mail.deliver(create("left"), create("right"), created(late));
      await mail.deliver(inform(early), informed(late));
      const kept = childSas(made[early]).find(({ state }) => state === "installed");
      made[early].command({ do: "down", target: kept?.spiIn ?? "" });
      await mail.deliver(inform(early), informed(late), created(early));
      await mail.release();
      await settled(made, { children: 0 });
    },
  );

  test("and nobody sends by the redundant one", async () => {
    const made = await withNonces(lowest);
    const { mail } = made;
    for (const side of sides) made[side].command(rekeyChild);
    await mail.deliver(create("left"), create("right"), created("right"), created("left"));
    for (const side of sides) {
      const redundant = childSas(made[side]).filter(({ state }) => state === (side === loser ? "deleting" : "rekeyed"));
      expect(redundant.map(({ spiIn }) => sending(made[side]).has(spiIn))).toEqual(
        redundant.map(({ spiIn }) => spiIn === childSas(made[side])[0]?.spiIn),
      );
    }
    await mail.release();
    await settled(made);
  });

  test("after both were refused for their groups", async () => {
    const made = await withNonces(lowest, {
      after: 1,
      left: { children: [childPolicy("left", { proposals: esp("aes-gcm-16-256 / curve25519, ecp-256") })] },
      right: { children: [childPolicy("right", { proposals: esp("aes-gcm-16-256 / ecp-384, ecp-256") })] },
    });
    const { mail } = made;
    for (const side of sides) made[side].command(rekeyChild);
    await mail.deliver(create("left"), create("right"), created("right"), created("left"));
    expect(mail.waiting).toEqual([create("left"), create("right")]);
    await mail.deliver(create("left"), create("right"), created("right"), created("left"));
    await mail.release();
    await settled(made);
    expect(childSas(made.left)[0]?.suite).toContain("ecp-256");
    expect(deletions(made, loser)).toEqual(["us simultaneous-rekey"]);
  });

  test("over any order of the first four messages", async () => {
    const first = [create("left"), create("right"), created("right"), created("left")];
    for (const order of permutations(first)) {
      // an answer follows its request
      if (order.indexOf(created("right")) < order.indexOf(create("left"))) continue;
      if (order.indexOf(created("left")) < order.indexOf(create("right"))) continue;
      const made = await withNonces(lowest);
      for (const side of sides) made[side].command(rekeyChild);
      await made.mail.deliver(...order);
      await made.mail.release();
      await settled(made);
    }
  });
});

function permutations<T>(all: readonly T[]): T[][] {
  if (all.length === 0) return [[]];
  return all.flatMap((one, i) => permutations(all.toSpliced(i, 1)).map((rest) => [one, ...rest]));
}

describe.each(sides)("the request of the %s end to rekey the Child SA is late", (late) => {
  const early = other[late];

  async function noticedByOne() {
    const made = await withMail();
    const handle = made[late].command(rekeyChild);
    made[early].command(rekeyChild);
    await made.mail.deliver(create(early), created(late));
    // one end has finished before it knows of the other's
    expect(made.mail.waiting).toEqual([create(late), inform(early)]);
    return { ...made, handle };
  }

  test("and comes when the other is deleting the old one: it is refused for the moment, and given up", async () => {
    const made = await noticedByOne();
    await made.mail.deliver(create(late), inform(early), informed(late), created(early));
    await made.mail.release();
    await settled(made);
    expect(made.handle.answer).toHaveProperty("reply");
    expect(sides.flatMap((side) => deletions(made, side))).toEqual([]);
  });

  test("and its refusal comes before the Delete", async () => {
    const made = await noticedByOne();
    await made.mail.deliver(create(late), created(early), inform(early), informed(late));
    await made.mail.release();
    await settled(made);
    expect(made.handle.answer).toHaveProperty("reply");
    expect(made.mail.sent).toHaveLength(6);
  });

  test("and comes when the old one has gone: CHILD_SA_NOT_FOUND is of no consequence", async () => {
    const made = await noticedByOne();
    await made.mail.deliver(inform(early), informed(late), create(late), created(early));
    await made.mail.release();
    await settled(made);
    expect(made.handle.answer).toHaveProperty("reply");
    expect(made.mail.sent).toHaveLength(6);
  });

  test("and comes when the new one has gone too", async () => {
    const made = await noticedByOne();
    const { mail } = made;
    await mail.deliver(inform(early), informed(late));
    made[early].command(downChild);
    await mail.deliver(inform(early), informed(late), create(late), created(early));
    expect(made.handle.answer).toMatchObject({ refusal: { code: "gone" } });
    await mail.release();
    await settled(made, { children: 0 });
  });

  test("and is lost: it comes again when all is over", async () => {
    const made = await noticedByOne();
    made.mail.lose(create(late));
    await made.mail.release();
    await settled(made);
    expect(made.handle.answer).toHaveProperty("reply");
  });

  test("and was refused for its group, and comes again too late", async () => {
    const proposals = esp("aes-gcm-16-256 / curve25519, ecp-256");
    const changes = {
      [late]: { children: [childPolicy(late, { proposals })] },
      [early]: { children: [childPolicy(early, { proposals: esp("aes-gcm-16-256 / ecp-256") })] },
    };
    const made = await withMail(changes);
    const { mail } = made;
    made[late].command(rekeyChild);
    await mail.deliver(create(late), created(early));
    made[early].command(rekeyChild);
    await mail.deliver(create(early), created(late), inform(early), informed(late), create(late));
    await mail.release();
    await settled(made);
  });
});

describe.each(sides)("the %s end deletes the Child SA that the other rekeys", (by) => {
  const peer = other[by];

  test.each([
    ["each sees the other's request before its answer", [create(peer), inform(by), created(by), informed(peer)]],
    ["the refusal comes first", [create(peer), created(by), inform(by), informed(peer)]],
    ["the rekey comes when it has gone", [inform(by), informed(peer), create(peer), created(by)]],
    ["the Delete comes first", [inform(by), create(peer), created(by), informed(peer)]],
  ])("%s: it is gone on both sides, and not asked for again", async (_what, order) => {
    const made = await withMail();
    const { mail } = made;
    const down = made[by].command({ ...downChild, reason: "no more" });
    const handle = made[peer].command(rekeyChild);
    await mail.deliver(...order);
    await mail.release();
    await settled(made, { children: 0 });
    expect(down.answer).toMatchObject({ reply: { childSas: 1 } });
    expect(handle.answer).toHaveProperty("refusal");
    expect(deletions(made, peer)).toEqual(['peer "no more"']);
    expect(mail.sent).toHaveLength(4);
  });

  test("its Delete is lost at first: the other waits before it asks again, and then need not", async () => {
    const made = await withMail();
    const { mail, world } = made;
    made[by].command(downChild);
    made[peer].command(rekeyChild);
    mail.lose(inform(by));
    await mail.deliver(create(peer), created(by));
    expect(childSas(made[peer]).map(({ state }) => state)).toEqual(["installed"]);
    await world.runFor(1500);
    await mail.release();
    await settled(made, { children: 0 });
    expect(mail.sent.filter((name) => name === create(peer))).toHaveLength(1);
  });

  test("both delete what one of them has just rekeyed", async () => {
    const made = await withMail();
    const { mail } = made;
    made[peer].command(rekeyChild);
    await mail.deliver(create(peer), created(by));
    for (const side of sides) made[side].command(downChild);
    await mail.release();
    await settled(made, { children: 0 });
  });
});

describe.each(sides)("the %s end rekeys the IKE SA while the other", (by) => {
  const peer = other[by];

  test("rekeys the Child SA: both are refused, wait for 5 to 15 s, and succeed", async () => {
    const made = await withMail();
    const { mail, world } = made;
    const before = { ike: ikeSas(made.left)[0]?.id, child: childSas(made.left)[0]?.spiIn };
    made[by].command(rekeyIke);
    made[peer].command(rekeyChild);
    await mail.deliver(create(by), create(peer), created(peer), created(by));
    for (const side of sides) expect(told(world, made[side]).at(-1)).toContain("TEMPORARY_FAILURE");
    await mail.release();
    await world.runFor(4_900);
    expect(mail.sent).toHaveLength(4);
    await settled(made);
    expect(ikeSas(made.left)[0]?.id).not.toBe(before.ike);
    expect(childSas(made.left)[0]?.spiIn).not.toBe(before.child);
  });

  test("creates a Child SA: likewise", async () => {
    const net = (side: Side) =>
      childPolicy(side, {
        name: "more",
        localSelectors: [selector(side === "left" ? "10.3.0.1" : "10.4.0.1")],
        remoteSelectors: [selector(side === "left" ? "10.4.0.1" : "10.3.0.1")],
        start: "manual",
      });
    const children = (side: Side) => ({ children: [childPolicy(side), net(side)] });
    const made = await withMail({ left: children("left"), right: children("right") });
    const { mail, world } = made;
    made[by].command(rekeyIke);
    const up = made[peer].command({ do: "up", target: "tunnel/more" });
    await mail.deliver(create(by), create(peer), created(peer), created(by));
    await mail.release();
    await world.runFor(4_900);
    expect(mail.sent).toHaveLength(4);
    await settled(made, { children: 2 });
    expect(up.answer).toHaveProperty("reply");
    expect(told(world, made[by]).join("\n")).toContain("IKE SA rekeyed");
  });

  test.each([
    ["its request is late", [inform(peer), create(by), created(peer), informed(by)]],
    ["its refusal is early", [create(by), created(peer), inform(peer), informed(by)]],
    ["both cross", [create(by), inform(peer), created(peer), informed(by)]],
  ])("deletes the Child SA, %s: the Delete is answered, the rekey made later", async (_what, order) => {
    const made = await withMail();
    const { mail } = made;
    const before = ikeSas(made.left)[0]?.id;
    made[by].command(rekeyIke);
    made[peer].command(downChild);
    await mail.deliver(...order);
    await mail.release();
    await settled(made, { children: 0 });
    expect(ikeSas(made.left)[0]?.id).not.toBe(before);
  });

  test.each([
    ["both cross", [create(by), inform(peer), created(peer), informed(by)]],
    ["the refusal is early", [create(by), created(peer), inform(peer), informed(by)]],
    ["the Delete is early", [inform(peer), informed(by), create(by)]],
  ])("deletes the IKE SA, %s: all is gone", async (_what, order) => {
    const made = await withMail();
    const { mail } = made;
    const handle = made[by].command(rekeyIke);
    made[peer].command({ ...downIke, reason: "maintenance" });
    await mail.deliver(...order);
    await mail.release();
    await settled(made, { sas: 0, children: 0 });
    expect(handle.answer).toHaveProperty("refusal");
    expect(deletions(made, by)).toEqual(['peer "maintenance"']);
  });

  test("asks whether it is alive", async () => {
    const made = await withMail({ [peer]: { livenessMs: 20_000 } });
    const { mail, world } = made;
    await world.runUntil(() => mail.waiting.includes(inform(peer)), 30_000);
    made[by].command(rekeyIke);
    await mail.deliver(create(by), created(peer), inform(by));
    await mail.release();
    await settled(made, { afterMs: 30_100 });
  });
});

describe.each(sides)("the %s end deletes the IKE SA while the other", (by) => {
  const peer = other[by];

  test.each([
    ["rekeys", rekeyChild],
    ["deletes", downChild],
  ] as const)("%s its Child SA: nothing is left on either side, whatever comes first", async (_what, command) => {
    const asks = command.do === "rekey" ? create : inform;
    const answers = command.do === "rekey" ? created : informed;
    for (const order of [
      [asks(peer), inform(by), answers(by), informed(peer)],
      [inform(by), informed(peer), asks(peer)],
      [asks(peer), answers(by), inform(by), informed(peer)],
    ]) {
      const made = await withMail();
      const down = made[by].command({ ...downIke, reason: "maintenance" });
      made[peer].command(command);
      await made.mail.deliver(...order);
      await made.mail.release();
      await settled(made, { sas: 0, children: 0 });
      expect(down.answer).toHaveProperty("reply");
      expect(deletions(made, peer).at(-1)).toBe('peer "maintenance"');
    }
  });
});

describe.each(lowests)("both rekey the IKE SA, the lowest nonce is that of %s", (lowest) => {
  const loser = loserOf(lowest);
  const winner = other[loser];

  test("the winner's has the Child SA, and the loser deletes its own within itself", async () => {
    const made = await withNonces(lowest);
    const { mail, world } = made;
    const installed = dataPlane(made.left);
    const handles = sides.map((side) => made[side].command(rekeyIke));
    await mail.deliver(create("left"), create("right"));
    // nobody knows yet
    for (const side of sides) expect(ikeSas(made[side]).map(({ children }) => children.length)).toEqual([1, 0]);
    await mail.deliver(created("right"), created("left"));
    expect(mail.waiting).toEqual(expect.arrayContaining([inform(winner)]));
    expect(mail.waiting.filter((name) => name.startsWith(`${loser} INFORMATIONAL of SA`))).toHaveLength(1);
    await mail.release();
    await settled(made);
    expect(dataPlane(made.left)).toEqual(installed);
    expect(ikeSas(made[winner])[0]?.role).toBe("initiator");
    expect(deletions(made, loser)).toEqual(["us simultaneous-rekey"]);
    expect(deletions(made, winner)).toEqual([LOST]);
    const ids = sides.map((side) => ikeSas(made[side])[0]?.id);
    expect(handles.map(({ answer }) => answer)).toMatchObject(ids.map((id) => ({ reply: { id } })));
    for (const side of sides) {
      expect(told(world, made[side]).filter((line) => line.startsWith("IKE SA rekeyed"))).toHaveLength(1);
    }
  });

  test.each(sides)("and the answer to the %s end is late: the other one deletes before it comes", async (late) => {
    const made = await withNonces(lowest);
    const { mail, world } = made;
    for (const side of sides) made[side].command(rekeyIke);
    const early = other[late];
    await mail.deliver(create("left"), create("right"), created(late));
    const [deleted] = mail.waiting.filter((name) => name.startsWith(inform(early)));
    expect(deleted).toBeDefined();
    await mail.deliver(deleted ?? "");
    await mail.release();
    await settled(made, { afterMs: 12_000 });
    // what the late end gave up was never its own
    expect(
      deletions(made, "left")
        .concat(deletions(made, "right"))
        .some((text) => text.includes("lifetime")),
    ).toBe(false);
    await ask(world, made[late], rekeyChild);
    await settled(made);
  });

  test("after both were refused for their groups", async () => {
    const proposals = {
      before: ike("aes-gcm-16-256 / prf-hmac-sha256 / modp-2048, curve25519, ecp-256, ecp-384"),
      left: ike("aes-gcm-16-256 / prf-hmac-sha256 / curve25519, ecp-256"),
      right: ike("aes-gcm-16-256 / prf-hmac-sha256 / ecp-384, ecp-256"),
    };
    const made = await withNonces(lowest, {
      after: 1,
      left: { ikeProposals: proposals.before },
      right: { ikeProposals: proposals.before },
    });
    const { mail, world } = made;
    await mail.release();
    for (const side of sides) {
      const address = side === "left" ? leftAddress : rightAddress;
      const policy = ikev2Policy(address, [connection(side, { ikeProposals: proposals[side] })]);
      await ask(world, made[side], { do: "reconfigure", policy });
    }
    mail.hold();
    for (const side of sides) made[side].command(rekeyIke);
    await mail.deliver(create("left"), create("right"), created("right"), created("left"));
    expect(mail.waiting).toEqual([create("left"), create("right")]);
    const late = lowest.startsWith("left") ? "left" : "right";
    // the retry of one end comes in time, or when the other has finished
    const inTime = lowest.endsWith("request");
    if (inTime) await mail.deliver(create("left"), create("right"), created("right"), created("left"));
    else await mail.deliver(create(other[late]), created(late));
    await mail.release();
    await settled(made);
    expect(ikeSas(made.left)[0]?.suite).toContain("ecp-256");
    expect(deletions(made, loser)).toEqual(inTime ? ["us simultaneous-rekey"] : []);
  });

  test("over any order of the first four messages, with several Child SAs", async () => {
    const nets = (side: Side) => ({
      children: [
        childPolicy(side),
        childPolicy(side, {
          name: "second",
          localSelectors: [selector(side === "left" ? "10.3.0.1" : "10.4.0.1")],
          remoteSelectors: [selector(side === "left" ? "10.4.0.1" : "10.3.0.1")],
        }),
      ],
    });
    const first = [create("left"), create("right"), created("right"), created("left")];
    for (const order of permutations(first)) {
      if (order.indexOf(created("right")) < order.indexOf(create("left"))) continue;
      if (order.indexOf(created("left")) < order.indexOf(create("right"))) continue;
      const made = await withNonces(lowest, { left: nets("left"), right: nets("right") });
      expect(childSas(made.left)).toHaveLength(2);
      for (const side of sides) made[side].command(rekeyIke);
      await made.mail.deliver(...order);
      await made.mail.release();
      await settled(made, { children: 2 });
    }
  });
});

describe.each(sides)("the request of the %s end to rekey the IKE SA is late", (late) => {
  const early = other[late];

  async function noticedByOne() {
    const made = await withMail();
    const handle = made[late].command(rekeyIke);
    made[early].command(rekeyIke);
    await made.mail.deliver(create(early), created(late));
    expect(made.mail.waiting).toEqual([create(late), inform(early)]);
    return { ...made, handle };
  }

  test.each([
    ["and never comes", [inform(early), informed(late)]],
    ["and comes when the other deletes the old one", [create(late), inform(early), informed(late), created(early)]],
    ["and its refusal comes before the Delete", [create(late), created(early), inform(early), informed(late)]],
    ["and comes when the old one has gone", [inform(early), informed(late), create(late)]],
  ])("%s: the other's is the successor", async (_what, order) => {
    const made = await noticedByOne();
    await made.mail.deliver(...order);
    await made.mail.release();
    await settled(made);
    expect(made.handle.answer).toMatchObject({ reply: { id: ikeSas(made.left)[0]?.id } });
    expect(sides.flatMap((side) => deletions(made, side))).toEqual([]);
  });

  test("and the new one is used before the old one is deleted", async () => {
    const made = await noticedByOne();
    const { mail } = made;
    const handle = made[early].command(rekeyChild);
    mail.lose(inform(early));
    await mail.deliver(`${early} CREATE_CHILD_SA of SA 2`);
    expect(childSas(made[late]).map(({ state }) => state)).toEqual(["rekeyed", "installed"]);
    await mail.release();
    await settled(made);
    expect(handle.answer).toHaveProperty("reply");
  });

  test("and is given up unanswered: the other's is used", async () => {
    const made = await noticedByOne();
    const { mail, world } = made;
    // of the old IKE SA nothing arrives any more
    await world.runUntil(() => made.handle.answer !== undefined, 120_000);
    expect(made.handle.answer).toHaveProperty("reply");
    expect(childSas(made[late])).toHaveLength(1);
    for (const name of [...mail.waiting]) if (!name.includes("of SA 2")) mail.lose(name);
    await mail.release();
    await settled(made);
  });
});

describe("a peer that has the keys", () => {
  test("refuses for the moment, and again for 5 minutes: the IKE SA is closed, for both are out of step", async () => {
    const made = await withMail({ policy: { keyLog: true } });
    const { mail, right, world } = made;
    const impostor = new Impostor(made);
    right.command(rekeyChild);
    const asked: number[] = [];
    for (let messageId = 0; mail.waiting.includes(create("right")); messageId++) {
      asked.push(world.now);
      mail.lose(create("right"));
      impostor.say(ExchangeType.CREATE_CHILD_SA, messageId, [notify(NotifyType.TEMPORARY_FAILURE)], Flag.RESPONSE);
      await mail.deliver(created("left"));
      await world.runUntil(() => mail.waiting.length > 0, 16_000);
    }
    expect(mail.waiting).toEqual([inform("right")]);
    expect(deletions(made, "right")).toEqual(["us lifetime"]);
    expect(told(world, right).at(-1)).toContain("TEMPORARY_FAILURE and nothing else for 5 minutes");
    expect(world.now - (asked[0] ?? 0)).toBeGreaterThan(300_000);
    expect(world.now - (asked[0] ?? 0)).toBeLessThan(316_000);
    const pauses = asked.slice(1).map((at, i) => at - (asked[i] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(5_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(15_010);
    expect(new Set(pauses).size).toBeGreaterThan(10);
  });

  test("deletes the old Child SA though its own new one is redundant: ours is used", async () => {
    const made = await withNonces("left's request", { policy: { keyLog: true } });
    const { mail, right, left } = made;
    const impostor = new Impostor(made);
    const spi = Buffer.from(childSas(left)[0]?.spiIn ?? "", "hex");
    for (const side of sides) made[side].command(rekeyChild);
    await mail.deliver(create("left"), create("right"));
    impostor.say(ExchangeType.INFORMATIONAL, 3, [{ kind: "D", protocolId: 3, spiSize: 4, spis: [spi] }]);
    await mail.deliver(inform("left"), created("left"));
    expect(childSas(right).map(({ state }) => state)).toEqual(["rekeyed", "installed"]);
    expect(sending(right)).toContain(childSas(right)[1]?.spiIn);
    // nothing is left for it to delete
    expect(mail.waiting).not.toContain(inform("right"));
  });
});
