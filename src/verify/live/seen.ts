/** A statement that was observed, and what all rules ask of it. Pure. */
import type { Effects, HeldLock } from '../../database/effects.ts'
import type { Observation, Place } from '../finding.ts'
import type { Work } from './work.ts'

export interface Seen {
  readonly effects: Effects
  readonly text: string | undefined
  readonly place: Place
  readonly work: Work
}

export function evidenceOf({ locks, rewritten: anew, scanned, written }: Effects): Observation['evidence'] {
  return {
    locks: Object.fromEntries(
      locks.filter(({ blocks }) => blocks !== 'nothing').map(({ name, mode }) => [name, [mode]]),
    ),
    rewritten: anew.map(({ name }) => name),
    scanned: scanned.map(({ name }) => name),
    written: Object.fromEntries(
      written.map(({ name, inserted, updated, deleted }) => [name, inserted + updated + deleted]),
    ),
  }
}

/** Locks that keep anybody out of a table. */
export function blocking({ locks }: Effects): HeldLock[] {
  return locks.filter(({ blocks, kind }) => blocks !== 'nothing' && kind !== 'other')
}

export function strongest(effects: Effects, table: string): HeldLock | undefined {
  const own = blocking(effects).filter((lock) => lock.kind === 'table' && lock.table === table)
  return own.find(({ blocks }) => blocks === 'reads') ?? own[0]
}

/** Says who waits: `nobody can read or write orders (ACCESS EXCLUSIVE), nor write to users (SHARE)`. */
export function waiting(effects: Effects, tables: readonly string[]): string {
  const isRead = (name: string) => blocking(effects).some(({ table, blocks }) => table === name && blocks === 'reads')
  const readers = tables.filter(isRead)
  const writers = tables.filter((name) => !isRead(name))
  const parts = [
    ...(readers.length > 0 ? [`read or write ${listed(readers)} (${modes(effects, readers)})`] : []),
    ...(writers.length > 0 ? [`write to ${listed(writers)} (${modes(effects, writers)})`] : []),
  ]
  return `nobody can ${parts.join(', nor ')}`
}

export function bare(name: string): string {
  return (name.split('.').at(-1) ?? name).replaceAll('"', '').toLowerCase()
}

/** Sorts names by where the text names them; those that it does not name come last. */
export function inOrder(names: readonly string[], text = ''): string[] {
  const place = (name: string) => text.toLowerCase().indexOf(bare(name)) >>> 0
  return names.toSorted((a, b) => place(a) - place(b))
}

/** Joins words as a sentence does: `a, b and c`. */
export function listed(words: readonly (string | number)[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

// --- internal ---

function modes(effects: Effects, tables: readonly string[]): string {
  const found = blocking(effects).filter(({ table, kind }) => tables.includes(table) && kind === 'table')
  return [...new Set(found.map(({ mode }) => mode))].join(', ')
}
