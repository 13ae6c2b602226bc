/** How a command ends. */

/** Exit codes of every command. */
export const ExitCode = {
  OK: 0,
  /** It was refused, or failed. */
  FAILURE: 1,
  /** The command line was wrong. */
  USAGE: 2,
  /** A rekey is over and members are missing. */
  MISSING: 3,
  /** No daemon answers on the socket. */
  UNREACHABLE: 4,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends the command with a message for people and a code for scripts. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}
