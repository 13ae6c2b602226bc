import { expect, test } from "vitest";
import { causeAmong, causeOfSystemd, unitIn } from "./service-manager.ts";

/** What `systemctl list-jobs --no-legend --plain` prints. */
const jobs = (...rows: [unit: string, type: string][]) =>
  rows.map(([unit, type], index) => `${1000 + index} ${unit}   ${type}  waiting\n`).join("");

test("the jobs of a machine that goes down say whether it comes back", () => {
  const rebooting = jobs(
    ["keyherald.service", "stop"],
    ["reboot.target", "start"],
    ["systemd-reboot.service", "start"],
  );
  expect(causeAmong(rebooting, "keyherald.service")).toBe("host-restart");
  expect(causeAmong(jobs(["kexec.target", "start"]), "keyherald.service")).toBe("host-restart");
  expect(causeAmong(jobs(["poweroff.target", "start"]), "keyherald.service")).toBe("host-shutdown");
  expect(causeAmong(jobs(["halt.target", "start"]), undefined)).toBe("host-shutdown");
});

test("a restart of the own unit is one, and that of another is not", () => {
  expect(causeAmong(jobs(["keyherald.service", "restart"]), "keyherald.service")).toBe("service-restart");
  expect(causeAmong(jobs(["nginx.service", "restart"]), "keyherald.service")).toBeUndefined();
  expect(causeAmong(jobs(["keyherald.service", "stop"]), "keyherald.service")).toBeUndefined();
  expect(causeAmong("", undefined)).toBeUndefined();
});

test("the unit is found in the control group", () => {
  expect(unitIn("0::/system.slice/keyherald.service\n")).toBe("keyherald.service");
  expect(unitIn("0::/system.slice/system-keyherald.slice/keyherald@berlin.service/sub\n")).toBe(
    "keyherald@berlin.service",
  );
  expect(unitIn("0::/user.slice/user-0.slice/session-1.scope\n")).toBeUndefined();
});

test("without systemd nothing is asked", async () => {
  const before = process.env["INVOCATION_ID"];
  delete process.env["INVOCATION_ID"];
  const asked: string[] = [];
  const cause = await causeOfSystemd(() => {
    asked.push("jobs");
    return Promise.resolve("");
  });
  if (before !== undefined) process.env["INVOCATION_ID"] = before;
  expect({ cause, asked }).toEqual({ cause: undefined, asked: [] });
});
