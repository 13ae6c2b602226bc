// Runs before the sources do: they need the Node.js of package.json's `engines`, and an older one would
// only say that it does not know the file extension `.ts`. Plain JavaScript, so that any Node.js can read it.
const needed = 24;

if (Number(process.versions.node.split(".")[0]) < needed) {
  process.stderr.write(
    `Keyherald needs Node.js ${needed} or later, and this is ${process.version}.\n` +
      "A pinned one comes with the development dependencies: run `npm ci`, or, if install scripts were\n" +
      "switched off (--ignore-scripts), `npm rebuild node`. Then use `npm start` and `npm test`.\n",
  );
  process.exit(1);
}
