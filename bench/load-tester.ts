/** strongSwan's charon with its load-tester plugin: as responder, and as the initiator that loads one. */
import { type ChildProcess, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Namespace } from "../test/support/namespace.ts";

/** Handshakes that an initiator has under way at once: so many threads, each with so many. */
const THREADS = 4;
const BATCH = 8;

export const psk = "keyherald-benchmark-psk";
/** As the responder of the load-tester calls itself, and its initiators call it. */
export const responderId = "srv.strongswan.org";
export const ikeProposal = "aes128gcm16-prfsha256-curve25519";
export const espProposal = "aes128gcm16";

/** Where strongSwan with its load-tester is installed, built if it is not there. @throws when that cannot be done */
export function loadTester(): string {
  const script = join(import.meta.dirname, "load-tester.sh");
  return execFileSync(script, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}

export class LoadTester {
  readonly process: ChildProcess;
  readonly #socket: string;

  private constructor(process: ChildProcess, socket: string) {
    this.process = process;
    this.#socket = socket;
  }

  /**
   * Starts a charon in a namespace, on one processor.
   * @param home where strongSwan is installed
   * @param folder for its files, to be made
   * @throws with its log when it does not come up
   */
  static async start(
    namespace: Namespace,
    ends: { readonly initiator: string; readonly responder: string },
    { home, folder, processor }: { readonly home: string; readonly folder: string; readonly processor: number },
  ): Promise<LoadTester> {
    mkdirSync(folder);
    const socket = join(folder, "load-tester");
    const configuration = join(folder, "strongswan.conf");
    writeFileSync(configuration, configurationText(folder, socket, ends));
    // a namespace of mounts goes with the namespace: its pid file is in a folder that nobody else sees
    const script = `mount -t tmpfs none "$0/run" && exec taskset -c ${processor} "$0/libexec/ipsec/charon"`;
    const child = namespace.start("env", [`STRONGSWAN_CONF=${configuration}`, "sh", "-c", script, home], {
      stdio: "ignore",
    });
    for (let tries = 0; !existsSync(socket); tries++) {
      if (tries > 400 || child.exitCode !== null) throw new Error(`charon did not start:\n${logOf(folder)}`);
      await sleep(25);
    }
    return new LoadTester(child, socket);
  }

  /** Begins `many` IKE SAs, each with a Child SA, and waits for them. @throws when one of them is not established */
  async handshakes(many: number): Promise<void> {
    const rounds = Math.ceil(many / (THREADS * BATCH));
    const thread = async () => {
      for (let round = 0; round < rounds; round++) await this.#batch();
    };
    await Promise.all(Array.from({ length: THREADS }, thread));
  }

  /** How many handshakes `handshakes(many)` makes. */
  static rounded(many: number): number {
    return Math.ceil(many / (THREADS * BATCH)) * THREADS * BATCH;
  }

  /** The plugin answers with `.` for each that it begins, `+` for each that stands, `-` and `!` for others. */
  #batch(): Promise<void> {
    return new Promise((resolve, reject) => {
      let said = "";
      const socket = connect(this.#socket, () => socket.write(`${BATCH} 0\n`));
      socket.setEncoding("utf8");
      socket.on("data", (text: string) => {
        said += text;
      });
      socket.on("error", reject);
      socket.on("close", () => {
        const up = said.split("+").length - 1;
        if (up === BATCH) resolve();
        else reject(new Error(`${up} of ${BATCH} IKE SAs were established: ${said}`));
      });
    });
  }
}

function logOf(folder: string): string {
  const file = join(folder, "charon.log");
  return existsSync(file) ? readFileSync(file, "utf8") : "no log";
}

/** No limits and no cookies, nothing of the kernel's IPsec, no log but of errors. */
function configurationText(
  folder: string,
  socket: string,
  { initiator, responder }: { readonly initiator: string; readonly responder: string },
): string {
  return `charon {
  load_modular = no
  load = random nonce openssl aes sha1 sha2 hmac kdf gcm curve25519 pem pkcs1 pkcs8 pubkey x509 revocation constraints load-tester kernel-netlink socket-default
  threads = 16
  cookie_threshold = 0
  cookie_threshold_ip = 0
  block_threshold = 0
  dos_protection = no
  ikesa_table_size = 4096
  ikesa_table_segments = 16
  reuse_ikesa = no
  install_routes = no
  install_virtual_ip = no
  retransmit_timeout = 2.0
  filelog { f { path = ${folder}/charon.log
      default = -1
      flush_line = yes } }
  syslog { daemon { default = -1 } auth { default = -1 } }
  plugins {
    load-tester {
      enable = yes
      fake_kernel = yes
      socket = unix://${socket}
      initiators = 0
      initiator = ${initiator}
      responder = ${responder}
      initiator_auth = psk
      responder_auth = psk
      preshared_key = ${psk}
      proposal = ${ikeProposal}
      esp = ${espProposal}
      version = 2
      ike_rekey = 0
      child_rekey = 36000
    }
  }
}
`;
}
