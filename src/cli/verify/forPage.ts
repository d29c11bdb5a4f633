/** Runs `verify` when the page asks for it. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { FindingsDocument } from '../../ui/protocol.ts'
import type { VerifyOptions } from '../../verify/verify.ts'
import { pageReport } from './pageReport.ts'
import { type RunHooks, runChecks } from './run.ts'

export async function verifyForPage(options: VerifyOptions<unknown>, hooks: RunHooks): Promise<FindingsDocument> {
  const ran = await runChecks(options, hooks)
  const { findings, ...rest } = pageReport({ ...ran, hasSizes: options.sizes !== undefined, failOn: 'error' })
  return { ...rest, findings: findings.map((finding) => ({ ...finding, path: pathOf(finding.file) })) }
}

// --- internal ---

/** Returns the absolute path of a file, with which the page opens an editor. */
function pathOf(file: string | undefined): string | undefined {
  return file !== undefined && existsSync(file) ? resolve(file) : undefined
}
