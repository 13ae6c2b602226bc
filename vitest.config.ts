import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "test/{vectors,pair,property,fuzz,docs}/**/*.test.ts"] } },
      // what needs a server, root or minutes: real peers, kill -9, network namespaces
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts", "test/process/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
