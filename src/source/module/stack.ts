/** Stack traces of modules that we run: from places in what runs to places in the files. */
import { fileURLToPath } from 'node:url'
import type { Compiled } from './compile.ts'

export interface Frame {
  readonly compiled: Compiled
  /** From 1. */
  readonly line: number
  readonly column: number
}

/** Those in the given modules, the innermost first. */
export function framesIn(stack: string, modules: ReadonlyMap<string, Compiled>): Frame[] {
  return [...stack.matchAll(PLACE)].map((match) => frameOf(match, modules)).filter((frame) => frame !== undefined)
}

/** The same stack with the files' own places. */
export function restoredStack(stack: string, modules: ReadonlyMap<string, Compiled>): string {
  return stack.replace(PLACE, (...match) => {
    const frame = frameOf(match as unknown as RegExpMatchArray, modules)
    return frame ? `${frame.compiled.path}:${frame.line}:${frame.column}` : (match[0] as string)
  })
}

// --- internal ---

/** A syntax error has no column. */
const PLACE = /(file:\/\/\S*?\?migratest=\d+):(\d+)(?::(\d+))?/g

function frameOf(
  [, url = '', line, column]: RegExpMatchArray,
  modules: ReadonlyMap<string, Compiled>,
): Frame | undefined {
  const compiled = modules.get(fileURLToPath(url.replace(/\?.*$/, '')))
  if (compiled?.url !== url) return undefined
  const at = compiled.origin(Number(line) - 1, column === undefined ? 0 : Number(column) - 1)
  return at && { compiled, line: at.line + 1, column: at.column + 1 }
}
