#!/usr/bin/env node
const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 24) {
  process.stderr.write(
    `keyherald needs Node.js 24 or later, this is ${process.version}; install it from https://nodejs.org, or let npm bring one: npx -p node@24 -p keyherald keyherald\n`,
  );
  process.exitCode = 1;
} else {
  const { main } = await import("./program.ts");
  process.exitCode = await main(process.argv);
}
