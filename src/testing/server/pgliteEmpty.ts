/**
 * The data directory of a new PGlite database. Making it takes PGlite two seconds, unpacking it a tenth of that, so it is
 * kept in a file for the processes of all test files and of later runs.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import type { PGlite } from '@electric-sql/pglite'
import { loadPackage } from '../../migrate/loadPackage.ts'
import { now } from '../../migrate/realTime.ts'
import { ownFolder } from '../../server/places.ts'
import { versionOfPackage } from '../../source/packageVersion.ts'

let empty: Promise<Blob> | undefined
let since: number | undefined

/** Returns the data directory of a new database, as an uncompressed tar file. This process reads or makes it once. */
export function emptyDirectory(): Promise<Blob> {
  if (!empty) {
    since = now()
    empty = readOrMake(keptFile()).finally(() => {
      since = undefined
    })
  }
  return empty
}

/** Returns the milliseconds since {@link emptyDirectory} began; undefined if it has ended or not begun. */
export function emptyDirectoryTakes(): number | undefined {
  return since === undefined ? undefined : now() - since
}

/**
 * Reads the data directory from a file, or makes it and writes the file.
 * @param file a path, or undefined to make it in any case
 */
export async function readOrMake(file: string | undefined): Promise<Blob> {
  const kept = file === undefined ? undefined : await readKept(file)
  if (kept) return kept
  const { PGlite } = await loadPglite()
  const made = await dump(await PGlite.create())
  // Without the file the next process makes its own: a full or read-only disk is no reason to fail.
  if (file !== undefined) await keep(made, file).catch(() => undefined)
  return made
}

export async function loadPglite(): Promise<typeof import('@electric-sql/pglite')> {
  return loadPackage('@electric-sql/pglite', 'pglite()', () => import('@electric-sql/pglite'))
}

// --- internal ---

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** Returns the path of the file for the installed version of PGlite; undefined if we cannot tell the version or have no folder. */
function keptFile(): string | undefined {
  try {
    const version = versionOfPackage(createRequire(import.meta.url).resolve('@electric-sql/pglite'))
    const name = version?.split('/').at(-1)
    return name && join(ownFolder(tmpdir(), 0o711), `${name}-empty.tar.zst`)
  } catch {
    return undefined
  }
}

/** Returns what the file contains; undefined if there is none or its checksum is wrong. */
async function readKept(file: string): Promise<Blob | undefined> {
  try {
    return new Blob([await decompress(await readFile(file))])
  } catch {
    return undefined
  }
}

async function dump(db: PGlite): Promise<Blob> {
  const directory = await db.dumpDataDir('none')
  await db.close()
  return directory
}

/** Writes the file whole or not at all: other processes may read or write it at this moment. */
async function keep(directory: Blob, file: string): Promise<void> {
  const params = { [constants.ZSTD_c_checksumFlag]: 1 }
  const half = `${file}-${process.pid}`
  try {
    await writeFile(half, await compress(Buffer.from(await directory.arrayBuffer()), { params }), { mode: 0o600 })
    await rename(half, file)
  } finally {
    await rm(half, { force: true })
  }
}
