/** Reads from the texts of classes what their instances have. */
import { isProxy } from 'node:util/types'
import { textOf } from './engine.ts'

/** Matches the text of a class with private members. */
export const HIDDEN = /#[\p{ID_Start}$_]/u

export function isClass(text: string): boolean {
  return /^class\b/.test(text)
}

/** Returns whether an arrow function is a field of a class whose instance holds it, which is its `this`. */
export function isFieldOf(holder: object | undefined, text: string): boolean {
  if (holder === undefined) return false
  const own = typeof holder === 'function' ? [textOf(holder)] : []
  return [...own, ...classesOf(Object.getPrototypeOf(holder))].some((made) => made.includes(text))
}

/** Returns whether the instances of a class have private members. */
export function hides(prototype: object): boolean {
  return classesOf(prototype).some((text) => HIDDEN.test(text))
}

// --- internal ---

/** Returns the texts of the classes of an instance. */
function classesOf(prototype: object | null): string[] {
  const texts: string[] = []
  for (let one = prototype; one !== null && !isProxy(one); one = Object.getPrototypeOf(one)) {
    const made: unknown = Object.getOwnPropertyDescriptor(one, 'constructor')?.value
    if (typeof made === 'function') texts.push(textOf(made))
  }
  return texts
}
