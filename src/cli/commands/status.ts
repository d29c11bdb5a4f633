import type { Context } from '../context.ts'
import { isSettled, statusText } from '../render.ts'

export async function run(context: Context): Promise<number> {
  const status = await (await context.migrator()).status()
  // The server ends the session while we print. Whoever runs the command waits for that.
  void context.close()
  context.print(statusText(status), status)
  return context.options['exit-code'] && !isSettled(status) ? 1 : 0
}
