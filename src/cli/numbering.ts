/** Chooses the number of the next migration in the numbering style of the existing ones. */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MigratestError } from '../migrate/errors.ts'
import type { Migration } from '../migrate/source.ts'
import { directory } from '../source/directory.ts'
import { folderAtRevision } from '../source/folderAtRevision.ts'
import { findGitBase } from '../source/gitBase.ts'
import type { Context } from './context.ts'

/**
 * Returns the number for a new migration: one higher than the highest number in the folder and on the branch to be
 * merged into. It keeps the number of digits, and is a timestamp if the existing numbers are. An empty folder begins
 * with 0001.
 */
export async function nextNumber(numbering: Numbering): Promise<string> {
  const here = (await directory(numbering.folder).list()).at(-1)
  const there = (await migrationsOnBase(numbering))?.at(-1)
  const last = there && there.version > (here?.version ?? -1) ? there : here
  return next(last, numbering.timestamp)
}

/** Where the next migration stands, and what its number has to be higher than. */
export interface Numbering {
  readonly folder: string
  /** `true`: a time instead of the next number. */
  readonly timestamp: boolean
  /** The branch to be merged into; `false`: none; undefined: git knows it. */
  readonly base: string | false | undefined
  /** `true` if the user has named the branch in this very command, so that it has to exist. */
  readonly isBaseNamed: boolean
}

export function numberingOf({ options, config, folder }: Context): Numbering {
  return {
    folder,
    timestamp: options.timestamp ?? false,
    base: options.base ?? config.base,
    isBaseNamed: options.base !== undefined,
  }
}

/**
 * Runs `work` under a lock, so that two processes cannot choose the same number: one writes its file before the next
 * chooses a number for the same folder. The lock is a directory among the system's temporary files. If a killed process
 * left its lock, another process takes it over after 5 s.
 */
export async function oneAtATime<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = join(
    tmpdir(),
    `migratest-new-${createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 16)}`,
  )
  const deadline = Date.now() + LOCKED_MS
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (Date.now() > deadline) rmSync(lock, { recursive: true, force: true })
      else await sleep(20)
    }
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

/** Converts words to the title part of a file name; returns an empty string if no letter or digit is left. */
export function titleOf(words: readonly string[]): string {
  return words
    .join('_')
    .trim()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
}

/**
 * Returns the migrations on the branch to be merged into. Undefined if there is no such branch, or if it has no
 * migrations in this folder.
 */
export async function migrationsOnBase({
  folder,
  base,
  isBaseNamed,
}: Omit<Numbering, 'timestamp'>): Promise<readonly Migration[] | undefined> {
  if (base === false) return undefined
  const found = findGitBase(folder, base)
  if (typeof found === 'string' || !found.present) return undefined
  try {
    return await folderAtRevision(found.revision, folder).list()
  } catch (error) {
    if (isBaseNamed || !(error instanceof MigratestError)) throw error
    return undefined
  }
}

// --- internal ---

const LOCKED_MS = 5000

function next(last: Migration | undefined, byTime: boolean): string {
  if (last === undefined) return byTime ? timestamp() : '0001'
  const digits = /(\d+)_[^/\\]*$/.exec(last.up ?? last.down ?? '')?.[1] ?? ''
  if (byTime || /^(?:19|20)\d{12}$/.test(digits)) return later(timestamp(), last.version)
  // Some projects number migrations by seconds since 1970.
  if (/^1[5-9]\d{8}$/.test(digits)) return later(String(Math.floor(Date.now() / 1000)), last.version)
  return String(last.version + 1).padStart(digits.length, '0')
}

/**
 * Returns `number`, or `last + 1` if `number` is not higher, because this computer's clock is slow or a colleague's is
 * fast.
 */
function later(number: string, last: number): string {
  return Number(number) > last ? number : String(last + 1)
}

function timestamp(): string {
  return new Date().toISOString().replace(/\D/g, '').slice(0, 14)
}
