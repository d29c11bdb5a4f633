/** Parses migrations while a server answers what is asked before a run. */
import { attempt } from './attempt.ts'
import { type Language, loadHalf } from './load.ts'
import { turn } from './realTime.ts'
import type { Source } from './source.ts'

/**
 * Parses a folder's SQL, the last migrations first, since those are the ones that are not applied yet. The plan of a run then
 * finds what is parsed. Each file is let in between two answers of the server.
 * @returns a function that ends it
 */
export function parseAhead(source: Source, language: Language): () => void {
  let isOver = false
  const parse = async () => {
    for (const migration of (await source.list()).toReversed()) {
      for (const half of ['up', 'down'] as const) {
        await turn()
        if (isOver) return
        // Code runs when it is loaded, which only the run itself may do.
        if (migration[half]?.endsWith('.sql')) await loadHalf(source, migration, half, language)
      }
    }
  }
  // The plan reports what is wrong.
  if (!source.format) attempt(parse).catch(() => undefined)
  return () => {
    isOver = true
  }
}
