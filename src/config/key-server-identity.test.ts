import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfiguration } from "./load.ts";
import { testFolder, testTime } from "./testing/files.ts";

let made: ReturnType<typeof testFolder>;
beforeAll(() => {
  made = testFolder();
});
afterAll(() => made.remove());

const member = (keyServer: string) => `
state: { file: state.db, key: { file: state.key } }
member:
  local: 192.0.2.9
  certificate: { chain: server.pem, key: server.key }
  trust: { anchors: [ca.pem] }
  keyServers: [{ name: ks1, address: 192.0.2.1${keyServer} }]
  groups: [{ name: substation, id: 1234 }]
`;

function problems(keyServer: string) {
  const loaded = loadConfiguration(made.write("keyherald.yaml", member(keyServer)), {}, testTime);
  return loaded.ok ? [] : loaded.error.map(({ path, message }) => `${path}: ${message}`);
}

test("a key server that proves itself with a certificate must be named, or any certified member could pass for it", () => {
  expect(problems(', identity: "dn:CN=ks1,O=Utility"')).toEqual([]);
  for (const unnamed of ["", ", psk: { file: gm1.psk }"]) {
    expect(problems(unnamed)).toMatchObject([
      expect.stringMatching(/^member\.keyServers\[0\]: names no identity: anybody with a certificate/),
    ]);
  }
});
