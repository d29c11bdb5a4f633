/** What code is handed while it runs, and what it may not do: go on afterwards, or leave queries that nobody waits for. */
import type { CodeBody, MigrationContext, RunSql } from './source.ts'

/** Runs a code migration. @throws what it throws, or Error where it ended while a query of its was still running */
export async function runCode(run: CodeBody['run'], context: MigrationContext): Promise<void> {
  const pending = new Map<Promise<unknown>, string>()
  let isOver = false
  let first: { text: string; error: unknown } | undefined
  const sql = ((text, params) => {
    if (isOver)
      return Promise.reject(
        new Error(`The migration has ended, and runs "${short(text)}" now: await all that it does.`),
      )
    // Where it was called is known now; once the server has answered, nobody may be waiting.
    const called = new Error()
    const running = context.sql(text, params)
    pending.set(running, text)
    const settled = () => void pending.delete(running)
    // One that nobody waits for must not end the process; what it means is told below.
    running.then(settled, (error) => {
      settled()
      first ??= { text, error }
      if (error instanceof Error) error.stack = `${error.stack}\n${called.stack?.replace(/^.*\n/, '')}`
    })
    return running
  }) as RunSql
  try {
    const result: unknown = await run({ ...context, sql })
    refuseUnrun(result)
    const [left] = pending.values()
    await Promise.allSettled(pending.keys())
    if (left !== undefined) throw new Error(`It ended while "${short(left)}" was still running: await it.`)
  } catch (error) {
    throw explained(error, first)
  } finally {
    isOver = true
  }
}

// --- internal ---

/** Refuses a result that would only run if somebody called it. */
function refuseUnrun(result: unknown): void {
  const { next } = (result ?? {}) as { next?: unknown }
  if (typeof result === 'function' || typeof next === 'function') {
    const what = typeof result === 'function' ? 'a function' : 'a generator'
    throw new Error(`It returned ${what}, which nobody calls, so what is in it did not run.`)
  }
  if (result instanceof Error) throw result
  const isText = (value: unknown) => typeof value === 'string' && value.trim() !== ''
  if (isText(result) || (Array.isArray(result) && result.length > 0 && result.every(isText))) {
    throw new Error('It returned a text, which nobody runs: await sql(text) instead.')
  }
  if (typeof (result as { [Symbol.asyncIterator]?: unknown } | null)?.[Symbol.asyncIterator] === 'function') {
    throw new Error('It returned something to iterate over, which nobody does, so what is in it may not have run.')
  }
}

/** PostgreSQL says so of every statement behind the one that failed. */
function explained(error: unknown, first: { text: string; error: unknown } | undefined): unknown {
  const { code, message } = (error ?? {}) as { code?: string; message?: string }
  if (code !== '25P02' || !first || first.error === error) return error
  const { message: why } = first.error as Error
  const said = `${message}, since "${short(first.text)}" failed: ${why}`
  return Object.assign(error as Error, { message: said })
}

function short(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 57)}…` : line
}
