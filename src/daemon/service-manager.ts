/** What systemd knows about why it ends this daemon: the machine goes down, or the service is started anew. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Farewell } from "../api/views.ts";

/** Asks for the jobs that are under way: lines of number, unit, type and state. Rejects when nobody answers. */
export type JobList = () => Promise<string>;

const answerWithinMs = 1500;

const systemJobs: JobList = () =>
  new Promise((resolve, reject) => {
    const options = { timeout: answerWithinMs, encoding: "utf8" } as const;
    execFile("systemctl", ["list-jobs", "--no-legend", "--plain"], options, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });

const targets: Readonly<Record<string, Farewell["cause"]>> = {
  "poweroff.target": "host-shutdown",
  "halt.target": "host-shutdown",
  "reboot.target": "host-restart",
  "kexec.target": "host-restart",
  "soft-reboot.target": "host-restart",
};

/** The cause that a list of jobs gives for the end of `unit`; undefined when none of them is one. */
export function causeAmong(jobs: string, unit: string | undefined): Farewell["cause"] | undefined {
  const rows = jobs.split("\n").map((line) => line.trim().split(/\s+/));
  const started = rows.find(([, name = "", type]) => type === "start" && Object.hasOwn(targets, name));
  if (started !== undefined) return targets[started[1] ?? ""];
  return rows.some(([, name, type]) => type === "restart" && name === unit) ? "service-restart" : undefined;
}

/** The unit of this process, out of its control group: `keyherald.service`. */
export function unitIn(cgroup: string): string | undefined {
  return /\/([^/\n]+\.service)(?:\/|$)/m.exec(cgroup)?.[1];
}

/** Why systemd ends this daemon, as far as it says; undefined when it does not, or does not run here. */
export async function causeOfSystemd(jobs: JobList = systemJobs): Promise<Farewell["cause"] | undefined> {
  // systemd gives it to what it starts
  if (process.env["INVOCATION_ID"] === undefined) return undefined;
  try {
    return causeAmong(await jobs(), unitIn(readFileSync("/proc/self/cgroup", "utf8")));
  } catch {
    return undefined;
  }
}
