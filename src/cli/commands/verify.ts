import type { Version } from '../../migrate/version.ts'
import { verification } from '../../verify/verify.ts'
import type { Context } from '../context.ts'
import { checkLine, plural, time } from '../render.ts'

/** Runs all checks and returns 1 if any of them failed. */
export async function run(context: Context): Promise<number> {
  const { irreversible, base: configured, outOfOrder } = context.config
  const base = context.options.base ?? configured
  const begun = performance.now()
  const server = await context.testServer()
  context.busy('waiting for a test server')
  // Wait for the server here, so that its start does not count as part of the first check.
  await (await server.create()).drop()
  const { migrations, checks, dispose } = await verification({
    server,
    migrations: context.migrations,
    ...(irreversible && { irreversible }),
    ...(base !== undefined && { base }),
    ...(outOfOrder && { outOfOrder }),
  })
  const results: { name: string; version: Version | undefined; ok: boolean; ms: number; text: string | undefined }[] =
    []
  let stop = false
  const stopSoon = () => {
    stop = true
  }
  // An interrupted check leaves a database behind. The next process that uses the server removes it.
  context.endOnSignal('after the running check', stopSoon, (code) => process.exit(code))
  try {
    for (const { name, version, run: check } of checks) {
      if (stop) break
      const since = performance.now()
      context.busy(name)
      const result = await check().then(
        (text) => ({ ok: true, text }),
        (error: Error) => ({ ok: false, text: error.message }),
      )
      const ms = Math.round(performance.now() - since)
      results.push({ name, version, ...result, ms })
      context.printLine(checkLine(name, result, ms))
    }
  } finally {
    await dispose()
  }
  const findings = results.filter(({ ok }) => !ok).length
  const found = findings === 0 ? 'nothing found' : plural(findings, 'finding')
  const done = stop ? `stopped after ${results.length} of ${checks.length} checks` : plural(results.length, 'check')
  const ms = performance.now() - begun
  context.print(`${plural(migrations, 'migration')}, ${done}, ${found}, in ${time(ms)}.`, {
    migrations,
    findings,
    checks: results,
  })
  return findings === 0 ? 0 : 1
}
