import { expect, test } from "vitest";
import { StoreError } from "../store/store.ts";
import { endpointText } from "../util/address.ts";
import { socketProblem, storeProblem } from "./problems.ts";

const endpoint = { address: "2001:db8::1", port: 848 };

test.each([
  ["EADDRINUSE", "ss -ulpn"],
  ["EACCES", "CAP_NET_BIND_SERVICE"],
  ["EADDRNOTAVAIL", "no address of this machine"],
  ["EMFILE", "cannot be used: too many"],
])("%s says what to do", (code, advice) => {
  const problem = socketProblem(endpoint, Object.assign(new Error("too many open files"), { code }));
  expect(problem).toMatchObject({ code, message: expect.stringContaining(advice) });
});

test.each([
  ["locked", "another keyherald"],
  ["wrong-key", "another key than state.key"],
  ["full", "no room"],
  ["newer-version", "newer keyherald"],
  ["corrupt", "backup"],
  ["io", "cannot be opened: broken"],
] as const)("a state file that is %s says what to do", (code, advice) => {
  expect(storeProblem("state.db", new StoreError(code, "broken")).message).toContain(advice);
});

test("an IPv6 endpoint is written with brackets", () => {
  expect(endpointText(endpoint)).toBe("[2001:db8::1]:848");
});
