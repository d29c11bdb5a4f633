/** Decides what observations count as: by the rule, the configuration, and what the project allows. Pure. */

import type { Version } from '../migrate/version.ts'
import { type Allow, covers } from './allow.ts'
import type { Finding, Observation } from './finding.ts'
import { RULES, type RuleGroup, type RuleId, type RuleLevel, SEVERITIES, type Severity } from './rules.ts'

export type RuleLevels = Readonly<Partial<Record<RuleId, RuleLevel>>>

/** Judges observations as they come. What an allow allowed is remembered, for {@link Judge.unused}. */
export class Judge {
  readonly #levels: RuleLevels
  readonly #allows: readonly Allow[]
  readonly #used = new Set<Allow>()

  constructor(levels: RuleLevels, allows: readonly Allow[]) {
    this.#levels = levels
    this.#allows = allows
  }

  /** Returns the findings, without those of rules that are off. */
  findings(observations: readonly Observation[]): Finding[] {
    return observations.flatMap((observation) => this.judge(observation) ?? [])
  }

  /** Judges one observation; undefined if its rule is off. */
  judge(observation: Observation): Finding | undefined {
    const { rule } = observation
    const level = this.#levels[rule]
    if (level === 'off') return undefined
    const { group, severity, why } = RULES[rule]
    const allow = this.#allows.find((one) => covers(one, observation))
    if (allow) this.#used.add(allow)
    return {
      why,
      ...observation,
      group,
      severity: level === undefined ? (observation.severity ?? severity) : lower(level, observation.severity),
      ...(allow && { allowed: { reason: allow.reason, at: allow.at } }),
    }
  }

  /**
   * Returns a finding for each allow that allowed nothing.
   * @param ran the groups whose checks have all run: of others nothing is known
   * @param versions the versions that were checked
   */
  unused(ran: readonly RuleGroup[], versions: ReadonlySet<Version>): Finding[] {
    return this.#allows
      .filter((allow) => !this.#used.has(allow) && allow.about === undefined && this.#levels[allow.rule] !== 'off')
      .filter(({ rule, place }) => ran.includes(RULES[rule].group) && versions.has(place.version ?? ''))
      .flatMap(({ rule, at, place }) => {
        const where = at === 'configuration' ? `allow: ${place.version}: ` : ''
        const message = `${where}"allow ${rule}" allows nothing: no such finding was made.`
        return this.judge({ rule: 'allow-unused', ...place, objects: [rule], message }) ?? []
      })
  }
}

/** Returns each finding once: several checks may meet the same one. */
export function distinct(findings: readonly Finding[]): Finding[] {
  const seen = new Map(findings.map((finding) => [keyOf(finding), finding] as const))
  return [...seen.values()]
}

/** Returns whether the finding is as severe as `threshold` and not allowed. */
export function counts({ severity, allowed }: Finding, threshold: Severity = 'error'): boolean {
  return !allowed && SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold)
}

// --- internal ---

/** A configured level, unless less than what the rule says was observed. */
function lower(level: Severity, observed: Severity | undefined): Severity {
  return observed === 'notice' ? observed : level
}

function keyOf({ rule, version, half, line, message, objects }: Observation): string {
  return JSON.stringify([rule, version, half, line, message, objects])
}
