/**
 * Reads what JavaScript itself does not show of a function: the values of the variables that it uses, and the file that
 * it is written in. Node's inspector shows them.
 */
import { randomUUID } from 'node:crypto'
import type { Session } from 'node:inspector'

/** Values of variables by name. */
export type Variables = Readonly<Record<string, unknown>>

export interface Surroundings {
  /** The variables of the functions and blocks around it, the innermost first. Those of its own are not among them. */
  readonly scopes: readonly Variables[]
  /** The variables of the module, if Node runs the file as an ES module; those are not among `scopes`. */
  readonly module: Variables | undefined
  /** The URL or path of its script; asked for only when it is called, since that takes tens of milliseconds once. */
  readonly script: () => string
}

export class Inspection {
  readonly #session: Session
  /** Both sides of the inspector can reach this object, even if this code runs in a context of its own. */
  readonly #box: { given?: unknown; taken?: unknown[] } = {}
  readonly #name = `migratest ${randomUUID()}`

  /** @throws Error if this Node has no inspector */
  constructor() {
    // A static import would fail to load where Node has been built without an inspector.
    const inspector = process.getBuiltinModule('node:inspector')
    this.#session = new inspector.Session()
    this.#session.connect()
    Object.defineProperty(process, this.#name, { value: this.#box, configurable: true })
  }

  close(): void {
    Reflect.deleteProperty(process, this.#name)
    this.#session.disconnect()
  }

  /** @throws Error if the inspector does not show them */
  of(fn: object): Surroundings {
    const { internalProperties = [] } = this.#properties(this.#handle(fn))
    const found = (name: string) => internalProperties.find((one) => one.name === name)?.value
    const scriptId = (found('[[FunctionLocation]]')?.value as { scriptId?: string } | undefined)?.scriptId
    const list = found('[[Scopes]]')?.objectId
    if (list === undefined) throw new Error('no scopes')
    const shown = this.#properties(list).result.filter(
      ({ name, value }) => /^\d+$/.test(name) && value?.objectId !== undefined && value.description !== 'Global',
    )
    const all = this.#take(shown.map(({ value }) => value?.objectId ?? '')) as { object: Variables }[]
    const isModule = (_: unknown, i: number) => shown[i]?.value?.description === 'Module'
    const variables = all.map(({ object }) => object)
    return {
      scopes: variables.filter((one, i) => !isModule(one, i)),
      module: variables.find(isModule),
      script: () => this.#script(scriptId),
    }
  }

  /** Returns the private fields of an instance, and the target of a bound function, by name. */
  hidden(thing: object): Variables {
    const handle = this.#handle(thing)
    const { privateProperties = [], internalProperties = [] } = this.#properties(handle)
    const bound = internalProperties.filter(({ name }) => name.startsWith('[[Bound') || name === '[[TargetFunction]]')
    return Object.fromEntries(
      [...privateProperties, ...bound].map(({ name, value }) => [
        name,
        value?.objectId === undefined ? (value?.unserializableValue ?? value?.value) : this.#take([value.objectId])[0],
      ]),
    )
  }

  // --- internal ---

  #script(id: string | undefined): string {
    if (id === undefined) return ''
    if (!scripts.has(id)) {
      this.#session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params.url))
      this.#post('Debugger.enable')
      this.#post('Debugger.disable')
    }
    return scripts.get(id) ?? ''
  }

  #handle(thing: unknown): string {
    this.#box.given = thing
    const expression = `process['${this.#name}'].given`
    const { result } = this.#post<{ result: Remote }>('Runtime.evaluate', { expression })
    if (result.objectId === undefined) throw new Error('not in the same process object')
    return result.objectId
  }

  #properties(objectId: string): Properties {
    return this.#post<Properties>('Runtime.getProperties', { objectId, ownProperties: true })
  }

  /** Returns the objects behind handles. */
  #take(handles: readonly string[]): unknown[] {
    const functionDeclaration = `function (...given) { process['${this.#name}'].taken = given }`
    const parameters = handles.map((objectId) => ({ objectId }))
    if (handles.length > 0) {
      this.#post('Runtime.callFunctionOn', { objectId: handles[0], functionDeclaration, arguments: parameters })
    }
    return handles.length > 0 ? (this.#box.taken ?? []) : []
  }

  /** Asks the inspector, which answers before this returns. */
  #post<T>(method: string, params: object = {}): T {
    let answer: T | undefined
    let failed: Error | null = null
    this.#session.post(method, params, (error, result) => {
      failed = error
      answer = result as T
    })
    if (failed) throw failed
    return answer as T
  }
}

// --- internal ---

interface Remote {
  readonly objectId?: string
  readonly description?: string
  readonly value?: unknown
  readonly unserializableValue?: string
}

interface Properties {
  readonly result: readonly { readonly name: string; readonly value?: Remote }[]
  readonly internalProperties?: readonly { readonly name: string; readonly value?: Remote }[]
  readonly privateProperties?: readonly { readonly name: string; readonly value?: Remote }[]
}

/** URLs of scripts by the id that V8 gives them in this process. */
const scripts = new Map<string, string>()
