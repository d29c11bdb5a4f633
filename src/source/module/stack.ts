/** Converts stack traces of modules that we run: from places in the running code to places in the files. */
import { fileURLToPath } from 'node:url'
import type { Compiled } from './compile.ts'
import { writtenPlace } from './sourceMap.ts'

export interface Frame {
  /** The file that a person wrote: for compiled JavaScript with a source map, what it was compiled from. */
  readonly path: string
  readonly text: string
  /** Line number, from 1. */
  readonly line: number
  readonly column: number
}

/** Returns the frames in the given modules, innermost first. */
export function framesIn(stack: string, modules: ReadonlyMap<string, Compiled>): Frame[] {
  return [...stack.matchAll(PLACE)].map((match) => frameOf(match, modules)).filter((frame) => frame !== undefined)
}

/** Returns the stack with places in the original files. */
export function restoredStack(stack: string, modules: ReadonlyMap<string, Compiled>): string {
  return stack.replace(PLACE, (...match) => {
    const frame = frameOf(match as unknown as RegExpMatchArray, modules)
    return frame ? `${frame.path}:${frame.line}:${frame.column}` : (match[0] as string)
  })
}

// --- internal ---

/** Matches a place in a stack. A syntax error has no column. */
const PLACE = /(file:\/\/\S*?\?migratest=\d+):(\d+)(?::(\d+))?/g

function frameOf(
  [, url = '', line, column]: RegExpMatchArray,
  modules: ReadonlyMap<string, Compiled>,
): Frame | undefined {
  const compiled = modules.get(fileURLToPath(url.replace(/\?.*$/, '')))
  if (compiled?.url !== url) return undefined
  const at = compiled.origin(Number(line) - 1, column === undefined ? 0 : Number(column) - 1)
  if (!at) return undefined
  const { path, text, ...place } = writtenPlace(compiled, at.line, at.column) ?? { ...compiled, ...at }
  return { path, text, line: place.line + 1, column: place.column + 1 }
}
