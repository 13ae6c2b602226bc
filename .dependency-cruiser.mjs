// The layers of src/, lowest first: an import points to a layer further down, never up, and there are no cycles.
// Why each stands where it does: ARCHITECTURE.md. Tests beside the code may use any layer.
const layers = [
  "util",
  "iana",
  "wire",
  "crypto",
  "sad",
  "core",
  "ledger",
  "ikev2",
  "ikev1",
  "gdoi",
  "config",
  "dataplane",
  "store",
  "sim",
  "api",
  "daemon",
  "cli",
];

/** Given what happened they say what to do: no socket, no file, no clock, no timer, no library but the project's own. */
const withoutIo = ["util", "iana", "wire", "crypto", "sad", "core", "ledger", "ikev2", "ikev1", "gdoi"];

const tests = "[.](test|bench)[.]ts$|^src/[^/]+/testing/";
const folder = (names) => `^src/(${names.join("|")})/`;

const upward = layers.slice(0, -1).map((layer, height) => ({
  name: `${layer}-imports-downward`,
  comment: `${layer} may import ${layers.slice(0, height).join(", ") || "nothing else"}`,
  severity: "error",
  from: { path: folder([layer]), pathNot: tests },
  to: {
    path: folder(layers.slice(height + 1)),
    // the output of an engine names the event's type; the file has types and no imports
    ...(layer === "core" ? { pathNot: "^src/ledger/event[.]ts$" } : {}),
  },
}));

export default {
  forbidden: [
    ...upward,
    {
      name: "known-layer",
      comment: "a new folder in src/ takes a place in the list of layers",
      severity: "error",
      from: { path: "^src/", pathNot: folder(layers) },
      to: {},
    },
    {
      name: "ikev2-stands-beside",
      comment: "what IKEv2 and the other protocols share is in core/, crypto/ or wire/",
      severity: "error",
      from: { path: folder(["ikev1", "gdoi"]), pathNot: tests },
      to: { path: folder(["ikev2"]) },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "event-types-import-nothing",
      comment: "core refers to ledger/event.ts, so nothing may be pulled in through it",
      severity: "error",
      from: { path: "^src/ledger/event[.]ts$" },
      to: {},
    },
    {
      name: "no-io-below-config",
      comment: "sockets, files, timers and processes belong to daemon/, store/, dataplane/, api/ and cli/",
      severity: "error",
      from: { path: folder(withoutIo), pathNot: `${tests}|^src/crypto/node/` },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?net$" },
    },
    {
      name: "node-net-for-addresses",
      comment: "only isIP and its like, for the text form of addresses",
      severity: "error",
      from: { path: folder(withoutIo), pathNot: `${tests}|^src/(util/address|crypto/node/)` },
      to: { path: "^(node:)?net$" },
    },
    {
      name: "no-libraries-below-config",
      comment: "the protocols are the project's own; cryptography comes in through crypto/provider.ts",
      severity: "error",
      from: { path: folder(withoutIo), pathNot: `${tests}|^src/crypto/node/` },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "crypto-in-one-place",
      comment: "node:crypto is reached through the provider in crypto/node/",
      severity: "error",
      from: { path: "^src/", pathNot: `${tests}|^src/crypto/node/` },
      to: { path: "^(node:)?crypto$" },
    },
    {
      name: "provider-comes-through-env",
      comment: "a protocol sees the cryptography it is given, not the default provider",
      severity: "error",
      from: { path: folder(withoutIo), pathNot: `${tests}|^src/crypto/node/` },
      to: { path: "^src/crypto/node/" },
    },
    {
      name: "no-tests-in-the-product",
      severity: "error",
      from: { path: "^src/", pathNot: tests },
      to: { path: `${tests}|^(test|bench|tools)/` },
    },
    {
      name: "no-development-dependency-in-the-product",
      severity: "error",
      from: { path: "^src/", pathNot: tests },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".mjs", ".js", ".json", ".d.ts"],
    },
  },
};
