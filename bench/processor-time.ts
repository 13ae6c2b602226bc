/** What other processes took of the processor, and of memory: /proc, which counts all their threads. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"]));

/** Seconds of a processor since the process began, its own and the system's for it. */
export function processorSeconds(pid: number): number {
  const [, after = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(/\) /);
  const fields = after.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
