/** Tells whose a script is: the project's, a package's or Node's. */
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { versionOfPackage } from '../packageVersion.ts'

/** Nothing tells what a function is made of. The message says why. */
export class NotToldError extends Error {}

export interface Origin {
  /** A package with its version, or a module of Node. */
  readonly name: string
  readonly builtin: boolean
  /** `true` for a module of Node that reads what may be another thing tomorrow. */
  readonly impure: boolean
}

export function originOf(url: string): Origin | 'own' {
  if (url.startsWith('node:')) return { name: url, builtin: true, impure: !PURE.test(url) }
  const path = pathOf(url)
  const isOurs = OWN_ROOMS.some((room) => path.startsWith(room))
  if (!isOurs && !path.includes('/node_modules/')) return 'own'
  const version = versionOfPackage(path) ?? (isOurs ? 'migratest' : undefined)
  if (version === undefined) throw new NotToldError(`it uses ${basename(path)}, a package without a version`)
  return { name: `${version} ${basename(path)}`, builtin: false, impure: false }
}

export function pathOf(url: string): string {
  return (url.startsWith('file:') ? fileURLToPath(url) : url).replace(/\?.*$/, '')
}

// --- internal ---

/** Modules of Node that read nothing. */
const PURE =
  /^node:(?:internal\/)?(?:assert|buffer|crypto|errors|events|path|punycode|querystring|string_decoder|timers|url|util|webidl|encoding|structured_clone|zlib|console)\b/

/** This package's own folder. */
const HOME = import.meta.url.endsWith('.ts') ? dirname(dirname(dirname(import.meta.dirname))) : import.meta.dirname
const OWN_ROOMS = import.meta.url.endsWith('.ts')
  ? ['src', 'presets', 'fixtures', 'index.ts'].map((room) => `${HOME}/${room}`)
  : [HOME]
