/**
 * Tells functions apart by what they are made of: their text, and the values of the variables that they use, with all
 * that these hold. Two functions that have the same key do the same, in whichever process they were made.
 */
import { fingerprintOf } from '../../sql/script.ts'
import { Inspection } from './inspect.ts'
import { NotToldError } from './origin.ts'
import { Writer } from './writer.ts'

/** The parts that a function is made of. */
export type FunctionKey =
  | {
      readonly hash: string
      /** The variables of the environment and the files that it reads, with their values and contents. */
      readonly reads: string
      /** What it reads besides, such as `it uses fetch`: its result may be another one tomorrow. */
      readonly because?: string | undefined
      readonly files: readonly string[]
      readonly variables: readonly string[]
    }
  /** Nothing tells what it is made of, such as `it uses globalThis`. */
  | { readonly unknown: string }

/** Returns what a function is made of at this moment. */
export function keyOfFunction(fn: object): FunctionKey {
  let inspection: Inspection
  try {
    inspection = new Inspection()
  } catch {
    return { unknown: 'this JavaScript engine does not show what a function uses' }
  }
  try {
    const writer = new Writer(inspection)
    writer.root(fn)
    const { states, because, files, variables } = writer.reads
    return {
      hash: fingerprintOf([...writer.parts, ...states]),
      reads: states.join('\n'),
      because,
      files: [...files],
      variables: [...variables],
    }
  } catch (error) {
    if (error instanceof NotToldError) return { unknown: error.message }
    return { unknown: 'Node does not show what it uses' }
  } finally {
    inspection.close()
  }
}
