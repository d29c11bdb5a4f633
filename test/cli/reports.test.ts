/** Reports for other programs: each is what its format says it is, whatever names and texts are in it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import Ajv from 'ajv-draft-04'
import formats from 'ajv-formats'
import { SaxesParser } from 'saxes'
import { expect, test } from 'vitest'
import { annotations, jobSummary } from '../../src/cli/verify/github.ts'
import { junit } from '../../src/cli/verify/junit.ts'
import { collected, type Report } from '../../src/cli/verify/report.ts'
import { sarif } from '../../src/cli/verify/sarif.ts'
import type { Finding } from '../../src/verify/finding.ts'
import { RULES, type RuleId } from '../../src/verify/rules.ts'

const HOSTILE = `"quoted" & 'single' <script>alert(1)</script> ]]> 100 % 😀 \u0007 \ud800 a:b,c\r\n::error::x`

/** A finding of each rule, with as much in it as a finding can have. */
const FINDINGS: readonly Finding[] = (Object.keys(RULES) as RuleId[]).map((rule, n) => ({
  rule,
  group: RULES[rule].group,
  severity: RULES[rule].severity,
  why: RULES[rule].why,
  version: n % 2 === 0 ? n : `2024_${HOSTILE}`,
  half: 'up',
  file: `migrations/${HOSTILE.replaceAll('/', '')}/${n}_ü #1.up.sql`,
  line: n + 1,
  column: 1,
  endLine: n + 2,
  statement: `select '${HOSTILE}'`,
  objects: [HOSTILE],
  message: HOSTILE,
  fix: { text: HOSTILE, sql: `-- ${HOSTILE}\n\`\`\`` },
  evidence: { diff: `- ${HOSTILE}`, queries: HOSTILE, output: HOSTILE },
  ...(n % 3 === 0 && { allowed: { reason: HOSTILE, at: n % 2 === 0 ? 'configuration' : 'file:1' } }),
}))

const REPORT: Report = {
  migrations: [{ version: 0, label: `0_${HOSTILE}` }],
  checks: [
    {
      id: 'a',
      group: 'schema',
      name: HOSTILE,
      version: undefined,
      ms: 1,
      ok: false,
      findings: FINDINGS,
      remark: HOSTILE,
      notRun: undefined,
      error: new Error(HOSTILE),
    },
    {
      id: 'b',
      group: 'rows',
      name: 'b',
      version: 0,
      ms: 1,
      ok: false,
      findings: [],
      remark: undefined,
      notRun: HOSTILE,
      error: new Error(HOSTILE),
    },
  ],
  planned: 2,
  findings: collected(
    [],
    [...FINDINGS, { ...(FINDINGS[0] as Finding), file: undefined, line: undefined, message: 'about all' }],
  ),
  effects: [],
  matrix: { versions: [], rows: [] },
  hasSizes: false,
  failOn: 'error',
  ms: 12.3,
}

const EMPTY: Report = { ...REPORT, checks: [], findings: [], planned: 0 }

test('SARIF is valid by the schema of SARIF 2.1.0', () => {
  const require = createRequire(import.meta.url)
  const schema = readFileSync(require.resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'), 'utf8')
  const ajv = new Ajv.default({ strict: false, allErrors: true, unicodeRegExp: false })
  formats.default(ajv as never)
  const validate = ajv.compile(JSON.parse(schema))
  for (const report of [REPORT, EMPTY]) {
    const log = JSON.parse(JSON.stringify(sarif(report, '1.2.3')))
    validate(log)
    expect(validate.errors).toBeNull()
    expect(log.runs[0].results).toHaveLength(report.findings.length)
  }
  // The schema would notice a level that there is not.
  const wrong = JSON.parse(JSON.stringify(sarif(REPORT, '1.2.3')))
  wrong.runs[0].results[0].level = 'notice'
  expect(validate(wrong)).toBe(false)
})

test('each result of SARIF refers to its rule, and what is allowed is suppressed with its reason', () => {
  const [run] = (JSON.parse(JSON.stringify(sarif(REPORT, '1.2.3'))) as { runs: Record<string, never>[] }).runs
  const { tool, results } = run as unknown as {
    tool: { driver: { rules: { id: string }[] } }
    results: { ruleId: string; ruleIndex: number; suppressions?: { kind: string; justification: string }[] }[]
  }
  for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex]?.id).toBe(ruleId)
  const suppressed = results.flatMap(({ suppressions = [] }) => suppressions)
  expect(suppressed.length).toBe(REPORT.findings.filter(({ allowed }) => allowed).length)
  expect(new Set(suppressed.map(({ kind }) => kind))).toEqual(new Set(['external', 'inSource']))
})

test('JUnit is well-formed XML, and says what it was told', () => {
  const read = parsed(junit(REPORT))
  expect(read.names).toEqual([HOSTILE, 'b'].map(asXmlKeepsIt))
  expect(read.failures).toBe(FINDINGS.filter(({ allowed, severity }) => !allowed && severity === 'error').length)
  expect(read.counts).toEqual({ tests: '2', failures: '1', errors: '1' })
  expect(parsed(junit(EMPTY)).names).toEqual([])
})

test('an annotation is one line, and nothing in it begins another command', () => {
  const lines = annotations(REPORT)
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) {
    expect(line).toMatch(/^::(error|warning|notice) file=[^:,]+,line=\d+,endLine=\d+,col=1,title=[\w-]+::/)
    expect(line).not.toMatch(/[\r\n]/)
    expect(line).toContain('100 %25')
  }
  for (const severity of ['error', 'warning', 'notice']) {
    expect(lines.filter((line) => line.startsWith(`::${severity} `)).length).toBeLessThanOrEqual(10)
  }
})

test('the summary of a job makes no HTML of names, and no text ends its code block', () => {
  const summary = jobSummary(REPORT)
  const outside = summary.replace(/^(`{3,})\w*\n[\s\S]*?\n\1$/gm, '').replace(/`[^`\n]*`/g, '')
  expect(outside).not.toMatch(/(?<!\\)<(?!br>|\/?details>|\/?summary>)/)
  expect(outside).not.toContain('alert(1)</')
})

/** XML knows no control characters, and a lone half of a character is none. */
function asXmlKeepsIt(text: string): string {
  return text
    .replace('\u0007', '')
    .toWellFormed()
    .replace(/[\r\n]+/g, ' ')
    .replace(/ +/g, ' ')
}

function parsed(xml: string) {
  const names: string[] = []
  let failures = 0
  let counts = {}
  const parser = new SaxesParser({ xmlns: false })
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name, attributes }) => {
    if (name === 'testcase') names.push(String(attributes.name).replace(/ +/g, ' '))
    if (name === 'failure') failures++
    if (name === 'testsuites') {
      const { tests, failures: failed, errors } = attributes
      counts = { tests, failures: failed, errors }
    }
  })
  parser.write(xml).close()
  return { names, failures, counts }
}
