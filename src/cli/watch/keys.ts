/** The keys of `watch`, similar to vitest's. The table drives both help and handlers. */
import type { Job } from '../../watch/watcher.ts'

export interface Actions {
  do(job: Job): void
  /** Resets the database after asking. */
  reset(): void
  diff(): void
  psql(): void
  help(): void
  quit(): void
}

interface Key {
  readonly key: string
  readonly does: string
  readonly run: (actions: Actions) => void
}

export const KEYS: readonly Key[] = [
  { key: 'r', does: 'bring the database in line with the files', run: (actions) => actions.do({ kind: 'follow' }) },
  {
    key: 'g',
    does: 'write the migration that is proposed for the wanted schema',
    run: (actions) => actions.do({ kind: 'generate' }),
  },
  {
    key: 'f',
    does: 'finish the draft: what is saved from now on is another migration',
    run: (actions) => actions.do({ kind: 'finish' }),
  },
  { key: 'u', does: 'apply the next migration', run: (actions) => actions.do(move('up')) },
  { key: 'd', does: 'undo the last migration', run: (actions) => actions.do(move('down')) },
  { key: 'e', does: 'undo the last migration and apply it again', run: (actions) => actions.do(move('redo')) },
  { key: 'R', does: 'reset: empty the database and apply everything', run: (actions) => actions.reset() },
  { key: 's', does: 'run the seeds', run: (actions) => actions.do({ kind: 'seed' }) },
  { key: 'c', does: 'show how the schema changed since the start', run: (actions) => actions.diff() },
  { key: 'p', does: 'show the command that opens the database', run: (actions) => actions.psql() },
  { key: 'h', does: 'show this help', run: (actions) => actions.help() },
  { key: 'q', does: 'quit', run: (actions) => actions.quit() },
]

export function keysText(): string {
  return KEYS.map(({ key, does }) => `  ${key}  ${does}`).join('\n')
}

// --- internal ---

function move(kind: 'up' | 'down' | 'redo'): Job {
  return { kind: 'move', wish: { kind, count: 1 } }
}
