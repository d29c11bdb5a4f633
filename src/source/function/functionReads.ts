/** Collects what a function reads besides its text and its variables: files, and variables of the environment. */
import { readdirSync } from 'node:fs'
import { readsOf, stateOf } from '../module/reads.ts'
import { filesNamed } from './namedFiles.ts'
import { pathOf } from './origin.ts'

/** More than these take longer to look at than most functions take to run. */
const MOST_NAMES = 10_000

export class Reads {
  /** The files and variables that the function reads, with their contents and values. */
  readonly states: string[] = []
  readonly files = new Set<string>()
  readonly variables = new Set<string>()
  /** The first thing that it reads and that cannot be followed. */
  because: string | undefined
  /** The number of strings that were looked up as names of files. */
  #names = 0
  /** The names in the working directory. */
  #folder: ReadonlySet<string> | undefined

  /** Notes the contents of a file or folder, if a string is the name of one. */
  name(text: string): void {
    if (!this.#mayName(text)) return
    if (++this.#names > MOST_NAMES) {
      this.because ??= 'it uses too many names'
      return
    }
    const named = filesNamed(text)
    if (named === null) this.because ??= `it names ${text}`
    if (!named) return
    this.states.push(named.state)
    for (const file of named.files) this.files.add(file)
  }

  /** Replaces the variables of the environment and files that code reads by a written-out name, and notes them. */
  inCode(code: string, script: () => string): string {
    const path = pathOf(script())
    const { rest, ...read } = readsOf(path, code)
    const state = stateOf(path, read)
    if (state === undefined) return code
    for (const file of read.files) this.files.add(file)
    for (const name of read.variables) this.variables.add(name)
    this.states.push(state)
    return rest
  }

  // --- internal ---

  /** Returns whether a string may be the name of a file or folder: most strings with dots, such as addresses, are none. */
  #mayName(text: string): boolean {
    if (text.length > 200 || /[\n*?"<>|]|^[a-z]+:\/\//i.test(text)) return false
    if (/^[/\\.~]|^[a-z]:/i.test(text)) return true
    this.#folder ??= new Set(readdirSync('.'))
    return this.#folder.has(/^[^/\\]*/.exec(text)?.[0] ?? '')
  }
}
