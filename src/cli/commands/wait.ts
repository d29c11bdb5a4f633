import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from '../../database/open.ts'
import { type Context, parseSeconds } from '../context.ts'
import { time } from '../render.ts'

const PAUSE_MS = 100

/** Codes of errors that waiting does not fix. */
const FINAL = ['MIGRATEST_USAGE', 'MIGRATEST_NOT_INSTALLED']

/** Waits until the database answers a query; an open port is not enough. */
export async function run(context: Context): Promise<number> {
  const timeout = parseSeconds('--timeout', context.options.timeout ?? '60')
  const { url } = context
  const begun = performance.now()
  const options = await context.openOptions()
  context.busy('waiting for the database')
  for (;;) {
    try {
      const driver = await openDatabase(url, options)
      const { database } = driver
      await driver.close()
      const ms = Math.round(performance.now() - begun)
      context.print(`${database} answered after ${time(ms)}.`, { database, ms })
      return 0
    } catch (error) {
      const { code = '' } = error as { code?: string }
      const left = timeout - (performance.now() - begun)
      if (FINAL.includes(code) || left <= 0) throw error
      await sleep(Math.min(PAUSE_MS, left))
    }
  }
}
