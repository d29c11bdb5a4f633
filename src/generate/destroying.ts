/** Decides for tables and columns that are not wanted any more: they are dropped, set aside under another name, or left. */
import type { Schema } from '../schema/schema.ts'
import type { Attempts } from './attempts.ts'
import { CannotGenerateError } from './errors.ts'
import type { Rename } from './hints.ts'
import type { Question } from './questions/questions.ts'
import type { Statement } from './statement.ts'

export type DestroyWay = 'drop' | 'aside' | 'leave'

export const DESTROY_WAYS: readonly DestroyWay[] = ['drop', 'aside', 'leave']

/** Returns what a statement destroys, one by one: `table users`, `column users.email`. */
export function destroyedBy({ destroys = '' }: Statement): string[] {
  return destroys === '' ? [] : destroys.split(/, (?=(?:table|column|sequence) )/)
}

/** Returns the way that was said for each thing that goes; nothing for those that have to be asked about. */
export function waysOf(
  statements: readonly Statement[],
  usual: DestroyWay | undefined,
  said: ReadonlyMap<string, DestroyWay>,
): Map<string, DestroyWay> {
  return new Map(
    statements.flatMap(destroyedBy).flatMap((object) => {
      const way = said.get(object) ?? said.get(object.slice(object.indexOf(' ') + 1)) ?? usual
      return way === undefined ? [] : [[object, way] as const]
    }),
  )
}

/** Asked after the statements are known: a rename or a change of type destroys nothing. */
export function destroyQuestions(statements: readonly Statement[], ways: ReadonlyMap<string, DestroyWay>): Question[] {
  return statements.flatMap((statement) =>
    destroyedBy(statement).flatMap((object): Question[] => {
      if (ways.has(object)) return []
      return [
        {
          id: `destroy ${object}`,
          kind: 'destroy',
          object,
          candidates: DESTROY_WAYS,
          why: `${object} goes, with what is in there: ${statement.sql.replace(/\s+/g, ' ')}`,
          flag: '--destroy drop, aside or leave',
        },
      ]
    }),
  )
}

/** The objects that were spared, and the statements that spare them. */
export interface Spared {
  readonly statements: readonly Statement[]
  /** The new names of what was set aside, for the way there. */
  readonly aside: readonly Rename[]
  /** The schema after the statements. */
  readonly reached: Schema
}

/** Writes statements that set something aside, in place of one that drops it. */
export type Spare = (
  statement: Statement,
  context: {
    readonly from: Schema
    /** The ways for what it destroys, and new names. */
    readonly ways: ReadonlyMap<string, DestroyWay>
    readonly newName: (name: string) => string
    /** The name before the change of a table that is renamed. */
    readonly oldTable: (name: string) => string
  },
) => { readonly statements: readonly Statement[]; readonly aside: readonly Rename[] }

/**
 * Runs the statements with what is spared, and leaves the database there. What cannot go because something that is spared needs it stays, too.
 * @param plain what the statements lead to if everything is dropped
 * @throws CannotGenerateError if something that is wanted is missing then
 */
export async function spare(
  attempts: Attempts,
  write: Spare,
  statements: readonly Statement[],
  { plain, ...context }: Omit<Parameters<Spare>[1], 'newName'> & { readonly plain: Schema },
): Promise<Spared> {
  const taken = new Set([...context.from.objects, ...plain.objects].map(({ name }) => name))
  const newName = (name: string) => {
    const [, body = '', quote = ''] = /^(.*?)(["`]?)$/s.exec(name) ?? []
    for (let n = 1; ; n++) {
      const other = `${/^["`]/.test(body) ? body[0] : ''}dropped_${body.replace(/^["`]/, '').slice(0, 50)}${n === 1 ? '' : `_${n}`}${quote}`
      if (!taken.has(other)) return other
    }
  }
  for (const statement of statements) {
    const spared = destroyedBy(statement).find(
      (object) => object.startsWith('column ') && context.ways.get(object) !== 'drop',
    )
    if (spared === undefined || !/^DROP (?:FOREIGN )?TABLE /.test(statement.sql)) continue
    throw new CannotGenerateError(`${spared} cannot be set aside or left: its table is made anew.`, {
      hint: 'Drop it, with --destroy drop.',
      tried: statements,
    })
  }
  const written = statements.map((statement) =>
    destroyedBy(statement).some((object) => context.ways.get(object) !== 'drop')
      ? write(statement, { ...context, newName })
      : { statements: [statement], aside: [] },
  )
  let list = written.flatMap((one) => one.statements)
  const aside = written.flatMap((one) => one.aside)
  for (;;) {
    const result = await attempts.attempt<
      { readonly reached: Schema } | { readonly kept: Statement; readonly why: Error }
    >(async (db) => {
      for (const statement of list) {
        try {
          await db.run(statement.sql)
        } catch (error) {
          return { keep: false, value: { kept: statement, why: error as Error } }
        }
      }
      return { keep: true, value: { reached: await db.schema() } }
    })
    if ('reached' in result) {
      const missing = result.reached
        .diff(plain)
        .changes.find(
          ({ change, lines }) =>
            change === 'removed' || (change === 'changed' && lines.some(({ sign }) => sign === '-')),
        )
      if (missing) {
        throw new CannotGenerateError(`${missing.object} cannot become what is wanted while something is spared.`, {
          hint: 'Drop it, with --destroy drop.',
          tried: list,
        })
      }
      return { statements: list, aside, reached: result.reached }
    }
    const { kept, why } = result
    if (kept.does !== 'drop') {
      throw new CannotGenerateError(`It cannot be set aside or left: ${why.message}\n\n  ${kept.sql}`, {
        hint: 'Drop it, with --destroy drop.',
        tried: list,
      })
    }
    list = list.filter((statement) => statement !== kept)
  }
}
