/** From an import to what it means: a file of the project, which we run, or a package, which Node does. */
import { isBuiltin } from 'node:module'
import { dirname, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Toolchain } from './toolchain.ts'

export type Resolved =
  /** A file that is loaded afresh with the migration. */
  | { readonly kind: 'own'; readonly path: string }
  /** What Node imports, once per process. */
  | { readonly kind: 'native'; readonly url: string }

export type Resolve = (specifier: string, from: string) => Resolved

/** Without declarations, which say what is somewhere else. */
const CODE = /(?<!\.d)\.(?:[cm]?[jt]s|json)$/
const INSTALLED = `${sep}node_modules${sep}`

export interface DiskResolver {
  /** @throws Error with the reason; the caller says in which file */
  readonly resolve: Resolve
  /** What is known of the disk may be wrong by now. */
  readonly forget: () => void
}

export function diskResolver(tools: Toolchain): DiskResolver {
  const conditions = { conditionNames: ['node', 'import', 'module-sync', 'default'], builtinModules: true }
  const packages = new tools.ResolverFactory({ ...conditions, extensions: ['.js', '.json', '.node'] })
  const project = new tools.ResolverFactory({
    ...conditions,
    tsconfig: 'auto',
    extensions: ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'],
    // As TypeScript writes them: the name of what would be built.
    extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mts', '.mjs'], '.cjs': ['.cts', '.cjs'] },
  })
  const resolve: Resolve = (specifier, from) => {
    const known = nativeResolve(specifier)
    if (known) return known
    const { path, error } = project.resolveFileSync(from, specifier)
    if (path !== undefined && !path.includes(INSTALLED) && CODE.test(path)) return { kind: 'own', path }
    // A package is found as Node finds it: what TypeScript it brings is not run.
    const asNode = packages.sync(dirname(from), specifier)
    const found = asNode.path ?? path
    if (found === undefined) throw notFound(error ?? 'it is not found')
    return { kind: 'native', url: pathToFileURL(found).href }
  }
  const forget = () => {
    project.clearCache()
    packages.clearCache()
  }
  return { resolve, forget }
}

// --- internal ---

/** With the code that code asks for where a package is optional. */
function notFound(why: string): Error {
  return Object.assign(new Error(why), { code: 'ERR_MODULE_NOT_FOUND' })
}

const OWN_ENDING = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** What is the same wherever it is imported from. */
function nativeResolve(specifier: string): Resolved | undefined {
  if (isBuiltin(specifier))
    return { kind: 'native', url: specifier.startsWith('node:') ? specifier : `node:${specifier}` }
  if (/^(?:data|node):/.test(specifier)) return { kind: 'native', url: specifier }
  // This very copy, also where the project has another or none: a run has one set of classes.
  if (specifier === 'migratest')
    return { kind: 'native', url: new URL(`../../../index${OWN_ENDING}`, import.meta.url).href }
  return undefined
}
