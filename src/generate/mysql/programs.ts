/** Views, routines, events and sequences: made from their own text, which follows the tables. */
import type { SchemaObject } from '../../schema/model.ts'
import type { Hints } from '../hints.ts'
import { keyOf, type Statement } from '../statement.ts'
import type { Renames } from './renames.ts'
import type { Model } from './schemaModel.ts'
import { plainName, quoted } from './text.ts'

export interface ProgramPlan {
  /** Before the tables change. */
  readonly first: readonly Statement[]
  /** After they have changed. */
  readonly last: readonly Statement[]
}

/** A view that changes is replaced where it stands, so that what is granted on it stays. */
export function planViews(was: Model, now: Model, hints: Hints): ProgramPlan {
  const { gone, added, changed } = compared(was.views, now.views)
  const again = changed.filter((view) => hints.rebuild.has(keyOf(view)))
  return {
    first: [...gone, ...again].map((view) => drop('VIEW', view)).reverse(),
    last: now.views
      .filter((view) => added.includes(view) || changed.includes(view))
      .map((view) => create(view, changed.includes(view) && !again.includes(view))),
  }
}

export function planRoutines(was: Model, now: Model): ProgramPlan {
  const { gone, added, changed } = compared(was.routines, now.routines)
  // A package takes its body with it.
  const packages = new Set([...gone, ...changed].filter(({ name }) => /^package (?!body )/.test(name)).map(bodyOf))
  const bodies = now.routines.filter(({ name }) => packages.has(name))
  const dropped = (routine: SchemaObject) => (packages.has(routine.name) ? [] : [dropRoutine(routine)])
  return {
    first: gone.flatMap(dropped),
    last: now.routines
      .filter((routine) => added.includes(routine) || changed.includes(routine) || bodies.includes(routine))
      .flatMap((routine) => [...(changed.includes(routine) ? dropped(routine) : []), create(routine)]),
  }
}

export function planEvents(was: Model, now: Model): ProgramPlan {
  const { gone, added, changed } = compared(was.events, now.events)
  return {
    first: gone.map((event) => drop('EVENT', event)),
    last: [
      ...changed.flatMap((event) => [drop('EVENT', event), create(event)]),
      ...added.map((event) => create(event)),
    ],
  }
}

/** Sequences of MariaDB; the `first` ones are there before the defaults that take numbers from them. */
export function planSequences(was: Model, now: Model, { sequences }: Renames, { rungs }: Hints): ProgramPlan {
  const before = was.sequences.map((sequence) => {
    const name = sequences.get(plainName(sequence.name))
    return name === undefined ? sequence : { ...sequence, ...renamedSequence(sequence, name) }
  })
  const { gone, added, changed } = compared(before, now.sequences)
  return {
    first: [
      ...added.map((sequence) => create(sequence)),
      ...changed.map(
        (sequence): Statement => ({
          // A number that the new bounds exclude is refused: then it begins again.
          sql: sequence.head
            .replace(/^CREATE /, 'ALTER ')
            .replace(/ ENGINE=\w+/, rungs.has(keyOf(sequence)) ? ' restart' : ''),
          does: 'alter',
          object: keyOf(sequence),
        }),
      ),
    ],
    last: gone.map((sequence) => ({ ...drop('SEQUENCE', sequence), destroys: `sequence ${sequence.name}` })),
  }
}

/** The character set that new tables of the database get. */
export function planDatabase(was: Model, now: Model, hints: Hints): Statement[] {
  if (was.database?.head === now.database?.head) return []
  const usual = `ALTER DATABASE CHARACTER SET ${USUAL_CHARACTER_SETS[hints.rungs.get(DATABASE) ?? 0]};`
  return [{ sql: now.database?.head ?? usual, does: 'alter', object: DATABASE }]
}

/** The key of the database's own character set, among the objects of a schema. */
export const DATABASE = 'schema database'

/**
 * Ways of writing the server's own character set: a schema does not say which one it is. The first is MariaDB's, and
 * not always right there; the others are what servers come with.
 */
export const USUAL_CHARACTER_SETS = [
  'DEFAULT',
  'utf8mb4 COLLATE utf8mb4_0900_ai_ci',
  'utf8mb4 COLLATE utf8mb4_uca1400_ai_ci',
  'utf8mb4 COLLATE utf8mb4_general_ci',
  'latin1 COLLATE latin1_swedish_ci',
] as const

export function drop(kind: string, object: SchemaObject): Statement {
  return { sql: `DROP ${kind} ${quoted(plainName(object.name))};`, does: 'drop', object: keyOf(object) }
}

export function create(object: SchemaObject, replaced = false): Statement {
  const sql = replaced ? object.head.replace(/^CREATE /m, 'CREATE OR REPLACE ') : object.head
  return { sql, does: replaced ? 'alter' : 'create', object: keyOf(object) }
}

// --- internal ---

function compared(was: readonly SchemaObject[], now: readonly SchemaObject[]) {
  const had = new Map(was.map((object) => [object.name, object]))
  const has = new Set(now.map(({ name }) => name))
  return {
    gone: was.filter(({ name }) => !has.has(name)),
    added: now.filter(({ name }) => !had.has(name)),
    changed: now.filter((object) => {
      const other = had.get(object.name)
      return other !== undefined && other.head !== object.head
    }),
  }
}

function dropRoutine(routine: SchemaObject): Statement {
  const [, kind = '', name = ''] = /^(procedure|function|package body|package) (.*)$/s.exec(routine.name) ?? []
  return { sql: `DROP ${kind.toUpperCase()} ${quoted(plainName(name))};`, does: 'drop', object: keyOf(routine) }
}

function bodyOf({ name }: SchemaObject): string {
  return name.replace(/^package /, 'package body ')
}

function renamedSequence({ head }: SchemaObject, name: string): Pick<SchemaObject, 'name' | 'head'> {
  return { name, head: head.replace(/`(?:[^`]|``)*`/, quoted(name)) }
}
