/** Shell completion, made from the program's own commands and options so that it cannot lag behind them. */
import type { Command } from "commander";

export type Shell = "bash" | "zsh" | "fish";

interface Entry {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly flag: string; readonly description: string }[];
  readonly words: readonly string[];
  /** The command that lists the names which its first argument may be. */
  readonly names: string | undefined;
}

/** What lists the names that an argument may be, by how its description begins. */
const nameLists = {
  "name of the group": "keyherald groups --names 2>/dev/null",
  "name of the connection": "keyherald connections --names 2>/dev/null",
};

/** The script for one shell. */
export function completionScript(shell: Shell, program: Command): string {
  const entries = program.commands.map(entryOf);
  if (shell === "bash") return bash(entries);
  return shell === "zsh" ? zsh(entries) : fish(entries);
}

function entryOf(command: Command): Entry {
  const nested = command.commands.map((child) => child.name());
  const firstArgument = command.registeredArguments[0];
  const named: Readonly<Record<string, readonly string[]>> = { completion: ["bash", "zsh", "fish"] };
  return {
    name: command.name(),
    description: command.description(),
    options: [command, ...command.commands].flatMap((one) =>
      one.options.map((option) => ({ flag: option.long ?? option.flags, description: option.description })),
    ),
    words: named[command.name()] ?? nested,
    names: Object.entries(nameLists).find(([what]) => firstArgument?.description.startsWith(what) === true)?.[1],
  };
}

function flags(entry: Entry): string {
  return [...new Set(entry.options.map((option) => option.flag)), "--help"].join(" ");
}

function bash(entries: readonly Entry[]): string {
  const cases = entries.map((entry) => {
    const names = entry.names === undefined ? "" : ` $(${entry.names})`;
    return `    ${entry.name}) words="${[...entry.words, flags(entry)].join(" ")}${names}" ;;`;
  });
  return `_keyherald() {
  local cur=\${COMP_WORDS[COMP_CWORD]} words=""
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    -c|--config|--socket|--out|--ca) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    check) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  if ((COMP_CWORD == 1)); then words="${entries.map((entry) => entry.name).join(" ")} --help --version"
  else case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _keyherald keyherald`;
}

function zsh(entries: readonly Entry[]): string {
  const quote = (text: string) => text.replace(/'/g, "'\\''").replace(/:/g, "\\:");
  const commands = entries.map((entry) => `    '${entry.name}:${quote(entry.description)}'`);
  const cases = entries.map((entry) => {
    const names = entry.names === undefined ? "" : ` \${(f)"$(${entry.names})"}`;
    return `    ${entry.name}) compadd -- ${[...entry.words, flags(entry)].join(" ")}${names}; _files ;;`;
  });
  return `#compdef keyherald
_keyherald() {
  local -a commands
  commands=(
${commands.join("\n")}
  )
  if ((CURRENT == 2)); then _describe command commands; return; fi
  case $words[2] in
${cases.join("\n")}
  esac
}
compdef _keyherald keyherald`;
}

function fish(entries: readonly Entry[]): string {
  const quote = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const lines = entries.flatMap((entry) => {
    const within = `-n '__fish_seen_subcommand_from ${entry.name}'`;
    return [
      `complete -c keyherald -n __fish_use_subcommand -f -a ${entry.name} -d ${quote(entry.description)}`,
      ...entry.words.map((word) => `complete -c keyherald ${within} -f -a ${word}`),
      ...(entry.names === undefined ? [] : [`complete -c keyherald ${within} -f -a '(${entry.names})'`]),
      ...entry.options.map(
        (option) =>
          `complete -c keyherald ${within} -l ${option.flag.replace(/^--/, "")} -d ${quote(option.description)}`,
      ),
    ];
  });
  return lines.join("\n");
}
