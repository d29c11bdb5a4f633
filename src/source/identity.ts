/** Identifies what has no text: functions and instances of classes, whose content nothing can follow. */
import { randomUUID } from 'node:crypto'
import type { CodeKey } from '../migrate/source.ts'

/** Returns a number that identifies an object in this process. */
export function idOf(thing: object): number {
  const id = ids.get(thing) ?? ++lastId
  ids.set(thing, id)
  return id
}

/**
 * Returns a text that identifies a function or object as long as this process lives: nothing follows the variables that
 * it reads, so another process may not use what was made with it.
 */
export function textOfObject(thing: object): string {
  return `${OBJECT}${idOf(thing)}`
}

/** Returns a text that identifies options: their JSON, with {@link textOfObject} for what JSON does not hold. */
export function textOfOptions(options: object): string {
  return JSON.stringify(options, (_, value) => {
    if (typeof value === 'bigint') return `${value}n`
    if (value instanceof RegExp) return String(value)
    return typeof value === 'function' || isInstance(value) ? textOfObject(value) : value
  })
}

/**
 * Returns the key of a migration that is an object or class of the process and not a file. It is valid as long as the
 * same functions are given.
 */
export function keyOfObject(given: object & { readonly up?: unknown; readonly down?: unknown }): CodeKey {
  const parts = typeof given === 'function' ? [given] : [given.up, given.down]
  const functions = parts.filter((part) => typeof part === 'function')
  return { hash: functions.map(textOfObject).join(), texts: functions.map(String), files: [], variables: [] }
}

/** Returns whether a text is only valid in this process. */
export function isOfThisProcess(text: string): boolean {
  return text.includes(OBJECT)
}

// --- internal ---

const OBJECT = `object ${randomUUID()} `
const ids = new WeakMap<object, number>()
let lastId = 0

function isInstance(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype !== Object.prototype && prototype !== null
}
