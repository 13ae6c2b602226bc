/** When V8 compiles what runs often. */
import { setFlagsFromString } from "node:v8";

/** V8 of the Node.js versions that these flags were tried with; another one may not know them. */
const TRIED = /^13\./;

const FLAGS = [
  "--invocation-count-for-maglev=150",
  "--invocation-count-for-turbofan=1000",
  "--minimum-invocations-after-ic-update=150",
];

/**
 * Has V8 optimise sooner than it would. A handshake runs hundreds of functions once each, and what comes in thousands comes at
 * once, after an outage: by the time that a function was called 3000 times, as V8 has it, most of it is over. The compilation
 * itself is done by other threads.
 */
export function optimiseEarly(): void {
  if (TRIED.test(process.versions.v8)) for (const flag of FLAGS) setFlagsFromString(flag);
}
