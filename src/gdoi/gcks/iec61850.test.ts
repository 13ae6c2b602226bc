/** What the key server takes from devices that name group and streams by OID. */
import { describe, expect, test } from "vitest";
import { gcksPolicy, groupPolicy, memberAddress } from "../../../test/support/group.ts";
import { KeyServerBench, ScriptedMember } from "../../../test/support/scripted-member.ts";
import { combinations, streamTek } from "../../../test/support/stream.ts";
import { type Identity, parseIdentity } from "../../core/identity.ts";
import { NotifyType } from "../../iana/isakmp.ts";
import { concat, fromHex, u16 } from "../../util/octets.ts";
import { oidOctets } from "../../util/oid.ts";
import { ackKey, buildAck } from "../ack.ts";
import { iec61850TekPolicy } from "../iec61850.ts";

function identity(text: string): Identity {
  return parseIdentity(text) ?? expect.fail(`${text} is no identity`);
}

const group = identity("oid:1.2.840.10070.61850.8.1.2");
const stream = identity("oid:1.2.840.10070.61850.8.1.2;payload=0404e9fc0001");
const made = iec61850TekPolicy({
  name: "goose",
  oid: oidOctets("1.2.840.10070.61850.8.1.2") ?? new Uint8Array(0),
  oidSpecificPayload: fromHex("0404e9fc0001"),
  authAlg: 2,
  encAlg: 1,
  lifetimeSeconds: 3_600,
});
const tek = made.ok ? made.value : expect.fail("not allowed");

function bench(id = group): KeyServerBench {
  return new KeyServerBench(gcksPolicy([groupPolicy({ id, teks: [tek] })]));
}

describe("a device", () => {
  test.each([
    ["the whole encoding", fromHex("0d 060b2a8648ce5683e31a080102 0000")],
    ["the contents octets only", fromHex("0b 2a8648ce5683e31a080102 0000")],
  ])("registers for the OID of its group in %s", (_, data) => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const { sa, keys } = member.register({ type: 13, data });
    expect(sa.sats).toMatchObject([{ protocolId: 3, iec61850: { authAlg: 2, encAlg: 1, attributes: [] } }]);
    expect(keys.teks).toMatchObject([{ integrityKey: expect.objectContaining({ length: 32 }) }]);
  });

  test.each([
    ["another OID", fromHex("0d 060b2a8648ce5683e31a080103 0000")],
    ["another OID-Specific Payload", stream.data],
    ["malformed DER", fromHex("0d 060a2a8648ce5683e31a080102 0000")],
    ["an OID longer than its field", fromHex("ff 060b2a8648ce5683e31a080102")],
    ["a selector of 60 000 octets", concat(group.data.subarray(0, 14), u16(60_000), new Uint8Array(60_000))],
  ])("that asks for %s is told so, and nothing is recorded of it", (_, data) => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const records = server.records.size;
    const [answer] = member.send(member.first({ type: 13, data }).datagram);
    expect(answer && member.notification(answer)).toBe(NotifyType.INVALID_ID_INFORMATION);
    expect(server.last("gcks.pull-refused")?.reason?.length).toBeLessThan(300);
    expect(server.engine.members("plant")).toEqual([]);
    expect(server.records.size).toBe(records);
  });
});

test.each(combinations.map((pair) => ({ tek: streamTek(pair) })))(
  "a device gets keys of the right sizes for $tek.name, and a SID where it needs one",
  ({ tek: policy }) => {
    const server = new KeyServerBench(gcksPolicy([groupPolicy({ id: group, teks: [policy] })]));
    const { sa, keys } = new ScriptedMember(server, memberAddress(0)).register(group);
    const authAlg = policy.authentication?.algorithm ?? 1;
    expect(sa.sats).toMatchObject([{ protocolId: 3, iec61850: { authAlg, remainingLifetime: 3_600 } }]);
    const [kd] = keys.teks;
    expect(kd?.algorithmKey?.length ?? 0).toBe(policy.algorithmKeyOctets);
    expect(kd?.integrityKey?.length ?? 0).toBe(policy.authentication?.keyOctets ?? 0);
    expect(keys.sids).toEqual(policy.counterMode ? { bits: 16, values: [0] } : undefined);
  },
);

describe("an acknowledgement with an ID_OID", () => {
  function acknowledged(id: Identity, groupId = group): { acked: number; code: unknown } {
    const server = bench(groupId);
    const member = new ScriptedMember(server, memberAddress(0));
    member.register(groupId);
    const [rekey] = server.command({ do: "rekey", group: "plant", what: "tek" }).rekeys ?? [];
    const { spi = "", seq = 0 } = rekey ?? {};
    const key = ackKey(1, member.ivAndKey().subarray(16), member.spi(), server.env);
    member.send(buildAck(1, key, member.spi(), seq, id, server.env));
    return {
      acked: server.engine.rekey("plant", spi, seq)?.acked ?? 0,
      code: server.last("gcks.ack-refused")?.figures?.["code"],
    };
  }

  test.each([
    ["the group", group, group],
    ["the group, in contents octets only", { type: 13, data: fromHex("0b 2a8648ce5683e31a080102 0000") }, group],
    ["one of its streams", stream, group],
    ["one of the streams of a group that has a number", stream, { type: 11, data: fromHex("000004d2") }],
  ])("of %s is counted in", (_, id, groupId) => {
    expect(acknowledged(id, groupId)).toEqual({ acked: 1, code: undefined });
  });

  test("of another group is refused", () => {
    const other = identity("oid:1.2.840.10070.61850.8.1.3");
    expect(acknowledged(other)).toEqual({ acked: 0, code: "wrong-address" });
  });
});
