import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../crypto/node/index.ts";
import { hex } from "../util/octets.ts";
import { keyLogLine, parseKeyLogLine } from "./key-log.ts";

const directory = new URL("../../test/vectors/data/ikev2/", import.meta.url);
const lines = readdirSync(directory)
  .filter((name) => name.endsWith(".keys"))
  .flatMap((name) => readFileSync(new URL(name, directory), "utf8").trim().split("\n"));

const gcm = `1111111111111111,2222222222222222,${"aa".repeat(20)},${"bb".repeat(20)},"AES-GCM-128 with 16 octet ICV [RFC5282]",,,"NONE [RFC4306]"`;

describe("a line of the key log", () => {
  test("that Wireshark decrypts strongSwan's messages with is read, and written again as it was", () => {
    expect(lines).toHaveLength(6);
    for (const line of lines) {
      const read = parseKeyLogLine(line, nodeCrypto);
      if (!read.ok) throw new Error(read.error);
      const { spis, initiator, responder } = read.value;
      const keys = { initiator: initiator.keys, responder: responder.keys };
      expect(keyLogLine(nodeCrypto, initiator, spis, keys)).toBe(line);
    }
  });

  test("may name its algorithms as a configuration does", () => {
    const ours = gcm.replace(/"AES.*?"/, "aes-gcm-16-128").replace('"NONE [RFC4306]"', "");
    const read = parseKeyLogLine(ours, nodeCrypto);
    expect(read.ok && read.value.responder.encryption.name).toBe("aes-gcm-16-128");
    expect(read.ok && hex(read.value.responder.keys.salt)).toBe("bbbbbbbb");
  });

  test.each([
    ["", "8 values between commas are expected, not 1"],
    [gcm.replace("AES-GCM-128", "AES-GCM-512"), '"AES-GCM-512 with 16 octet ICV [RFC5282]" is no encryption of it'],
    [gcm.replace("NONE", "HMAC_MD5"), '"HMAC_MD5 [RFC4306]" is no integrity algorithm'],
    [
      gcm.replace("NONE [RFC4306]", "hmac-sha256-128"),
      '"AES-GCM-128 with 16 octet ICV [RFC5282]" and "hmac-sha256-128" do not go together',
    ],
    [gcm.replace(/"AES.*?"/, "aes-cbc-128"), '"aes-cbc-128" and "NONE [RFC4306]" do not go together'],
    [gcm.replace("aaaa", "aa"), "SK_ei has 19 octets, expected 20"],
    [gcm.replace("bbbb", "xxxx"), "SK_er is not hexadecimal"],
    [gcm.replace("22222222", ""), "SPIr has 4 octets, expected 8"],
  ])("that is wrong is refused with what is wrong: %s", (line, error) => {
    expect(parseKeyLogLine(line, nodeCrypto)).toEqual({ ok: false, error });
  });
});
