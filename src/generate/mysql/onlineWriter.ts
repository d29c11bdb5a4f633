/** Changes of tables in use on MySQL and MariaDB: the server says how it would make each, and the statement asks for that. */
import { clauseOf, type Target, targetOf, type Way, waysOf } from '../../database/mysql/live/ladder.ts'
import type { Attempts, Scratch } from '../attempts.ts'
import type { AcceptedStatement, Operation, Seen } from '../online/operation.ts'
import type { OnlineWriter } from '../online/writer.ts'
import type { Statement } from '../statement.ts'
import { inBatches } from './batches.ts'
import { mysqlGenerator } from './generator.ts'
import { cutList, plainName, quoted } from './text.ts'

export const mysqlOnline: OnlineWriter = {
  generator: mysqlGenerator,
  observe,
  operations,
  joined: (statements) => [...statements],
}

// --- internal ---

/** Each statement commits by itself, so that one migration is enough. */
function operations(seen: readonly Seen[]): Operation[] {
  return seen.flatMap(({ statement, accepted = [{ statement }] }) =>
    accepted.map(
      ({ statement: one, blocks }): Operation => ({
        steps: [{ kind: 'change', statements: [one] }],
        plain: [one],
        about: [],
        ...(blocks !== undefined && { blocks }),
      }),
    ),
  )
}

/** A clause by itself does not work, so that the statement has to stay whole. */
class NotApart extends Error {
  readonly place: number

  constructor(place: number, cause: Error) {
    super(cause.message, { cause })
    this.place = place
  }
}

async function observe(
  attempts: Attempts,
  statements: readonly Statement[],
  tables: ReadonlySet<string>,
): Promise<Seen[]> {
  const old = new Set([...tables].map(plainName))
  const whole = new Set<number>()
  for (;;) {
    try {
      return await attempts.attempt(async (db) => {
        const seen: Seen[] = []
        const inUse = new Set(old)
        const [row] = await db.rows('SELECT VERSION() AS version')
        const ways = waysOf(/mariadb/i.test(String(row?.version)))
        for (const [place, statement] of statements.entries()) {
          const ask: Ask = { db, ways, inUse, apart: !whole.has(place), place, next: statements[place + 1] }
          seen.push({ statement, rewritten: [], accepted: await acceptedOf(statement, ask) })
          const dropped = /^DROP TABLE `((?:[^`]|``)*)`;?$/.exec(statement.sql)?.[1]
          if (dropped !== undefined) inUse.delete(dropped.replaceAll('``', '`'))
        }
        return { keep: false, value: seen }
      })
    } catch (error) {
      if (!(error instanceof NotApart)) throw error
      whole.add(error.place)
    }
  }
}

interface Ask {
  readonly db: Scratch
  readonly ways: readonly Way[]
  readonly inUse: ReadonlySet<string>
  /** `true` if the clauses of the statement may become statements of their own. */
  readonly apart: boolean
  readonly place: number
  readonly next: Statement | undefined
}

/** Runs a statement in the gentlest way, and returns how it ran. */
async function acceptedOf(statement: Statement, ask: Ask): Promise<AcceptedStatement[]> {
  const { db, inUse } = ask
  const sql = statement.sql.replace(/;\s*$/, '')
  const target = targetOf(sql)
  if (!target || !inUse.has(target.table)) {
    await db.run(statement.sql)
    const filled = inBatches(statement, inUse, ask.next)
    if (filled) return filled.map((one) => ({ statement: one }))
    return [{ statement, ...ofUnknown(sql, inUse) }]
  }
  const first = await gentlest(statement, target, ask, false)
  if (first) return [first]
  const clauses = clausesOf(sql)
  if (ask.apart && clauses.length > 1) {
    const list: AcceptedStatement[] = []
    for (const [i, clause] of clauses.entries()) {
      const text = `ALTER TABLE ${quoted(target.table)} ${clause}`
      const { destroys: _, comment: __, ...rest } = statement
      const one = { ...(i === 0 ? statement : rest), sql: text }
      const own = targetOf(text)
      const accepted = own && (await gentlest(one, own, ask, true))
      if (!accepted) throw new NotApart(ask.place, new Error(`The server refuses: ${text}`))
      list.push(accepted)
    }
    return list
  }
  const last = await gentlest(statement, target, ask, true)
  if (last) return [last]
  await db.run(statement.sql)
  return [{ statement, blocks: `${target.table} may be copied while nobody writes to it.` }]
}

/** @param copies `false`: only ways that do not copy the table */
async function gentlest(
  statement: Statement,
  target: Target,
  { db, ways }: Ask,
  copies: boolean,
): Promise<AcceptedStatement | undefined> {
  let reason: string | undefined
  for (const { algorithm, lock, blocks } of ways) {
    const clause = clauseOf(algorithm, lock)
    if (!copies && (algorithm === 'COPY' || blocks !== 'nothing')) continue
    const text = target.withClause(clause)
    const sql = `${statement.sql.includes('\n') ? text.replace(`, ${clause}`, () => `,\n  ${clause}`) : text};`
    try {
      await db.run(sql)
    } catch (error) {
      reason = /Reason: (.*?)\.? Try /s.exec((error as Error).message)?.[1] ?? reason
      continue
    }
    const others = blocks === 'writes' ? 'Nobody writes to' : 'Nobody reads or writes'
    const how = algorithm === 'COPY' ? 'while the server copies it' : 'meanwhile'
    return {
      statement: { ...statement, sql },
      ...(blocks !== 'nothing' && {
        blocks: `${others} ${target.table} ${how}${reason === undefined ? '' : `: ${reason}`}.`,
      }),
    }
  }
  return undefined
}

/** Returns what a statement blocks that takes no such clause, and may copy a table all the same. */
function ofUnknown(sql: string, inUse: ReadonlySet<string>): { readonly blocks?: string } {
  const table = /^ALTER TABLE `((?:[^`]|``)*)`/.exec(sql)?.[1]?.replaceAll('``', '`')
  const copied = /^INSERT INTO .* FROM `((?:[^`]|``)*)`$/s.exec(sql)?.[1]?.replaceAll('``', '`')
  if (table !== undefined && inUse.has(table) && !/\bRENAME TO\b/.test(sql))
    return { blocks: `Nobody writes to ${table} meanwhile: the server takes no ALGORITHM for this.` }
  if (copied !== undefined && inUse.has(copied))
    return { blocks: `Nobody must write to ${copied} from here until its new table has its name.` }
  return {}
}

function clausesOf(sql: string): string[] {
  const head = /^ALTER TABLE `(?:[^`]|``)*`\s+/.exec(sql)?.[0]
  if (head === undefined) return []
  const clauses = cutList(sql.slice(head.length))
  // A column that names no character set gets the table's.
  const isDefault = (clause: string) => /^\s*(?:DEFAULT )?(?:CHARSET|CHARACTER SET|COLLATE)\b/i.test(clause)
  return [...clauses.filter(isDefault), ...clauses.filter((clause) => !isDefault(clause))]
}
