/** Finds what a line of compiled JavaScript was written as, by the source map that the build left beside it or in it. */
import { readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Compiled } from './compile.ts'

export interface Written {
  /** Absolute path of the file that a person wrote. */
  readonly path: string
  readonly text: string
  /** From 0. */
  readonly line: number
  readonly column: number
}

/** Returns the place; undefined if there is no map, or nothing that it leads to. @param line @param column from 0 */
export function writtenPlace(compiled: Compiled, line: number, column: number): Written | undefined {
  // Only errors need it, and a build may write the map anew and leave the JavaScript as it is.
  const map = mapOf(compiled)
  if (!map) return undefined
  const entry = map.map.findEntry(line, column)
  if (!('originalSource' in entry) || typeof entry.originalSource !== 'string') return undefined
  const { sources, sourcesContent, sourceRoot = '' } = map.payload
  const path = pathOf(map.folder, sourceRoot, entry.originalSource)
  const text = sourcesContent?.[sources.indexOf(entry.originalSource)] ?? textOf(path)
  if (text === undefined) return undefined
  return { path, text, line: entry.originalLine, column: entry.originalColumn }
}

// --- internal ---

interface KnownMap {
  readonly map: SourceMap
  readonly payload: SourceMapPayload
  /** The folder that its names are relative to. */
  readonly folder: string
}

const LINK = /^[ \t]*\/\/[#@][ \t]*sourceMappingURL=(\S+)[ \t]*$/gm
const DATA = /^data:application\/json[^,]*?(;base64)?,(.*)$/

function mapOf({ path, text }: Compiled): KnownMap | undefined {
  const link = [...text.matchAll(LINK)].at(-1)?.[1]
  if (link === undefined) return undefined
  try {
    const [, isBase64, data] = DATA.exec(link) ?? []
    const file = data === undefined ? resolve(dirname(path), decodeURIComponent(link)) : path
    const json =
      data === undefined
        ? readFileSync(file, 'utf8')
        : isBase64
          ? Buffer.from(data, 'base64').toString()
          : decodeURIComponent(data)
    const payload = JSON.parse(json) as SourceMapPayload
    return { map: new SourceMap(payload), payload, folder: dirname(file) }
  } catch {
    // It may be missing, or broken: then the JavaScript is what can be shown.
    return undefined
  }
}

function pathOf(folder: string, root: string, source: string): string {
  return source.startsWith('file:') ? fileURLToPath(source) : resolve(folder, root, source)
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
