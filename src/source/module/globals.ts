/** Provides the globals for modules: the real ones, which report being used while a module loads. */

type Notice = (what: string) => void

/** Names that resolve outside a module's own scope, so that the module may declare the same names. */
export const GLOBAL_NAMES = ['Date', 'Math', 'performance', 'crypto', 'babelHelpers'] as const

export type ModuleGlobals = Readonly<Record<(typeof GLOBAL_NAMES)[number], unknown>>

/**
 * Returns the globals.
 * @param notice called with what was read, such as "the clock"; does nothing once the load is over
 */
export function noticingGlobals(notice: Notice): ModuleGlobals {
  const clock = () => notice('the clock')
  const random = () => notice('random numbers')
  const noticingDate: DateConstructor = new Proxy(Date, {
    // Look up the current Date on each use, since tests replace it.
    apply: (_, self, args) => {
      clock()
      return Reflect.apply(globalThis.Date, self, args)
    },
    construct: (_, args, newTarget) => {
      if (args.length === 0) clock()
      return Reflect.construct(globalThis.Date, args, newTarget === noticingDate ? globalThis.Date : newTarget)
    },
    get: (_, key) => noticed(globalThis.Date, key, { now: clock }),
  })
  return {
    Date: noticingDate,
    Math: new Proxy(Math, { get: (target, key) => noticed(target, key, { random }) }),
    performance: new Proxy(performance, { get: (target, key) => noticed(target, key, { now: clock }) }),
    // Node loads `crypto` on first access, which takes longer than a migration.
    crypto: new Proxy({}, { get: (_, key) => noticed(crypto, key, RANDOM(random)) }),
    babelHelpers: DECORATORS,
  }
}

/** Returns one of Node's modules; if it provides random numbers, wraps it in the same way. */
export function noticingNative(url: string, namespace: object, notice: Notice): object {
  if (url !== 'node:crypto') return namespace
  const noisy = RANDOM(() => notice('random numbers'))
  return new Proxy(
    {},
    {
      get: (_, key) => noticed(namespace, key, noisy),
      has: (_, key) => key in namespace,
      ownKeys: () => Reflect.ownKeys(namespace),
      getOwnPropertyDescriptor: (_, key) => ({
        value: Reflect.get(namespace, key),
        enumerable: true,
        configurable: true,
      }),
    },
  )
}

// --- internal ---

const RANDOM = (random: () => void) => ({
  randomUUID: random,
  randomBytes: random,
  randomInt: random,
  getRandomValues: random,
})

function noticed(target: object, key: string | symbol, noisy: Readonly<Record<string, () => void>>): unknown {
  const value: unknown = Reflect.get(target, key)
  if (typeof value !== 'function') return value
  const say = Object.hasOwn(noisy, key) ? noisy[key as string] : undefined
  // Methods of `crypto` and `performance` check their `this`. Classes and plain functions do not.
  const bound = target === globalThis.crypto || target === performance ? value.bind(target) : value
  if (say === undefined) return bound
  return (...args: unknown[]) => {
    say()
    return Reflect.apply(bound, target, args)
  }
}

type Decorator = (target: unknown, key?: string, more?: unknown) => unknown
interface Metadata {
  metadata?: (key: string, value: unknown) => Decorator
}

/** Helper functions that compiled experimental decorators call. */
const DECORATORS = {
  decorate(decorators: readonly Decorator[], target: object, key?: string, given?: PropertyDescriptor | null): unknown {
    const ofMember = key !== undefined
    let result: unknown = ofMember ? (given === null ? Object.getOwnPropertyDescriptor(target, key) : given) : target
    for (const decorator of [...decorators].reverse()) {
      if (decorator) result = (ofMember ? decorator(target, key, result) : decorator(result)) || result
    }
    if (ofMember && result && given !== undefined) Object.defineProperty(target, key, result as PropertyDescriptor)
    return result
  },
  decorateMetadata(key: string, value: unknown): Decorator | undefined {
    return (Reflect as Metadata).metadata?.(key, value)
  },
  decorateParam(
    index: number,
    decorator: (target: unknown, key: string | undefined, index: number) => void,
  ): Decorator {
    return (target, key) => decorator(target, key, index)
  },
}
