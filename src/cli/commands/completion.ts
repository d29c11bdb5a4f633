import { UsageError } from '../../migrate/errors.ts'
import type { CommandTable } from '../commandTable.ts'
import type { Context } from '../context.ts'
import { optionNames } from '../options.ts'

/**
 * Prints a completion script. The script contains the whole command table, so completing a word does not start
 * migratest.
 */
export function run(context: Context, [shell]: readonly string[], commands: CommandTable): number {
  const write = Object.hasOwn(SHELLS, shell ?? '') ? SHELLS[shell as keyof typeof SHELLS] : undefined
  if (!write) throw new UsageError('For which shell? bash, zsh or fish.')
  const all = Object.entries(commands).map(([name, { summary, takes, words = [] }]) => ({
    name,
    summary,
    words: [...words, ...optionNames(takes)],
  }))
  const script = write(all)
  context.print(script, { script })
  return 0
}

// --- internal ---

const PROGRAMS = ['migratest', 'migrate']

interface Completed {
  readonly name: string
  readonly summary: string
  /** Words and options that may follow the command. */
  readonly words: readonly string[]
}

const SHELLS: Record<string, (all: readonly Completed[]) => string> = {
  bash: (all) =>
    [
      '_migratest() {',
      `  local word="\${COMP_WORDS[COMP_CWORD]}" command=""`,
      `  local i; for ((i = 1; i < COMP_CWORD; i++)); do [[ "\${COMP_WORDS[i]}" != -* ]] && { command="\${COMP_WORDS[i]}"; break; }; done`,
      '  case "$command" in',
      ...all.map(({ name, words }) => `    ${name}) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$word")) ;;`),
      `    *) COMPREPLY=($(compgen -W "${all.map(({ name }) => name).join(' ')} ${optionNames([]).join(' ')}" -- "$word")) ;;`,
      '  esac',
      `  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$word"))`,
      '}',
      `complete -F _migratest ${PROGRAMS.join(' ')}`,
    ].join('\n'),
  zsh: (all) =>
    [
      `#compdef ${PROGRAMS.join(' ')}`,
      '_migratest() {',
      '  local -a commands=(',
      ...all.map(({ name, summary }) => `    '${name}:${summary.replaceAll("'", "'\\''")}'`),
      '  )',
      '  if (( CURRENT == 2 )); then _describe command commands; return; fi',
      '  case "$words[2]" in',
      ...all.map(({ name, words }) => `    ${name}) compadd -- ${words.join(' ')}; _files ;;`),
      '  esac',
      '}',
      // If zsh autoloads the script, the function has to run at once. If the user sources it, it is only registered
      // with compdef.
      `if [ "$funcstack[1]" = _migratest ]; then _migratest "$@"; else compdef _migratest ${PROGRAMS.join(' ')}; fi`,
    ].join('\n'),
  fish: (all) =>
    PROGRAMS.flatMap((program) => [
      ...all.map(
        ({ name, summary }) =>
          `complete -c ${program} -n __fish_use_subcommand -a ${name} -d '${summary.replaceAll("'", "\\'")}'`,
      ),
      ...all.map(
        ({ name, words }) => `complete -c ${program} -n '__fish_seen_subcommand_from ${name}' -a '${words.join(' ')}'`,
      ),
    ]).join('\n'),
}
