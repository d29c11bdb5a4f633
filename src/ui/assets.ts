/** The files of the built page, in memory, compressed once. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { UsageError } from '../migrate/errors.ts'

export interface Asset {
  readonly type: string
  readonly body: Buffer
  readonly gzipped: Buffer
  /** `true` if the name changes with the content, so that it may be kept. */
  readonly lasting: boolean
}

/**
 * Reads the page's files by their paths, such as `index.html`.
 * @param folder default: the page of this package
 * @throws UsageError if the page has not been built
 */
export function readAssets(folder = pageFolder()): ReadonlyMap<string, Asset> {
  let names: string[]
  try {
    names = readdirSync(folder, { recursive: true }).map((name) => String(name).replaceAll('\\', '/'))
  } catch (cause) {
    throw new UsageError(`The page is not in ${folder}.`, { hint: 'In a checkout of migratest: npm run build', cause })
  }
  const files = names.filter((name) => statSync(join(folder, name)).isFile())
  return new Map(files.map((name) => [name, assetOf(name, readFileSync(join(folder, name)))]))
}

// --- internal ---

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

function assetOf(name: string, body: Buffer): Asset {
  const type = TYPES[extname(name)] ?? 'application/octet-stream'
  return { type, body, gzipped: gzipSync(body, { level: 9 }), lasting: name.startsWith('assets/') }
}

/** Finds the built page above this code, which may be a source or be in a file of many modules. */
function pageFolder(): string {
  const built = (folder: string) => join(folder, 'dist', 'ui')
  let folder = import.meta.dirname
  while (!existsSync(built(folder)) && folder !== dirname(folder)) folder = dirname(folder)
  return built(folder === dirname(folder) ? process.cwd() : folder)
}
