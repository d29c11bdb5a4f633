/** Resolves an import: to a file of the project, which we run, or to a package, which Node runs. */
import { existsSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { dirname, extname, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { hasTools, toolchain, tools } from './toolchain.ts'
import { installedFile, neighbour } from './usualImports.ts'

export type Resolved =
  /** A file that is loaded again for each migration. */
  | { readonly kind: 'own'; readonly path: string }
  /** A module that Node imports, once per process. */
  | { readonly kind: 'native'; readonly url: string }

export type Resolve = (specifier: string, from: string) => Resolved

/** Names of code files. Declaration files are excluded, since they describe code in another file. */
const CODE = /(?<!\.d)\.(?:[cm]?[jt]s|json)$/
const INSTALLED = `${sep}node_modules${sep}`

/** A specifier that names a package, and not a file or an alias such as `~/a`, `@/a` or `#a`. */
const BARE = /^(?:@[\w-]+\/)?[\w-]/

export interface DiskResolver {
  /** Loads what `resolve` needs for an import. @throws NotInstalledError, NotLoadedError */
  readonly prepare: (specifier: string, from: string) => Promise<void>
  /** Resolves an import. @throws Error with the reason; the caller adds the file's name */
  readonly resolve: Resolve
  /** Resolves what CommonJS code requires, as Node does. @throws Error with the reason */
  readonly resolveRequired: Resolve
  /** Forgets what is known about the disk, which may be outdated. */
  readonly forget: () => void
}

export function diskResolver(): DiskResolver {
  let factories: Factories | undefined
  const meanings = new Map<string, Resolved>()
  const resolve: Resolve = (specifier, from) => {
    const key = `${from}\0${specifier}`
    const known = meanings.get(key)
    if (known) return known
    // A package is the same for all files of a folder, and asking for it takes longer than all else that loads a file.
    const packageKey = BARE.test(specifier) ? `${dirname(from)}\0${extname(from)}\0${specifier}` : undefined
    const same = packageKey === undefined ? undefined : meanings.get(packageKey)
    const meant = same ?? nativeResolve(specifier) ?? usual(specifier, from) ?? onDisk(specifier, from)
    meanings.set(key, meant)
    if (packageKey !== undefined && meant.kind === 'native') meanings.set(packageKey, meant)
    return meant
  }
  const onDisk: Resolve = (specifier, from) => {
    factories ??= makeFactories()
    const { project, packages } = factories
    const { path, error } = project.resolveFileSync(from, specifier)
    if (path !== undefined && !path.includes(INSTALLED) && CODE.test(path)) return { kind: 'own', path }
    // Resolve a package as Node does. TypeScript files in a package are not run.
    const asNode = packages.sync(dirname(from), specifier)
    const found = asNode.path ?? path
    if (found === undefined) throw notFound(error ?? 'it is not found')
    return { kind: 'native', url: pathToFileURL(found).href }
  }
  const prepare = async (specifier: string, from: string) => {
    if (hasTools()) return
    try {
      resolve(specifier, from)
    } catch {
      await toolchain()
    }
  }
  const forget = () => {
    meanings.clear()
    factories?.project.clearCache()
    factories?.packages.clearCache()
  }
  return { prepare, resolve, resolveRequired, forget }
}

// --- internal ---

type Factories = ReturnType<typeof makeFactories>

function makeFactories() {
  const { ResolverFactory } = tools()
  const conditions = { conditionNames: ['node', 'import', 'module-sync', 'default'], builtinModules: true }
  const packages = new ResolverFactory({ ...conditions, extensions: ['.js', '.json', '.node'] })
  const project = new ResolverFactory({
    ...conditions,
    tsconfig: 'auto',
    extensions: ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'],
    // TypeScript code imports a file by the name that the build would give it.
    extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mts', '.mjs'], '.cjs': ['.cts', '.cjs'] },
  })
  return { packages, project }
}

function resolveRequired(specifier: string, from: string): Resolved {
  const native = nativeResolve(specifier)
  if (native) return native
  const path = createRequire(from).resolve(specifier)
  return !path.includes(INSTALLED) && CODE.test(path)
    ? { kind: 'own', path }
    : { kind: 'native', url: pathToFileURL(path).href }
}

function usual(specifier: string, from: string): Resolved | undefined {
  const own = neighbour(specifier, dirname(from))
  if (own !== undefined) return { kind: 'own', path: own }
  const file = BARE.test(specifier) ? installedFile(specifier, dirname(from)) : undefined
  return file === undefined ? undefined : { kind: 'native', url: pathToFileURL(file).href }
}

/** Returns an error with the code that callers check for when a package is optional. */
function notFound(why: string): Error {
  return Object.assign(new Error(why), { code: 'ERR_MODULE_NOT_FOUND' })
}

/** Our own root entry. In the package it is beside this code, which runs in a file of many modules. */
const OWN_INDEX = ownIndex()

/** Resolves imports that mean the same in every file. */
function nativeResolve(specifier: string): Resolved | undefined {
  if (isBuiltin(specifier))
    return { kind: 'native', url: specifier.startsWith('node:') ? specifier : `node:${specifier}` }
  if (/^(?:data|node):/.test(specifier)) return { kind: 'native', url: specifier }
  // Always this copy of the package, even if the project has another or none, so that a run has a single set of
  // classes.
  if (specifier === 'migratest') return { kind: 'native', url: OWN_INDEX.href }
  return undefined
}

function ownIndex(): URL {
  const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  const beside = new URL(`./index${ending}`, import.meta.url)
  return existsSync(beside) ? beside : new URL(`../../../index${ending}`, import.meta.url)
}
