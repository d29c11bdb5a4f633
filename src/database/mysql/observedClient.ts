/**
 * A client of `mysql2/promise` whose statements an observer sees, whoever sends them: code itself, or a library over the
 * connection below. Queries without a callback (streams) pass unseen.
 */
import { EventEmitter } from 'node:events'

/** Runs a statement, with another text if one is given, and returns when the server has answered. */
export type RunText = (text?: string) => Promise<void>

/** @param observe looks at a statement before and after it runs it */
export function observedClient<Client>(client: Client, observe: (text: string, run: RunText) => Promise<void>): Client {
  const core = (client as { readonly connection?: Core } | null)?.connection
  if (typeof core?.query !== 'function') return client
  const sending =
    (method: 'query' | 'execute') =>
    (config: unknown, ...rest: readonly unknown[]): unknown => {
      const place = rest.findIndex((one) => typeof one === 'function')
      const done = rest[place]
      const given = rest.slice(0, place)
      if (typeof done !== 'function') return core[method](config, ...rest)
      const sql = typeof config === 'string' ? config : String((config as { readonly sql?: unknown }).sql ?? '')
      const [values] = given
      const text = Array.isArray(values) && core.format ? core.format(sql, values) : sql
      let answer: readonly unknown[] = []
      const run: RunText = (other) =>
        new Promise((resolve, reject) => {
          const answered = (...results: readonly unknown[]) => {
            answer = results
            if (results[0]) reject(results[0])
            else resolve()
          }
          if (other === undefined) core[method](config, ...given, answered)
          else core.query(typeof config === 'string' ? other : { ...(config as object), sql: other }, answered)
        })
      observe(text, run).then(
        () => done(...answer),
        (error) => done(error),
      )
      // Libraries set listeners on what they get.
      return new EventEmitter()
    }
  const observedCore = withMethods(core, { query: sending('query'), execute: sending('execute') })
  // The methods of the client send through the connection that they find on it.
  return withMethods(client as object, { connection: observedCore }) as Client
}

// --- internal ---

interface Core {
  query(config: unknown, ...rest: readonly unknown[]): unknown
  execute(config: unknown, ...rest: readonly unknown[]): unknown
  /** Returns the text with the values in it, as people read it. */
  format?(sql: string, values: readonly unknown[]): string
}

/** Returns an object that is as the given one, but for some of its properties. */
function withMethods<T extends object>(of: T, others: Readonly<Record<string, unknown>>): T {
  return new Proxy(of, {
    get: (target, name, receiver) =>
      typeof name === 'string' && Object.hasOwn(others, name) ? others[name] : Reflect.get(target, name, receiver),
  })
}
