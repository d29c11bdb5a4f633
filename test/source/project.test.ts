/** The folders that the configuration files of tools for code name. */
import { expect, test } from 'vitest'
import { findProjectFolder } from '../../src/source/project.ts'
import { folder } from '../support/cli.ts'

test.each<[file: string, text: string, path: string | undefined, because?: string]>([
  ['knexfile.js', "module.exports = { migrations: { directory: './a/b' } }", 'a/b', 'named in knexfile.js'],
  [
    'knexfile.ts',
    "export default { development: { pool: { min: 2 }, migrations: {\n tableName: 'x',\n directory: path.join(__dirname, 'a/b'),\n} } }",
    'a/b',
  ],
  ['knexfile.js', "module.exports = { migrations: { directory: __dirname + '/a/b' } }", 'a/b'],
  ['knexfile.js', "module.exports = { client: 'pg' }", 'migrations', 'usual with knexfile.js'],
  // The parts of a path that code puts together are not read.
  ['knexfile.js', "module.exports = { migrations: { directory: path.join(__dirname, 'a', 'b') } }", undefined],
  ['kysely.config.ts', "defineConfig({ migrations: { migrationFolder: 'a/b' } })", 'a/b', 'named in kysely.config.ts'],
  ['kysely.config.ts', 'defineConfig({ dialect })', 'migrations', 'usual with kysely.config.ts'],
  ['kysely.config.ts', 'defineConfig({ migrations: { provider: mine } })', undefined],
  [
    'package.json',
    '{ "scripts": { "up": "node-pg-migrate up -j ts -m a/b" }, "devDependencies": { "node-pg-migrate": "^9" } }',
    'a/b',
    'named in package.json',
  ],
  ['package.json', '{ "devDependencies": { "node-pg-migrate": "^9" } }', 'migrations', 'usual with node-pg-migrate'],
])('%s with %s names %s', (file, text, path, because) => {
  const project = folder({ [file]: text, 'a/b/1_x.ts': '', 'migrations/1_x.ts': '' })
  const found = findProjectFolder(project)
  expect(found?.path.replace(/\/$/, '')).toBe(path)
  if (because !== undefined) expect(found?.because).toBe(because)
})
