/** What modules find where they look for globals: the real ones, which notice being read while a module loads. */
type Notice = (what: string) => void

export interface ModuleGlobals {
  readonly Date: DateConstructor
  readonly Math: Math
  readonly performance: typeof performance
  readonly crypto: typeof crypto
  readonly babelHelpers: typeof DECORATORS
}

/** @param notice called with what was read, as "the clock"; does nothing once the load is over */
export function noticingGlobals(notice: Notice): ModuleGlobals {
  const clock = () => notice('the clock')
  const random = () => notice('random numbers')
  return {
    Date: new Proxy(Date, {
      apply: (target, self, args) => {
        clock()
        return Reflect.apply(target, self, args)
      },
      construct: (target, args, subclass) => {
        if (args.length === 0) clock()
        return Reflect.construct(target, args, subclass)
      },
      get: (target, key) => noticed(target, key, { now: clock }),
    }),
    Math: new Proxy(Math, { get: (target, key) => noticed(target, key, { random }) }),
    performance: new Proxy(performance, { get: (target, key) => noticed(target, key, { now: clock }) }),
    // Node loads it when it is first looked at, which takes longer than a migration.
    crypto: new Proxy({} as typeof crypto, {
      get: (_, key) => noticed(crypto, key, { randomUUID: random, getRandomValues: random }),
    }),
    babelHelpers: DECORATORS,
  }
}

// --- internal ---

function noticed(target: object, key: string | symbol, noisy: Record<string, () => void>): unknown {
  const value: unknown = Reflect.get(target, key)
  const say = noisy[key as string]
  if (typeof value !== 'function') return value
  // Built-ins of an instance look at what they are called on; what is a class is handed out as it is.
  if (say === undefined) return target instanceof Function || target === Math ? value : value.bind(target)
  return (...args: unknown[]) => {
    say()
    return Reflect.apply(value, target, args)
  }
}

type Decorator = (target: unknown, key?: string, more?: unknown) => unknown
interface Metadata {
  metadata?: (key: string, value: unknown) => Decorator
}

/** What TypeScript's experimental decorators compile to calls of. */
const DECORATORS = {
  decorate(decorators: readonly Decorator[], target: object, key?: string, given?: PropertyDescriptor | null): unknown {
    const ofMember = key !== undefined
    let result: unknown =
      ofMember && given === null ? Object.getOwnPropertyDescriptor(target, key) : ofMember ? given : target
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
