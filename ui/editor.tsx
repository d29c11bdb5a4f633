/** Links that open a file in an editor, by the URL schemes that editors register. The reader chooses which one. */
import { signal } from '@preact/signals'

const EDITORS = [
  { name: 'VS Code', link: (path: string, line: number, column: number) => `vscode://file/${path}:${line}:${column}` },
  { name: 'Cursor', link: (path: string, line: number, column: number) => `cursor://file/${path}:${line}:${column}` },
  { name: 'Zed', link: (path: string, line: number, column: number) => `zed://file/${path}:${line}:${column}` },
  {
    name: 'JetBrains',
    link: (path: string, line: number, column: number) => `jetbrains://open?file=${path}&line=${line}&column=${column}`,
  },
] as const

const KEY = 'migratest-editor'
const chosen = signal(remembered())

interface LinkProps {
  /** An absolute path; anything else is shown as text. */
  readonly file: string
  readonly line?: number | undefined
  readonly column?: number | undefined
}

/** A link with a text of its own, such as the path as the user knows it. */
export function EditorLink({ file, line, column, text }: LinkProps & { text: string }) {
  const link = linkOf({ file, line, column })
  if (link === undefined) return <span class="path">{text}</span>
  return (
    <a class="path" href={link} title={`Open in ${editor().name}`}>
      {text}
    </a>
  )
}

export function OpenInEditor(props: LinkProps) {
  const link = linkOf(props)
  return link === undefined ? null : <a href={link}>Open in {editor().name}</a>
}

export function EditorChoice() {
  return (
    <label class="editor-choice" title="The editor that links open">
      <span class="hidden">Editor that links open</span>
      <select
        value={chosen.value}
        onChange={(event) => {
          chosen.value = Number(event.currentTarget.value)
          try {
            localStorage.setItem(KEY, String(chosen.value))
          } catch {
            // A page from a file may have no storage; the choice then lasts until it is closed.
          }
        }}
      >
        {EDITORS.map(({ name }, i) => (
          <option key={name} value={i}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

// --- internal ---

function editor() {
  return EDITORS[chosen.value] ?? EDITORS[0]
}

function linkOf({ file, line = 1, column = 1 }: LinkProps): string | undefined {
  if (!file.startsWith('/') && !/^[a-z]:/i.test(file)) return undefined
  const path = file.replaceAll('\\', '/').replace(/^\//, '').split('/').map(encodeURIComponent).join('/')
  return editor().link(path, line, column)
}

function remembered(): number {
  try {
    return Number(localStorage.getItem(KEY) ?? 0)
  } catch {
    return 0
  }
}
