/** Asks the user of a watch, on the terminal and on the page at the same time. The first answer counts. */
import type { WatchOptions } from '../../watch/options.ts'
import type { WatchPage } from './page.ts'
import type { Terminal } from './terminal.ts'

/** The terminal and the page, on which the user can be asked. Both open after the watch, since their keys and buttons act on it. */
export interface Places {
  terminal: Terminal | undefined
  page: WatchPage | undefined
}

/**
 * Returns the functions that ask the user.
 * @param isTyped `true` if there will be a terminal
 * @param print prints a line on it
 */
export function askingAt(
  places: Places,
  isTyped: boolean,
  print: (text: string) => void,
): Required<Pick<WatchOptions, 'ask' | 'answer'>> {
  // The database and the wanted schema may have a question at the same time, but there is one terminal.
  const inTurn = oneAtATime()
  return {
    ask: (question, signal) => {
      const onTerminal = (ended: AbortSignal) =>
        inTurn(async () => {
          print('  y  yes    any other key  no; r asks again')
          return places.terminal ? places.terminal.confirm(ended) : false
        })
      return firstAnswer(signal, [isTyped && onTerminal, places.page?.ask(question)])
    },
    answer: (asked, signal) => {
      const onTerminal = (ended: AbortSignal) =>
        inTurn(async () => {
          const { terminal } = places
          if (!terminal || ended.aborted) return undefined
          if (asked.choices.length === 0) return terminal.line('  SQL expression (q to leave): ', ended)
          print(`  1 to ${asked.choices.length}    any other key  leaves it open`)
          const number = await terminal.choose(asked.choices.length, ended)
          return number === undefined ? undefined : asked.choices[number - 1]?.answer
        })
      return firstAnswer(signal, [isTyped && onTerminal, places.page?.answer(asked)])
    },
  }
}

// --- internal ---

/** Returns a function that runs one piece of work after another. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
}

/** Asks in several places at once. The first answer counts, and ends the other questions. */
async function firstAnswer<T>(
  signal: AbortSignal,
  places: readonly (((signal: AbortSignal) => Promise<T>) | false | undefined)[],
): Promise<T> {
  const answered = new AbortController()
  const ended = AbortSignal.any([signal, answered.signal])
  try {
    return await Promise.race(places.flatMap((ask) => (ask ? [ask(ended)] : [])))
  } finally {
    answered.abort()
  }
}
