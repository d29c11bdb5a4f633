import { UsageError } from '../migrate/errors.ts'
import type { Context } from './context.ts'

/** @throws UsageError for a command that changes files in a way that the folder's own tool does not know */
export async function refuseOtherTools(context: Context, command: string): Promise<void> {
  const { format, name } = await context.source()
  if (!format) return
  throw new UsageError(
    `${name} is a folder of ${format.tool}: "migratest ${command}" would change it in a way that ${format.tool} does not understand.`,
    {
      hint: `It works on folders with files like 0001_create_users.up.sql. ${format.tool} keeps a list or checksums of its migrations.`,
    },
  )
}
