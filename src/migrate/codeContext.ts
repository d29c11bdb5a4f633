/**
 * The context a code migration gets while it runs. It reports two mistakes: queries after the migration has ended, and
 * queries that the migration does not await.
 */
import type { CodeBody, MigrationContext, RunSql } from './source.ts'

/** Runs a code migration. @throws its own error, or an Error if it ended while one of its queries was still running */
export async function runCode(run: CodeBody['run'], context: MigrationContext): Promise<void> {
  const pending = new Map<Promise<unknown>, string>()
  let isOver = false
  let first: { text: string; error: unknown } | undefined
  const sql = ((text, params) => {
    if (isOver)
      return Promise.reject(
        new Error(`The migration ran "${short(text)}" after it had ended: await everything it does.`),
      )
    // Keep the stack of the caller: the error that the server sends later does not contain it.
    const called = new Error()
    const running = context.sql(text, params)
    pending.set(running, text)
    const settled = () => void pending.delete(running)
    // The rejection of a query that nobody awaits must not end the process; we report it below.
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

/** Throws if the code returned something that has not run yet: a function, a generator, SQL text, an iterable. */
function refuseUnrun(result: unknown): void {
  const { next } = (result ?? {}) as { next?: unknown }
  if (typeof result === 'function' || typeof next === 'function') {
    const what = typeof result === 'function' ? 'a function' : 'a generator'
    throw new Error(`It returned ${what}, which is never called, so what is in it did not run.`)
  }
  if (result instanceof Error) throw result
  const isText = (value: unknown) => typeof value === 'string' && value.trim() !== ''
  if (isText(result) || (Array.isArray(result) && result.length > 0 && result.every(isText))) {
    throw new Error('It returned a text, which is not run: await sql(text) instead.')
  }
  if (typeof (result as { [Symbol.asyncIterator]?: unknown } | null)?.[Symbol.asyncIterator] === 'function') {
    throw new Error('It returned an async iterable, which is never iterated, so what is in it may not have run.')
  }
}

/**
 * Adds the first failure to an error 25P02 ("current transaction is aborted"), which PostgreSQL reports for every
 * statement after the one that failed.
 */
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
