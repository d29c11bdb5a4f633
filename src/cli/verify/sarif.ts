/** The report as SARIF 2.1.0, which code scanning reads. https://docs.oasis-open.org/sarif/sarif/v2.1.0/ */
import { createHash } from 'node:crypto'
import type { Finding } from '../../verify/finding.ts'
import { docsOf, RULES, type RuleId, type Severity } from '../../verify/rules.ts'
import type { Report } from './report.ts'

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json'
const HOME = 'https://www.npmjs.com/package/migratest'

/** @param version the version of migratest */
export function sarif(report: Report, version: string): object {
  const ids = Object.keys(RULES) as RuleId[]
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'migratest', version, informationUri: HOME, rules: ids.map(ruleOf) },
        },
        columnKind: 'utf16CodeUnits',
        invocations: [{ executionSuccessful: report.checks.every(({ notRun, ok }) => notRun === undefined || ok) }],
        results: report.findings.map((finding) => resultOf(finding, ids.indexOf(finding.rule))),
      },
    ],
  }
}

// --- internal ---

const LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', notice: 'note' }

function ruleOf(id: RuleId): object {
  const { summary, why, instead, severity, group } = RULES[id]
  return {
    id,
    shortDescription: { text: `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.` },
    fullDescription: { text: why },
    help: { text: `${why}\n\n${instead}` },
    helpUri: `${HOME}?activeTab=code&file=${docsOf(id)}`,
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { tags: [group] },
  }
}

function resultOf(finding: Finding, ruleIndex: number): object {
  const { rule, severity, message, fix, allowed, file } = finding
  const text = [message, fix?.text, fix?.sql].filter(Boolean).join('\n\n')
  return {
    ruleId: rule,
    ruleIndex,
    level: LEVELS[severity],
    message: { text },
    ...(file !== undefined && { locations: [locationOf(finding, file)] }),
    partialFingerprints: { 'migratest/v1': fingerprintOf(finding) },
    ...(allowed && {
      suppressions: [{ kind: allowed.at === 'configuration' ? 'external' : 'inSource', justification: allowed.reason }],
    }),
  }
}

function locationOf({ line, column, endLine, statement }: Finding, file: string): object {
  const region = {
    startLine: line ?? 1,
    ...(column !== undefined && { startColumn: column }),
    ...(endLine !== undefined && endLine >= (line ?? 1) && { endLine }),
    ...(statement !== undefined && { snippet: { text: statement } }),
  }
  return { physicalLocation: { artifactLocation: { uri: uriOf(file) }, region } }
}

function uriOf(file: string): string {
  return file.toWellFormed().replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/')
}

/** The same finding has the same fingerprint in another run, though lines were added above it. */
function fingerprintOf({ rule, version, half, objects }: Finding): string {
  return createHash('sha256')
    .update(JSON.stringify([rule, version, half, objects]))
    .digest('hex')
    .slice(0, 32)
}
