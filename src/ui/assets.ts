/** The files of the built page, in memory, compressed once. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
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

/** Sources have the built page in `dist/ui`; the built package is itself in `dist`. */
function pageFolder(): string {
  if (import.meta.url.endsWith('.ts')) return fileURLToPath(new URL('../../dist/ui/', import.meta.url))
  // In the package, this code runs in a file of many modules, in `dist/lib`.
  const isBundled = basename(import.meta.dirname) === 'lib'
  return fileURLToPath(new URL(isBundled ? '../ui/' : '../../ui/', import.meta.url))
}
