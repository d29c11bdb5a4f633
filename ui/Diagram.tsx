/** The schema as a diagram: tables and views as boxes, keys and views' sources as lines. */
import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { SchemaDocument } from '../src/ui/protocol.ts'
import { around, type Box, type Relations, relationsOf } from '../src/ui/relations.ts'
import { arranged } from './arranging.ts'
import type { Arranged, Point } from './layout.ts'
import { state } from './store.ts'
import { count } from './time.ts'

type Scope = 'touched' | 'ring' | 'all'

const SCOPES: readonly { readonly scope: Scope; readonly name: string }[] = [
  { scope: 'touched', name: 'Touched' },
  { scope: 'ring', name: 'Neighbours' },
  { scope: 'all', name: 'Everything' },
]

interface View {
  readonly x: number
  readonly y: number
  readonly scale: number
}

/** @param before without it, nothing counts as touched, and everything is shown */
export function Diagram({ before, after }: { before: SchemaDocument | undefined; after: SchemaDocument }) {
  const dialect = state.value?.dialect ?? 'postgres'
  const all = useMemo(() => relationsOf(after.objects, before?.objects, dialect), [before, after, dialect])
  const isAnyTouched = all.boxes.some(({ change }) => change !== undefined)
  const scope = useSignal<Scope>(isAnyTouched ? 'ring' : 'all')
  const shown = useMemo(() => (scope.value === 'all' ? all : around(all, scope.value === 'ring')), [all, scope.value])
  const withColumns = shown.boxes.length <= MOST_WITH_COLUMNS
  const places = useSignal<Placed | undefined>(undefined)
  const problem = useSignal('')
  useEffect(() => {
    let isOver = false
    const sizes = shown.boxes.map((box) => ({ id: box.name, ...sizeOf(box, withColumns) }))
    arranged(sizes, shown.lines).then(
      (found) => {
        if (!isOver) places.value = { shown, withColumns, ...found }
      },
      (error: Error) => {
        if (!isOver) problem.value = error.message
      },
    )
    return () => {
      isOver = true
    }
  }, [shown, withColumns])

  return (
    <section class="diagram" aria-label="Diagram">
      <div class="tools">
        <fieldset class="segments">
          <legend class="hidden">What the diagram shows</legend>
          {SCOPES.map((one) => (
            <label key={one.scope} class={one.scope !== 'all' && !isAnyTouched ? 'off' : undefined}>
              <input
                type="radio"
                name="scope"
                disabled={one.scope !== 'all' && !isAnyTouched}
                checked={scope.value === one.scope}
                onChange={() => {
                  scope.value = one.scope
                }}
              />
              {one.name}
            </label>
          ))}
        </fieldset>
        <span class="tools-sum">
          {count(shown.boxes.length, 'table or view', 'tables and views')}, {count(shown.lines.length, 'line')}
        </span>
      </div>
      {problem.value !== '' && <p class="empty small">{problem.value}</p>}
      {shown.boxes.length === 0 ? (
        <p class="empty">{all.boxes.length === 0 ? 'There are no tables yet.' : 'This migration touches no table.'}</p>
      ) : (
        places.value && <Canvas placed={places.value} />
      )}
      {shown.boxes.length > 0 && <AsList shown={shown} />}
    </section>
  )
}

// --- internal ---

/** With more boxes than this, only names are shown. */
const MOST_WITH_COLUMNS = 40
/** With more lines than this, they are drawn fainter. */
const DENSE = 100
const MOST_COLUMNS = 14
const LINE = 18
const HEAD = 28
const CHARACTER = 7.2
const MOST_CHARACTERS = 26

interface Placed extends Arranged {
  readonly shown: Relations
  readonly withColumns: boolean
}

function Canvas({ placed }: { placed: Placed }) {
  const frame = useRef<HTMLDivElement>(null)
  const view = useSignal<View>({ x: 0, y: 0, scale: 1 })
  const chosen = useSignal('')
  const showAll = () => {
    const box = frame.current?.getBoundingClientRect()
    if (box) view.value = fitted(placed, box.width, box.height)
  }
  const isOwn = useRef(false)
  useEffect(() => {
    isOwn.current = false
    showAll()
    // Until the reader has moved it, the diagram fits the window.
    const observer = new ResizeObserver(() => isOwn.current || showAll())
    if (frame.current) observer.observe(frame.current)
    return () => observer.disconnect()
  }, [placed])
  useEffect(() => {
    const element = frame.current
    if (!element) return
    const onWheel = (event: WheelEvent) => {
      event.preventDefault()
      isOwn.current = true
      if (!event.ctrlKey && !event.metaKey) return move(view, -event.deltaX, -event.deltaY)
      const { left, top } = element.getBoundingClientRect()
      zoom(view, Math.exp(-event.deltaY / 300), { x: event.clientX - left, y: event.clientY - top })
    }
    element.addEventListener('wheel', onWheel, { passive: false })
    return () => element.removeEventListener('wheel', onWheel)
  }, [])
  const middle = () => {
    const { width = 0, height = 0 } = frame.current?.getBoundingClientRect() ?? {}
    return { x: width / 2, y: height / 2 }
  }
  const step = (factor: number) => {
    isOwn.current = true
    zoom(view, factor, middle())
  }
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => move(view, 60, 0),
    ArrowRight: () => move(view, -60, 0),
    ArrowUp: () => move(view, 0, 60),
    ArrowDown: () => move(view, 0, -60),
    '+': () => zoom(view, 1.25, middle()),
    '-': () => zoom(view, 0.8, middle()),
    '0': showAll,
  }
  const { x, y, scale } = view.value
  const near = chosen.value === '' ? undefined : neighboursOf(placed.shown, chosen.value)
  return (
    <div class="canvas-frame">
      <div
        ref={frame}
        class="canvas"
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the diagram
        tabIndex={0}
        aria-label="Diagram of tables. Arrow keys move it, plus and minus change its size, zero shows all. The list below has the same content."
        onKeyDown={(event) => {
          const act = event.ctrlKey || event.metaKey ? undefined : keys[event.key]
          if (!act) return
          event.preventDefault()
          isOwn.current = event.key !== '0'
          act()
        }}
        onPointerDown={(event) => {
          if (event.button !== 0) return
          const from = { x: event.clientX, y: event.clientY }
          const start = view.value
          const target = event.currentTarget
          const onMove = (to: PointerEvent) => {
            const [dx, dy] = [to.clientX - from.x, to.clientY - from.y]
            if (!target.hasPointerCapture(event.pointerId)) {
              if (Math.hypot(dx, dy) < 4) return
              target.setPointerCapture(event.pointerId)
            }
            isOwn.current = true
            view.value = { ...start, x: start.x + dx, y: start.y + dy }
          }
          const onUp = () => {
            target.removeEventListener('pointermove', onMove)
            target.removeEventListener('pointerup', onUp)
            target.removeEventListener('pointercancel', onUp)
          }
          target.addEventListener('pointermove', onMove)
          target.addEventListener('pointerup', onUp)
          target.addEventListener('pointercancel', onUp)
        }}
      >
        <svg width="100%" height="100%" aria-hidden="true">
          <defs>
            <marker id="end" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="7" markerHeight="7" orient="auto">
              <circle class="link-end" cx="4" cy="4" r="3" />
            </marker>
          </defs>
          <g
            class={placed.shown.lines.length > DENSE ? 'dense' : undefined}
            transform={`translate(${x} ${y}) scale(${scale})`}
          >
            <Drawing
              placed={placed}
              chosen={chosen.value}
              near={near}
              onChoose={(name) => {
                chosen.value = chosen.value === name ? '' : name
              }}
            />
          </g>
        </svg>
      </div>
      <div class="canvas-tools">
        <button type="button" onClick={() => step(0.8)} aria-label="Smaller">
          −
        </button>
        <button type="button" onClick={() => step(1.25)} aria-label="Larger">
          +
        </button>
        <button type="button" onClick={showAll}>
          Fit
        </button>
      </div>
    </div>
  )
}

interface DrawingProps {
  readonly placed: Placed
  readonly chosen: string
  readonly near: ReadonlySet<string> | undefined
  readonly onChoose: (name: string) => void
}

function Drawing({ placed, chosen, near, onChoose }: DrawingProps) {
  const { shown, places, ways, withColumns } = placed
  return (
    <>
      {shown.lines.map(({ from, to, kind, columns }, i) => (
        <path
          key={`${from} ${to} ${kind} ${columns.join()}`}
          class={`link ${kind}${near ? (from === chosen || to === chosen ? ' near' : ' far') : ''}`}
          d={wayOf(ways[i] ?? [])}
          marker-start="url(#end)"
        >
          <title>{kind === 'key' ? `${from} (${columns.join(', ')}) → ${to}` : `${from} reads ${to}`}</title>
        </path>
      ))}
      {shown.boxes.map((box) => {
        const at = places[box.name]
        return (
          at && (
            <BoxView
              key={box.name}
              box={box}
              at={at}
              withColumns={withColumns}
              far={near?.has(box.name) === false}
              chosen={chosen === box.name}
              onChoose={onChoose}
            />
          )
        )
      })}
    </>
  )
}

interface BoxProps {
  readonly box: Box
  readonly at: Point
  readonly withColumns: boolean
  readonly far: boolean
  readonly chosen: boolean
  readonly onChoose: (name: string) => void
}

function BoxView({ box, at, withColumns, far, chosen, onChoose }: BoxProps) {
  const { width, height } = sizeOf(box, withColumns)
  const columns = withColumns ? box.columns.slice(0, MOST_COLUMNS) : []
  const more = box.columns.length - columns.length
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: choosing a box by pointer only highlights it; the list has all content
    <g
      class={`box ${box.kind} ${box.change ?? ''}${far ? ' far' : ''}${chosen ? ' chosen' : ''}`}
      transform={`translate(${at.x} ${at.y})`}
      onClick={() => onChoose(box.name)}
    >
      <title>{box.change ? `${box.name}: ${box.change}` : box.name}</title>
      <rect class="box-back" width={width} height={height} rx="6" />
      {columns.length > 0 && <path class="box-rule" d={`M0 ${HEAD}H${width}`} />}
      <text class="box-name" x="10" y={HEAD / 2 + 4}>
        {cut(box.name)}
      </text>
      {box.change && (
        <text class="box-change" x={width - 10} y={HEAD / 2 + 4} text-anchor="end">
          {{ added: '+', removed: '−', changed: '~' }[box.change]}
        </text>
      )}
      {columns.map((column, i) => {
        const y = HEAD + LINE * i + 14
        return (
          <g key={column.name}>
            {column.key && (
              <path
                class={`box-key ${column.key}`}
                d={column.key === 'primary' ? `M10 ${y - 8}h6v6h-6z` : `M10 ${y - 5}l3 -3l3 3l-3 3z`}
              />
            )}
            <text class="box-column" x="22" y={y}>
              {cut(column.name)}
            </text>
            <text class="box-type" x={width - 10} y={y} text-anchor="end">
              {cut(column.type, 14)}
            </text>
          </g>
        )
      })}
      {withColumns && more > 0 && (
        <text class="box-type" x="22" y={HEAD + LINE * columns.length + 14}>
          {more} more
        </text>
      )}
    </g>
  )
}

/** The same content as text. */
function AsList({ shown }: { shown: Relations }) {
  return (
    <details class="as-list">
      <summary>As a list</summary>
      <ul>
        {shown.boxes.map(({ name, kind, change }) => (
          <li key={name}>
            <strong>{name}</strong> {kind === 'view' && '(view)'}{' '}
            {change && <span class={`tag ${change}`}>{change}</span>}
            {shown.lines
              .filter(({ from }) => from === name)
              .map((line) => (
                <span key={`${line.to} ${line.columns.join()}`} class="as-list-line">
                  {line.kind === 'key' ? `${line.columns.join(', ')} → ${line.to}` : `reads ${line.to}`}
                </span>
              ))}
          </li>
        ))}
      </ul>
    </details>
  )
}

function sizeOf({ name, columns }: Box, withColumns: boolean): { width: number; height: number } {
  const shown = withColumns ? columns.slice(0, MOST_COLUMNS) : []
  const longest = Math.max(
    cut(name).length + 3,
    ...shown.map((column) => cut(column.name).length + cut(column.type, 14).length + 3),
  )
  const lines = shown.length + (withColumns && columns.length > shown.length ? 1 : 0)
  return {
    width: Math.max(96, Math.round(longest * CHARACTER + 28)),
    height: HEAD + (lines > 0 ? lines * LINE + 8 : 0),
  }
}

function cut(text: string, most = MOST_CHARACTERS): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

/** A smooth line through the points. */
function wayOf(points: readonly Point[]): string {
  const [first, ...rest] = points
  const last = rest.at(-1)
  if (!first || !last) return ''
  let path = `M${first.x} ${first.y}`
  for (let i = 0; i < rest.length - 1; i++) {
    const [at, next] = [rest[i] as Point, rest[i + 1] as Point]
    path += `Q${at.x} ${at.y} ${(at.x + next.x) / 2} ${(at.y + next.y) / 2}`
  }
  return `${path}L${last.x} ${last.y}`
}

function neighboursOf({ lines }: Relations, name: string): ReadonlySet<string> {
  const near = new Set([name])
  for (const { from, to } of lines) {
    if (from === name) near.add(to)
    if (to === name) near.add(from)
  }
  return near
}

function fitted({ width, height }: Arranged, frameWidth: number, frameHeight: number): View {
  const margin = 24
  const scale = Math.min(
    1,
    (frameWidth - margin * 2) / Math.max(1, width),
    (frameHeight - margin * 2) / Math.max(1, height),
  )
  return { scale, x: (frameWidth - width * scale) / 2, y: (frameHeight - height * scale) / 2 }
}

function move(view: Signal<View>, dx: number, dy: number): void {
  view.value = { ...view.value, x: view.value.x + dx, y: view.value.y + dy }
}

function zoom(view: Signal<View>, factor: number, { x, y }: Point): void {
  const scale = Math.min(3, Math.max(0.05, view.value.scale * factor))
  const by = scale / view.value.scale
  view.value = { scale, x: x - (x - view.value.x) * by, y: y - (y - view.value.y) * by }
}
