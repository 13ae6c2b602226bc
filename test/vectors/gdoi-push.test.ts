import { describe, expect, test } from "vitest";
import { ackKey, buildAck, verifyAck } from "../../src/gdoi/ack.ts";
import { buildKd, readKd } from "../../src/gdoi/key-packets.ts";
import { buildSa, buildSak, readSa, readSak } from "../../src/gdoi/policy-payloads.ts";
import { readPublicKey } from "../../src/gdoi/public-key.ts";
import { buildPull, firstIv, hash1, hash2, hash3, hash4, openPull, pullHashFits } from "../../src/gdoi/pull.ts";
import { buildPush, keyOfIvAndKey, openPush, type SignatureChoice, verifyPush } from "../../src/gdoi/push.ts";
import { readSat } from "../../src/gdoi/tek-payloads.ts";
import { addressOctets } from "../../src/util/address.ts";
import { equal, fromHex, hex } from "../../src/util/octets.ts";
import type { Result } from "../../src/util/result.ts";
import { decodeAck } from "../../src/wire/gdoi/ack.ts";
import { decodeHeader } from "../../src/wire/header.ts";
import {
  env,
  GivenSignature,
  lkhData,
  type Pull,
  type Push,
  type PushCase,
  phase1Sa,
  pushData,
  sigHash,
} from "./gdoi-data.ts";

function good<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function header(datagram: Uint8Array) {
  return good(decodeHeader(datagram));
}

describe.each([
  ...pushData.cases.map((c) => ({ name: c.name, pull: c.pull })),
  ...lkhData.pulls.map((pull) => ({ name: `lkh, member ${pull.member}`, pull })),
])("GROUPKEY-PULL of $name", ({ pull }: { pull: Pull }) => {
  const sa = phase1Sa("initiator");
  const ni = fromHex(pull.ni);
  const nr = fromHex(pull.nr);
  const messages = [
    { m: pull.message1, nonces: [] },
    { m: pull.message2, nonces: [ni] },
    { m: pull.message3, nonces: [ni, nr] },
    { m: pull.message4, nonces: [ni, nr] },
  ] as const;

  test("every message opens, its HASH fits, and it is built again to the same octets", () => {
    let iv = firstIv(sa, pull.mid, env);
    for (const { m, nonces } of messages) {
      expect(hex(iv)).toBe(m.iv);
      const datagram = fromHex(m.datagram);
      const opened = good(openPull(sa, env, header(datagram), datagram, iv));
      expect(pullHashFits(sa, env, pull.mid, nonces, opened)).toBe(true);
      expect(hex(opened.hash)).toBe(m.hash);
      const covered = 4 + nonces.reduce((sum, n) => sum + n.length, 0);
      expect(hex(opened.after)).toBe(m.hash_input.slice(2 * covered));
      const built = buildPull(sa, env, pull.mid, nonces, opened.payloads, iv);
      expect(hex(built.datagram)).toBe(m.datagram);
      expect(hex(built.datagram.subarray(28))).toBe(m.ciphertext);
      expect(hex(env.crypto.aesCbcDecrypt(sa.encryptionKey, iv, built.datagram.subarray(28)))).toBe(m.plaintext);
      expect(hex(built.nextIv)).toBe(hex(opened.nextIv));
      iv = opened.nextIv;
    }
  });

  test("the four HASHes come out of their inputs", () => {
    const tail = (m: { hash_input: string }, skip: number) => fromHex(m.hash_input).subarray(skip);
    const both = 4 + ni.length + nr.length;
    expect(hex(hash1(sa, env, pull.mid, tail(pull.message1, 4)))).toBe(pull.message1.hash);
    expect(hex(hash2(sa, env, pull.mid, ni, tail(pull.message2, 4 + ni.length)))).toBe(pull.message2.hash);
    expect(hex(hash3(sa, env, pull.mid, ni, nr, tail(pull.message3, both)))).toBe(pull.message3.hash);
    expect(hex(hash4(sa, env, pull.mid, ni, nr, tail(pull.message4, both)))).toBe(pull.message4.hash);
  });

  test("policy and keys are read, and the Rekey SA is written again as it was", () => {
    const open = (m: { datagram: string; iv: string }) => {
      const datagram = fromHex(m.datagram);
      return good(openPull(sa, env, header(datagram), datagram, fromHex(m.iv))).payloads;
    };
    const [, policy] = open(pull.message2);
    if (policy?.kind !== "GDOI-SA") throw new Error("no SA");
    const { sak, sats } = good(readSa(policy));
    if (sak === undefined) throw new Error("no SAK");
    const rekey = good(readSak(sak, "pull"));
    expect(hex(rekey.spi)).toBe(pull.spi);
    expect(buildSak(rekey)).toEqual(sak);
    expect(buildSa(policy.attributes)).toEqual(policy);
    const [seq, kd] = open(pull.message4);
    if (seq?.kind !== "SEQ" || kd?.kind !== "KD") throw new Error("no SEQ and KD");
    expect(seq.sequenceNumber).toBe(pull.seq);
    const keys = good(readKd(kd, "pull"));
    expect(buildKd(keys)).toEqual(kd);
    const root = keys.kek?.ivAndKey ?? keys.lkh?.download?.keys.at(-1)?.data;
    expect(root && hex(root)).toBe(pull.kek_algorithm_key);
    expect(keys.sids?.values).toEqual(pull.sids);
    const described = sats.map((sat) => good(readSat(sat)));
    for (const tek of pull.teks) {
      const found = keys.teks.find((k) => hex(k.spi) === tek.spi);
      expect(found?.algorithmKey && hex(found.algorithmKey)).toBe(tek.tek_algorithm_key);
      expect(found?.integrityKey && hex(found.integrityKey)).toBe(tek.tek_integrity_key);
      const sat = described.find((d) => d !== undefined && hex(d.spi) === tek.spi);
      expect(sat?.protocolId).toBe(tek.protocol);
      expect(sat?.algorithmKeyOctets).toBe((tek.tek_algorithm_key?.length ?? 0) / 2);
      expect(sat?.integrityKeyOctets).toBe((tek.tek_integrity_key?.length ?? 0) / 2);
    }
  });
});

const allPushes = [...pushData.cases, lkhData].flatMap((c: Omit<PushCase, "pull">) =>
  c.pushes.map((push) => ({ name: `${c.name}: ${push.name}`, c, push })),
);

describe.each(allPushes)("GROUPKEY-PUSH of $name", ({ c, push }: { c: Omit<PushCase, "pull">; push: Push }) => {
  const kek = { spi: fromHex(push.spi), iv: fromHex(push.iv), key: env.crypto.importSecret(fromHex(push.key)) };
  const datagram = fromHex(push.datagram);
  const hash = sigHash(c.sig_hash);
  const real = env.crypto.importSigner(fromHex(c.private_key_pkcs8));
  const opened = good(openPush(kek, datagram, header(datagram), env));

  test("it opens, its parts stand where they should, and its signature is good", () => {
    expect(opened.seq).toBe(push.seq);
    expect(hex(opened.signedOctets)).toBe(push.signed);
    expect(hex(env.crypto.hash(c.sig_hash as "sha256", opened.signedOctets))).toBe(push.digest);
    expect(hex(opened.signature)).toBe(push.signature);
    // offsets of the vectors count from the start of the datagram
    const parts = opened.payloads.map((p) => ({ octets: hex(p.octets), offset: p.offset + 28 }));
    expect(parts).toEqual(push.payloads.map((p) => ({ octets: p.octets, offset: p.offset })));
    expect(push.hdr).toBe(hex(datagram.subarray(0, 28)));
    expect(hex(env.crypto.aesCbcDecrypt(kek.key, kek.iv, datagram.subarray(28)))).toBe(push.plaintext);
    const key = readPublicKey(fromHex(c.public_key), c.sig_algorithm, env);
    if (key === undefined) throw new Error("no key");
    expect(verifyPush(opened, key.verifier, c.sig_algorithm, hash)).toBe(true);
    const bent = { ...opened, signedOctets: opened.signedOctets.map((o, i) => (i === 40 ? o ^ 1 : o)) };
    expect(verifyPush(bent, key.verifier, c.sig_algorithm, hash)).toBe(false);
  });

  test("it is built again to the same octets", () => {
    const payloads = opened.payloads.slice(0, -1).map((p) => p.payload);
    const given = new GivenSignature(real, fromHex(push.signature));
    const choice: SignatureChoice = { algorithm: c.sig_algorithm, hash, signer: given };
    const built = buildPush(kek, payloads, choice, env);
    expect(hex(given.signed)).toBe(push.signed);
    expect(hex(built)).toBe(push.datagram);
    expect(hex(built.subarray(28))).toBe(push.ciphertext);
    const own = buildPush(kek, payloads, { ...choice, signer: real }, env);
    if (c.sig_algorithm === 1) expect(hex(own)).toBe(push.datagram);
    const ownOpened = good(openPush(kek, own, header(own), env));
    const verifier = env.crypto.importVerifier(real.publicKey);
    expect(verifyPush(ownOpened, verifier, c.sig_algorithm, hash)).toBe(true);
  });

  test("policy and keys in it are read and written again as they were", () => {
    if (opened.sa === undefined || opened.kd === undefined) return;
    const { sak } = good(readSa(opened.sa));
    expect(sak && hex(sak.spi)).toBe(push.new_spi);
    if (sak !== undefined) expect(buildSak(good(readSak(sak, "push")))).toEqual(sak);
    const keys = good(readKd(opened.kd, "push"));
    expect(buildKd(keys)).toEqual(opened.kd);
    if (push.new_kek_algorithm_key !== undefined) {
      expect(keys.kek && hex(keys.kek.ivAndKey)).toBe(push.new_kek_algorithm_key);
      expect(keys.kek && equal(keyOfIvAndKey(keys.kek.ivAndKey), keys.kek.ivAndKey.subarray(16))).toBe(true);
    }
  });

  test("every acknowledgement comes out, and is verified", () => {
    for (const ack of push.acks) {
      const key = ackKey(ack.type, fromHex(ack.base_key), kek.spi, env);
      expect(hex(env.crypto.exportSecret(key))).toBe(ack.ack_key);
      const built = buildAck(ack.type, key, kek.spi, push.seq, addressOctets(ack.member) ?? new Uint8Array(0), env);
      expect(hex(built)).toBe(ack.datagram);
      const view = good(decodeAck(built));
      expect(hex(view.covered)).toBe(ack.ack_hash_input);
      expect(hex(view.hash)).toBe(ack.hash);
      expect(verifyAck(ack.type, key, view, env)).toBe(true);
      expect(
        verifyAck(
          ack.type,
          ackKey(ack.type, fromHex(ack.base_key), fromHex(c.public_key).subarray(0, 16), env),
          view,
          env,
        ),
      ).toBe(false);
    }
  });
});
