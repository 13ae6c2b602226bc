/** A secret file that is replaced as a whole: whoever reads it sees the old text or the new one. */
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Puts `text` in the place of `file`, with mode 0600. It is durable, and complete at every moment, even over a crash.
 * @throws the system's error; the old file stays then.
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  // of the same folder, so that the name can change hands at once; one that a crash left is no obstacle
  const fresh = join(dirname(file), `.${basename(file)}.new`);
  await rm(fresh, { force: true });
  try {
    await writeDurably(fresh, text);
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  // never through a link that somebody else has put there
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
