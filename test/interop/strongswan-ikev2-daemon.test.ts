/** The daemon as its operator runs it, with strongSwan as the peer. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { home, laboratory } from "../process/support/files.ts";
import { Spawned, until } from "../process/support/spawned.ts";
import { Ikev2Lab } from "../support/ikev2-lab.ts";

const cli = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const PSK = "a secret of thirty-two octets!!!";

let lab: Ikev2Lab;
let files: ReturnType<typeof laboratory>;

beforeEach(async () => {
  lab = await Ikev2Lab.start();
  files = laboratory();
});

afterEach(async () => {
  await lab?.[Symbol.asyncDispose]();
  files?.remove();
});

/** Our gateway keeps a tunnel to charon up, with all the rest as it is by default. */
function gateway() {
  writeFileSync(join(files.directory, "charon.psk"), PSK, { mode: 0o600 });
  return home(
    files.directory,
    "gateway",
    `ikev2:
  listen: ["${lab.pair.left.address}"]
  connections:
    - name: charon
      local: { identity: "fqdn:ours.example" }
      remote: { address: "${lab.pair.right.address}", identity: "fqdn:charon.example" }
      psk: { file: ../charon.psk }
      start: always
      retry: { first: 300ms, max: 1s }
      children:
        - { name: net, local: ["10.1.0.0/24"], remote: ["10.2.0.0/24"] }
`,
  );
}

async function keyherald(socket: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, NO_COLOR: "1", KEYHERALD_SOCKET: socket };
  return (await promisify(execFile)(process.execPath, [cli, ...args], { env })).stdout;
}

test("a tunnel with charon: up, rekeyed, lost and back, killed and back, and taken down with its reason", async () => {
  await lab.configureCharon(
    { charon: { connection: { proposals: ["default"] }, child: { esp_proposals: ["default"] } } },
    PSK,
  );
  const { file, socket } = gateway();
  await using processes = new AsyncDisposableStack();
  const start = async () => {
    const started = new Spawned(file, socket, { namespace: lab.pair.left.name });
    processes.defer(() => started.kill());
    return await started.ready();
  };
  const daemon = await start();

  const first = await lab.charon.up();
  const shown = await keyherald(socket, "sas");
  expect(shown).toContain(`${first.ike.spiI}_${first.ike.spiR}`);
  expect(shown).toContain(first.child.spiIn);

  await keyherald(socket, "rekey-sa", "charon/net");
  await keyherald(socket, "rekey-sa", "charon");
  const rekeyed = await lab.charon.up();
  expect(rekeyed.ike.uniqueId).not.toBe(first.ike.uniqueId);
  expect(rekeyed.child.spiIn).not.toBe(first.child.spiIn);

  await lab.charon.terminate({ ike: "lab" });
  await lab.charon.up();
  const story = await until("the tunnel is back", async () => {
    const text = await keyherald(socket, "why", "charon");
    return text.includes("re-established") ? text : undefined;
  });
  expect(story).toMatch(/peer deleted the IKE SA/);

  await daemon.kill();
  const mark = await lab.charon.mark();
  const again = await start();
  await lab.charon.logged(/parsed IKE_AUTH request 1 \[ IDi N\(INIT_CONTACT\)/, mark);
  await lab.charon.up();

  await again.stop();
  await lab.charon.until("nothing", (sas) => sas.length === 0);
  // what has no name there is our DELETE_REASON
  await lab.charon.logged(/parsed INFORMATIONAL request \d+ \[ (D N\(\(40960\)\)|N\(\(40960\)\) D) \]/, mark);
});
