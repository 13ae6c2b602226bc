import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ikev2Datagrams, ikev2Keys, ikev2Pcap } from "../../../test/support/ikev2-golden.ts";
import { readPcap } from "../../../test/support/pcap.ts";
import { hex } from "../../util/octets.ts";
import { createProgram } from "../program.ts";

let printed = "";
let remarks = "";
beforeEach(() => {
  const into = (add: (text: string) => void) => (text: string | Uint8Array) => {
    add(text.toString());
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(into((text) => (printed += text)));
  vi.spyOn(process.stderr, "write").mockImplementation(into((text) => (remarks += text)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function decode(...args: readonly string[]): Promise<string> {
  printed = "";
  remarks = "";
  await createProgram().parseAsync(["decode", ...args], { from: "user" });
  return printed;
}

const gcm = ikev2Datagrams("strongswan-psk-gcm").map(({ bytes }) => hex(bytes));
const [, , , , auth = ""] = gcm;
const keyFile = (name: string) =>
  fileURLToPath(new URL(`../../../test/vectors/data/ikev2/${name}.keys`, import.meta.url));

test("a message of IKEv2 is decrypted with a line of keys, and with a file that has the line", async () => {
  const [line = ""] = ikev2Keys("strongswan-psk-gcm").map((keys) => keys.line);
  const shown = await decode(auth, "--ikev2-keys", line);
  expect(shown).toContain("IKE_AUTH request");
  expect(shown).toContain("Identification Data  a.example");
  expect(remarks).toBe("(decrypted; it is authentic)\n");
  expect(await decode(auth, "--ikev2-keys", keyFile("strongswan-psk-gcm"))).toBe(shown);
  const json = JSON.parse(await decode(auth, "--ikev2-keys", line, "--json"));
  expect(json).toMatchObject({ name: "IKE_AUTH request", children: [{ name: "HDR" }, { name: "SK" }] });
  expect(remarks).toBe("");
});

test("fragments are put together, and the zeros of port 4500 are passed over", async () => {
  const captured = readPcap(ikev2Pcap("strongswan-rsa-cbc")).slice(2, 5);
  expect(captured.map(({ toPort, bytes }) => [toPort, hex(bytes.subarray(0, 4))])).toEqual(
    Array(3).fill([4500, "00000000"]),
  );
  const shown = await decode(...captured.map(({ bytes }) => hex(bytes)), "--ikev2-keys", keyFile("strongswan-rsa-cbc"));
  expect(shown.match(/^IKE_AUTH request/gm)).toHaveLength(3);
  expect(shown.match(/Cert Encoding {2}X509_SIGNATURE/g)).toHaveLength(2);
  expect(remarks).toContain("put together");
});

test("what is in the clear is shown before it is said what is missing or wrong", async () => {
  await expect(decode(auth)).rejects.toThrow(
    "the message is encrypted; give --ikev2-keys with the keys of the IKE SA b744e1df58023fc6,878c935b7978fdd7",
  );
  expect(printed).toContain("Message ID  1");
  await expect(decode(`${auth.slice(0, -2)}00`, "--ikev2-keys", keyFile("strongswan-psk-gcm"))).rejects.toThrow(
    "it cannot be opened: the integrity check fails; are they the right keys?",
  );
  await expect(decode(auth.slice(0, -2))).rejects.toThrow(
    "not a message that can be read: HDR: Length says 367 octets, 366 came (offset 24, RFC 7296 3.1)",
  );
});

test.each([
  ["1,2", "--ikev2-keys: 8 values between commas are expected, not 2"],
  ["nothing-there", "--ikev2-keys is neither a line with commas nor a file: ENOENT"],
  [fileURLToPath(new URL("decode.ts", import.meta.url)), "decode.ts, line 1: 8 values between commas are expected"],
])("keys that are none are refused: %s", async (keys, why) => {
  await expect(decode(auth, "--ikev2-keys", keys)).rejects.toThrow(why);
  expect(printed).toBe("");
});
