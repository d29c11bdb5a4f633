/** Reads the texts of one migration: its halves as they are in the files, and as they were applied. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { attempt } from '../migrate/attempt.ts'
import type { Driver } from '../migrate/driver.ts'
import { MigratestError, VersionNotFoundError } from '../migrate/errors.ts'
import type { Direction, Migration, Source } from '../migrate/source.ts'
import { labelOf } from '../migrate/version.ts'
import { readScript } from '../sql/script.ts'
import type { Half, UiState, VersionDetail } from './protocol.ts'

/** @throws VersionNotFoundError if the timeline has no migration with that key */
export async function readVersion(
  source: Source,
  driver: Driver,
  { stations }: Pick<UiState, 'stations'>,
  key: string,
): Promise<VersionDetail> {
  const migration = (await source.list()).find((one) => labelOf(one) === key)
  const station = stations.find((one) => one.key === key)
  if (!migration && !station) throw new VersionNotFoundError(key, `There is no migration "${key}".`)
  const [up, down] = migration
    ? await Promise.all([readHalf(source, migration, 'up', driver), readHalf(source, migration, 'down', driver)])
    : []
  const isOdd = station?.state === 'edited' || station?.state === 'missing'
  // The history of another tool's folder is kept by ranks, which only a running command knows.
  const version = migration?.version ?? Number(station?.number || Number.NaN)
  const recorded =
    isOdd && !source.format && Number.isInteger(version) ? await readRecorded(driver, version) : undefined
  return { key, up, down, recorded }
}

// --- internal ---

async function readHalf(
  source: Source,
  migration: Migration,
  direction: Direction,
  { dialect, syntax, transactionalDdl }: Driver,
): Promise<Half | undefined> {
  const file = migration[direction]
  if (file === undefined) return undefined
  const body = await attempt(() => source.read(migration, direction))
  const path = existsSync(file) ? resolve(file) : undefined
  const half = { file, path, text: '', statements: [], problem: undefined, transaction: true }
  if (body instanceof MigratestError) return { ...half, kind: 'sql', problem: body.message }
  if (body === null) return undefined
  if (body.kind === 'code') return { ...half, kind: 'code', text: body.text, transaction: body.transaction !== false }
  const { written = body.text } = body
  const script = readScript(written, dialect, syntax, body.rules)
  const lineOf = linesOf(script.source)
  return {
    ...half,
    kind: 'sql',
    text: script.source,
    statements: script.statements.map(({ start, end }) => ({
      from: lineOf(start),
      to: lineOf(Math.max(start, end - 1)),
    })),
    problem: script.problem?.message,
    transaction: script.transaction === 'wrap' || !transactionalDdl,
  }
}

async function readRecorded(driver: Driver, version: number): Promise<VersionDetail['recorded']> {
  const [up, down] = [await driver.recorded(version, 'up'), await driver.recorded(version, 'down')]
  return { ...(up !== null && { up }), ...(down !== null && { down }) }
}

/** Returns a function that finds the line of an offset, counted from 1. Offsets must not decrease from call to call. */
function linesOf(text: string): (offset: number) => number {
  let line = 1
  let at = 0
  return (offset) => {
    for (; at < offset; at++) if (text[at] === '\n') line++
    return line
  }
}
