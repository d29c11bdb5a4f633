/** Asks the questions of `generate` on a terminal. */

import { CONVERTS } from '../generate/conversion/conversion.ts'
import { choicesOf } from '../generate/questions/asking.ts'
import type { Question } from '../generate/questions/questions.ts'
import { typedLine } from './watch/terminal.ts'

/**
 * Asks one question.
 * @returns the answer as `--answers` takes it; `undefined` if the user leaves
 */
export async function ask(question: Question, tell: (text: string) => void): Promise<string | undefined> {
  tell(`\n${question.why}`)
  const choices = choicesOf(question)
  switch (question.kind) {
    case 'rename':
    case 'map':
    case 'destroy':
      return choose(choices, tell, question.conversions?.[0])
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
  choices: ReturnType<typeof choicesOf>,
  tell: (text: string) => void,
  conversion: string | undefined,
): Promise<string | undefined> {
  tell(choices.map(({ label }, i) => `  ${i + 1}  ${label}`).join('\n'))
  if (conversion !== undefined) tell(`  Or type it with other columns, such as: ${conversion}`)
  for (;;) {
    const line = (await typedLine(`Which? (1 to ${choices.length}, q to leave) `))?.trim()
    if (line === undefined || line === 'q') return undefined
    if (CONVERTS.test(line)) return line
    const chosen = choices[Number(line) - 1]
    if (chosen) return chosen.answer
  }
}
