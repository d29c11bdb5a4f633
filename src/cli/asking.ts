/** Asks the questions of `generate` on a terminal. */
import type { Question } from '../generate/questions.ts'
import { typedLine } from './watch/terminal.ts'

/**
 * Asks one question.
 * @returns the answer as `--answers` takes it; `undefined` if the user leaves
 */
export async function ask(question: Question, tell: (text: string) => void): Promise<string | undefined> {
  tell(`\n${question.why}`)
  const { candidates = [] } = question
  switch (question.kind) {
    case 'rename': {
      const old = question.object.split(' ').slice(1).join(' ')
      const choices = [
        ...candidates.map((name) => [name, `${old} was renamed to ${name}`]),
        ['no', `${old} was not renamed`],
      ]
      return choose(choices, tell)
    }
    case 'map':
      return choose(
        candidates.map((value) => [value, value]),
        tell,
      )
    case 'destroy': {
      return choose(
        [
          ['drop', 'drop it, with what is in there'],
          ['aside', 'set it aside, under another name'],
          ['leave', 'leave it as it is'],
        ],
        tell,
      )
    }
    default: {
      const line = await typedLine(
        `SQL expression${question.kind === 'fill' ? " such as 'new' or now()" : ''} (q to leave): `,
      )
      return line === undefined || line.trim() === '' || line.trim() === 'q' ? undefined : line.trim()
    }
  }
}

// --- internal ---

async function choose(
  choices: readonly (readonly string[])[],
  tell: (text: string) => void,
): Promise<string | undefined> {
  tell(choices.map(([, text], i) => `  ${i + 1}  ${text}`).join('\n'))
  for (;;) {
    const line = (await typedLine(`Which? (1 to ${choices.length}, q to leave) `))?.trim()
    if (line === undefined || line === 'q') return undefined
    const chosen = choices[Number(line) - 1]
    if (chosen) return chosen[0]
  }
}
