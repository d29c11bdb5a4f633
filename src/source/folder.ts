/** Converts the folder in an option to a path. The option is a path, or a `file:` URL as an object or as text. */
import { relative } from 'node:path'
import { fileURLToPath, type URL } from 'node:url'
import { UsageError } from '../migrate/errors.ts'

/**
 * Returns whether a value is a URL. Does not use `instanceof`, because test environments (jsdom, happy-dom) have URL
 * classes of their own.
 */
export function isUrl(value: unknown): value is URL {
  const { href, protocol } = (value ?? {}) as Partial<URL>
  return typeof value === 'object' && typeof href === 'string' && typeof protocol === 'string'
}

/**
 * Returns the path for a string or a URL; a relative path stays relative.
 * @param option the option's name for the message.
 * @throws UsageError for a URL that does not name a file
 */
export function pathOf(where: string | URL, option = 'migrations'): string {
  const text = typeof where === 'string' ? where : where.href
  if (/^file:/i.test(text)) return fileURLToPath(text).replace(/(?<=.)[\\/]$/, '')
  if (typeof where === 'string') return where
  const isRewritten = 'document' in globalThis
  throw new UsageError(`${option}: ${text} is not the URL of a file.`, {
    hint: isRewritten
      ? `In an environment that imitates a browser (jsdom, happy-dom), "new URL('…', import.meta.url)" becomes the address of a page. Write a path instead: join(import.meta.dirname, 'migrations'), or 'migrations' from the working directory.`
      : `Write a path, or a file: URL.`,
  })
}

/** Shortens a path to the form that a person in the working directory would write. */
export function shorten(path: string): string {
  const near = relative(process.cwd(), path)
  return near === '' ? '.' : near.startsWith('..') ? path : near
}
