/** Begins with the files that take longest, so that no worker still has a long one when the others have nothing left. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** These take longest, in order, where vitest remembers no durations, as in a new clone. The others follow by size. */
const LONGEST = [
  'verify/rows',
  'verify/waysCorpus',
  'testing/mysql',
  'fixtures/projects',
  'faults/faults',
  'ui/page',
  'testing/seedFunctions',
  'server/keeper',
  'verify/corpus',
  'server/initializedData',
  'testing/pool',
  'snippets',
  'generate/postgres',
  'fixtures/leases',
  'database/contract',
  'database/postgres/catalogMemory',
  'testing/seedFiles',
  'testing/snapshots',
  'cli/verify',
  'generate/online',
  'formats/codeFixtures',
  'generate/mysql',
  'formats/sequelize',
  'watch/proposals',
  'verify/verify',
  'watch/watcher',
  'fixtures/database',
  'verify/live',
  'faults/mysql',
  'database/inputs.mysql',
  'verify/release',
  'database/catalog',
  'formats/mikroOrm',
  'cli/code',
  'cli/diff',
  'formats/payload',
  'watch/mysql',
  'generate/conversion',
  'cli/amend',
  'formats/fixtures',
  'formats/knex',
]

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return found === -1 ? LONGEST.length : found
    }
    return sorted.sort((a, b) => rank(a) - rank(b))
  }
}
