/**
 * The same pairs of schemas through other generators: `@supabase/pg-delta` and `@pgkit/migra`, on PostgreSQL. Neither
 * writes a down, so the way back is the other direction. What they reach is judged as for ours, by the schema reader.
 */
import { createClient } from '@pgkit/client'
import { Migration } from '@pgkit/migra'
import { apply } from '@supabase/pg-delta/apply'
import { extract } from '@supabase/pg-delta/extract'
import { plan } from '@supabase/pg-delta/plan'
import pg from 'pg'
import type { Scratch } from '../src/generate/attempts.ts'
import { isReached, isSame } from '../src/generate/decide.ts'
import { generatorOf } from '../src/generate/generators.ts'
import { firstHints, NO_ANSWERS } from '../src/generate/hints.ts'
import type { Schema } from '../src/schema/schema.ts'

export interface PeerResult {
  readonly peer: string
  /** `wrong`: it ended without an error, but with another schema. */
  readonly outcome: 'reached' | 'wrong' | 'error'
  readonly statements: number
  readonly why: string
}

/** A database with one side of a pair. */
export interface Side {
  readonly url: string
  readonly db: Scratch
}

export interface Sides {
  /** Each call makes a new database. */
  readonly from: () => Promise<Side>
  readonly to: () => Promise<Side>
}

/** Runs a pair through each peer: up, and then down from what the up has left. */
export async function runPeers(sides: Sides): Promise<PeerResult[]> {
  const [from, to] = [await sides.from(), await sides.to()]
  const results: PeerResult[] = []
  for (const peer of Object.keys(PEERS)) results.push(await runPeer(peer, await sides.from(), [to, from]))
  return results
}

// --- internal ---

/** Makes the first database what the second one is, and returns the number of statements. */
type Migrate = (from: string, to: string) => Promise<number>

const PEERS: Readonly<Record<string, Migrate>> = { 'pg-delta': withPgDelta, migra: withMigra }

async function runPeer(peer: string, changed: Side, ways: readonly Side[]): Promise<PeerResult> {
  let statements = 0
  try {
    for (const wanted of ways) {
      const goal = await wanted.db.schema()
      statements += (await PEERS[peer]?.(changed.url, wanted.url)) ?? 0
      const difference = await differs(changed.db, goal)
      if (difference) return { peer, outcome: 'wrong', statements, why: difference }
    }
    return { peer, outcome: 'reached', statements, why: '' }
  } catch (error) {
    return { peer, outcome: 'error', statements, why: (error as Error).message }
  }
}

/** Returns the first object that differs; expressions that the server makes the same of do not. */
async function differs(db: Scratch, to: Schema): Promise<string | undefined> {
  const reached = await db.schema()
  const generator = generatorOf(to.dialect)
  if (isSame(generator, to, reached)) return undefined
  if (await isReached(db, generator, { reached, to, hints: firstHints(NO_ANSWERS) })) return undefined
  return to.diff(reached).changes[0]?.object ?? 'an object'
}

/** Runs pg-delta as its README describes it: extract, plan, apply. */
async function withPgDelta(from: string, to: string): Promise<number> {
  const [source, desired] = [new pg.Pool({ connectionString: from }), new pg.Pool({ connectionString: to })]
  try {
    const [before, after] = await Promise.all([extract(source), extract(desired)])
    const found = plan(before.factBase, after.factBase)
    const report = await apply(found, source, { fingerprintGate: false })
    if (report.status !== 'applied') throw new Error(report.error?.message ?? 'not applied')
    return found.actions.length
  } finally {
    await Promise.all([source.end(), desired.end()])
  }
}

/** Runs migra as its command does with `--unsafe --with-privileges`, each statement by itself. */
async function withMigra(from: string, to: string): Promise<number> {
  const [source, desired] = [createClient(from), createClient(to)]
  const runner = new pg.Client({ connectionString: from })
  try {
    const migration = await Migration.create(source, desired, {})
    migration.set_safety(false)
    migration.add_all_changes(true)
    await runner.connect()
    const statements = [...migration.statements]
    for (const sql of statements) await runner.query(sql)
    return statements.length
  } finally {
    await Promise.all([source.end(), desired.end(), runner.end()])
  }
}
