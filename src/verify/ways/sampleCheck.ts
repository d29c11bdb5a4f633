/** The check that tries a sample of long moves: what follows from single steps should be so. */
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import { diffText } from '../../schema/diff.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Check, Observed } from '../check.ts'
import { inHalf } from '../observed.ts'
import type { SchemaChecks, Shared } from '../schemaChecks.ts'
import type { Verified } from '../verified.ts'
import type { Walk } from '../walk.ts'
import type { Move } from './matrix.ts'
import { WayDatabase } from './wayDatabase.ts'

export interface Sample {
  readonly checks: readonly Check[]
  /** The moves that ran and ended as they should. */
  readonly moves: readonly Move[]
}

/**
 * @param isReversible says whether a migration can be undone
 * @param isSound returns `false` if a single step is not as it should be, so that nothing follows from it
 */
export function sampleCheck<Client>(
  verified: Verified<Client>,
  schema: SchemaChecks<Client>,
  isReversible: (migration: Migration) => boolean,
  isSound: () => boolean,
  { make, beforehand }: Shared,
): Sample {
  const { migrations, options } = verified
  const moves: Move[] = []
  // Of two migrations all moves are run anyway.
  if (migrations.length < 3) return { checks: [], moves }
  const planned = plan(migrations, isReversible, options.pairs ?? USUAL)
  const count = planned.length === 1 ? 'one move' : `${planned.length} moves`
  const name = `${count} over several versions: the same schema as on the way up`
  const versions = [NIL_VERSION, ...migrations.map(({ version }) => version)]
  schema.remember(planned.map(([, to]) => versions[to] as number))
  const run = beforehand.plan('straight', 'sample', () =>
    schema.straight.alone(async () => {
      const found = await moved(schema.straight, planned, versions)
      // Its database is dropped while others work.
      await schema.straight.dispose()
      return found
    }),
  )
  const work = async (): Promise<Observed> => {
    if (!isSound()) return { remark: 'not run, since a single step is not as it should be' }
    const places = [...new Set(planned.map(([, to]) => to))]
    const known = new Map(places.map((place) => [place, schema.schemaOf(versions[place] as number)]))
    const expected = [...known.values()].includes(undefined) ? await schemasAt(verified, places) : known
    return compared(verified, await run(), expected, moves)
  }
  return { checks: [make({ id: 'sample', group: 'paths', name, version: undefined }, work)], moves }
}

// --- internal ---

const USUAL = 3

/** Chooses moves of which each begins where the last one ended; the same in each run. */
function plan(
  migrations: readonly Migration[],
  isReversible: (migration: Migration) => boolean,
  pairs: number | 'all',
): Move[] {
  const last = migrations.length
  const barriers = migrations.map((migration) => !isReversible(migration))
  const canMove = (from: number, to: number) => to > from || !barriers.slice(to, from).includes(true)
  if (pairs === 'all') return allPairs(last).filter(([from, to]) => canMove(from, to))
  const random = randomFrom(last)
  const moves: Move[] = []
  let at = 0
  while (moves.length < pairs) {
    const targets = Array.from({ length: last + 1 }, (_, place) => place).filter(
      (to) => Math.abs(to - at) > 1 && canMove(at, to) && !moves.some(([from, end]) => from === at && end === to),
    )
    if (targets.length === 0) break
    const to = targets[Math.floor(random() * targets.length)] ?? last
    moves.push([at, to])
    at = to
  }
  return moves
}

/** Each version up and down to each other one. */
function allPairs(last: number): Move[] {
  const moves: Move[] = []
  for (let low = 0; low <= last; low++) {
    for (let high = low + 2; high <= last; high++) moves.push([low, high], [high, low])
  }
  return moves
}

/** A small generator of numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Ended {
  readonly move: Move
  readonly schema: Schema
}

/**
 * Makes the moves, and returns the schema behind each. Begins on the database that went down to nothing, if there is one.
 * @param versions the version of each place
 */
async function moved<Client>(
  walk: Walk<Client>,
  planned: readonly Move[],
  versions: readonly number[],
): Promise<Ended[]> {
  if (walk.at !== NIL_VERSION) await walk.dispose()
  const ended: Ended[] = []
  let at = 0
  const go = async (to: number) => {
    const schema = await inHalf(to > at ? 'up' : 'down', () => walk.move(versions[to] as number))
    at = to
    return schema
  }
  for (const move of planned) {
    const [from, to] = move
    if (at !== from) await go(from)
    ended.push({ move, schema: await go(to) })
  }
  return ended
}

function compared<Client>(
  { migrations }: Verified<Client>,
  ended: readonly Ended[],
  expected: ReadonlyMap<number, Schema | undefined>,
  done: Move[],
): Observed {
  const label = (place: number) => (place === 0 ? 'nil' : labelOf(migrations[place - 1] as Migration))
  for (const { move, schema } of ended) {
    const [from, to] = move
    const before = expected.get(to)
    const diff = before && schema.diff(before)
    if (diff && diff.changes.length > 0) {
      return {
        observations: [
          {
            rule: 'paths-differ',
            objects: diff.changes.map(({ object }) => object),
            message: `The move from ${label(from)} to ${label(to)} leads to another schema than the way up (- on the way up, + after the move).`,
            fix: {
              text: 'Let no migration depend on what an earlier run has left: sequences, temporary tables, settings.',
            },
            evidence: { diff: diffText(diff) },
          },
        ],
      }
    }
    done.push(move)
  }
  return {}
}

/** Reads the schemas of versions on the way up. */
async function schemasAt<Client>(
  verified: Verified<Client>,
  places: readonly number[],
): Promise<ReadonlyMap<number, Schema>> {
  const target = (place: number) => versionOf(verified.migrations[place - 1] as Migration)
  const database = await WayDatabase.create(verified)
  const found = new Map<number, Schema>()
  try {
    for (const place of places.toSorted((a, b) => a - b)) {
      if (place > 0) await inHalf('up', () => database.move(target(place)))
      found.set(place, await database.schema())
    }
    return found
  } finally {
    await database.dispose()
  }
}
