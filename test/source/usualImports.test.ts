/** Packages are found where rolldown's resolver, which follows Node's rules, finds them, or the question is left to it. */
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { ResolverFactory } from 'rolldown/experimental'
import { expect, test } from 'vitest'
import { installedFile, neighbour } from '../../src/source/module/usualImports.ts'
import { folder, write } from '../support/cli.ts'

const oracle = new ResolverFactory({
  conditionNames: ['node', 'import', 'module-sync', 'default'],
  builtinModules: true,
  extensions: ['.js', '.json', '.node'],
})

const PACKAGES = join(import.meta.dirname, '..', '..', 'node_modules')

/** A folder with the packages of this project. */
function withPackages(): string {
  const here = folder({})
  symlinkSync(PACKAGES, join(here, 'node_modules'))
  return here
}

test('every package of this project', () => {
  const here = withPackages()
  const all = readdirSync(PACKAGES)
    .filter((name) => /^[@a-z]/.test(name))
    .flatMap((name) => (name.startsWith('@') ? readdirSync(join(PACKAGES, name)).map((one) => `${name}/${one}`) : name))
  const found = all.flatMap((name) => {
    const file = isBuiltin(name) ? undefined : installedFile(name, here)
    return file === undefined ? [] : [[name, file]]
  })
  expect(found).toEqual(found.map(([name = '']) => [name, oracle.sync(here, name).path]))
  expect(found.length).toBeGreaterThan(all.length / 2)
})

test.for([
  ['pg-types/lib/textParsers.js', true],
  // By a pattern.
  ['pg/lib/index.js', false],
  ['vitest/config', true],
  ['rolldown/experimental', true],
  ['pg/lib', false],
  ['rolldown/dist/index.mjs', false],
  ['no-such-package', false],
  ['#alias', false],
] as const)('%s: %s', ([specifier, isFound]) => {
  const here = withPackages()
  const file = installedFile(specifier, here)
  expect(file !== undefined).toBe(isFound)
  if (file !== undefined) expect(file).toBe(oracle.sync(here, specifier).path)
})

test.for([
  ['a tsconfig above it has paths', { 'tsconfig.json': '{ "compilerOptions": { "paths": { "a": ["./own.ts"] } } }' }],
  ['a tsconfig above it extends another', { 'tsconfig.json': '{ "extends": "./base.json" }' }],
  ['the project itself has this name', { 'package.json': '{ "name": "a", "exports": "./own.js" }' }],
  ['there is a list of targets', { 'node_modules/a/package.json': '{ "exports": ["./a.js"] }' }],
  ['the target does not exist', { 'node_modules/a/package.json': '{ "exports": "./b.js" }' }],
] as const)('no answer where %s', ([, files]) => {
  const root = folder({ 'node_modules/a/package.json': '{}', 'node_modules/a/a.js': '', 'node_modules/a/index.js': '' })
  expect(installedFile('a', join(root, 'sub'))).toBe(join(root, 'node_modules/a/index.js'))
  for (const [name, text] of Object.entries(files)) write(root, name, text)
  expect(installedFile('a', join(root, 'sub'))).toBeUndefined()
})

test('no answer for a package of the workspace, whose files are the project’s own', () => {
  const root = folder({ 'packages/a/package.json': '{}', 'packages/a/index.js': '' })
  mkdirSync(join(root, 'node_modules'))
  symlinkSync(join(root, 'packages/a'), join(root, 'node_modules/a'), 'junction')
  expect(installedFile('a', root)).toBeUndefined()
})

const project = new ResolverFactory({
  conditionNames: ['node', 'import', 'module-sync', 'default'],
  builtinModules: true,
  tsconfig: 'auto',
  extensions: ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'],
  extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mts', '.mjs'], '.cjs': ['.cts', '.cjs'] },
})

test.for([
  ['./both.js', 'both.ts'],
  ['./both.ts', 'both.ts'],
  ['./plain.js', 'plain.js'],
  ['../sub/plain.js', 'plain.js'],
  ['./data.json', 'data.json'],
  ['./typed.mjs', 'typed.mts'],
  ['./linked.ts', '../elsewhere/it.ts'],
  ['./none.ts', undefined],
  ['./both', undefined],
  ['.', undefined],
] as const)('a file of the project: %s is %s', ([specifier, name]) => {
  const files = ['both.ts', 'both.js', 'plain.js', 'data.json', 'typed.mts', 'typed.mjs', 'index.ts']
  const root = folder({ 'elsewhere/it.ts': '', ...Object.fromEntries(files.map((file) => [`sub/${file}`, ''])) })
  symlinkSync(join(root, 'elsewhere/it.ts'), join(root, 'sub/linked.ts'))
  const file = neighbour(specifier, join(root, 'sub'))
  expect(file).toBe(name && join(root, 'sub', name))
  if (name) expect(file).toBe(project.resolveFileSync(join(root, 'sub/from.ts'), specifier).path)
})

test('no answer for a file of the project where TypeScript merges folders', () => {
  const root = folder({ 'sub/a.ts': '', 'tsconfig.json': '{ "compilerOptions": { "rootDirs": ["sub", "other"] } }' })
  expect(neighbour('./a.ts', join(root, 'sub'))).toBeUndefined()
})
