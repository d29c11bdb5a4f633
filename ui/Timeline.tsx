/** The timeline: every migration as a station, newest first, with the lanes of branches as `dag` draws them. */
import { computed, signal, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { FindingsDocument, Station } from '../src/ui/protocol.ts'
import { EditorChoice } from './editor.tsx'
import { LANE_WIDTH, Lanes, lanesOfStations } from './lanes.tsx'
import { go, linkTo, route } from './route.ts'
import { STATE_WORDS, StateIcon } from './stateMark.tsx'
import { foundByVerify, state } from './store.ts'
import { bytes, count, duration, moment } from './time.ts'

const ROW_HEIGHTS = { overview: 12, compact: 28, roomy: 44 } as const
type Zoom = keyof typeof ROW_HEIGHTS
const ZOOMS = Object.keys(ROW_HEIGHTS) as Zoom[]
const OVERSCAN = 12
/** Most lanes that get a width of their own; further ones are cut off. */
const MOST_LANES = 12

const search = signal('')
const zoom = signal<Zoom>('compact')

/** The stations that fit the search, newest first. */
const found = computed(() => {
  const all = state.value?.stations ?? []
  return all.filter((station) => fits(station, search.value)).toReversed()
})

export function Timeline() {
  const now = state.value
  const stations = found.value
  const all = now?.stations ?? []
  const chosen = route.value.view === 'migrations' ? route.value.parts[0] : undefined
  const viewport = useRef<HTMLDivElement>(null)
  const input = useRef<HTMLInputElement>(null)
  const top = useSignal(0)
  const height = useSignal(800)
  const isMeasured = useSignal(false)
  const row = ROW_HEIGHTS[zoom.value]
  const lanes = useMemo(() => lanesOfStations(stations), [stations])
  const width = Math.min(MOST_LANES, lanes.width) * LANE_WIDTH + 14

  useLayoutEffect(() => {
    const element = viewport.current
    if (!element) return
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight
      isMeasured.value = true
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const digits = useMemo(() => Math.max(0, ...stations.map(({ number }) => number.length)), [stations])
  const worst = worstByKey(foundByVerify()?.data)
  const at = stations.findIndex(({ key }) => key === chosen)
  // Shows the chosen station, unless it is in view already.
  useLayoutEffect(() => {
    const element = viewport.current
    if (!element || at === -1 || !isMeasured.value) return
    const y = at * row
    // Asking the element for its size would lay the page out first.
    const [from, high] = [top.peek(), height.peek()]
    const wanted = y < from + row ? Math.max(0, y - row * 2) : y + row * 2 > from + high ? y + row * 3 - high : from
    if (wanted !== from) element.scrollTop = wanted
  }, [chosen, zoom.value, at === -1, isMeasured.value])

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.closest('input, select, textarea') !== null
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return
      event.preventDefault()
      input.current?.focus()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])

  const choose = (index: number) => {
    const station = stations[Math.max(0, Math.min(stations.length - 1, index))]
    if (station) go(linkTo('migrations', [station.key, ...route.value.parts.slice(1)]), true)
  }
  const onKey = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height.value / row) - 1)
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at === -1 ? 0 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: stations.length - 1,
    }
    const to = moves[event.key]
    if (to === undefined) return
    event.preventDefault()
    choose(to)
  }
  const onSearchKey = (event: KeyboardEvent) => {
    if (event.key === 'Escape') search.value = ''
    if (event.key !== 'Enter') return
    const best = bestOf(stations, search.value)
    if (!best) return
    go(linkTo('migrations', [best.key]))
    viewport.current?.focus()
  }
  const first = Math.max(0, Math.floor(top.value / row) - OVERSCAN)
  const last = Math.min(stations.length, Math.ceil((top.value + height.value) / row) + OVERSCAN)

  return (
    <section class="timeline" aria-label="Migrations">
      <div class="timeline-tools">
        <input
          ref={input}
          type="search"
          placeholder="Number or name"
          aria-label="Find a migration by number or name"
          aria-keyshortcuts="/"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value
          }}
          onKeyDown={onSearchKey}
        />
        <fieldset class="segments icons">
          <legend class="hidden">Size of the rows</legend>
          {ZOOMS.map((one) => (
            <label key={one} title={`${one} rows`}>
              <input type="radio" name="zoom" checked={zoom.value === one} onChange={() => (zoom.value = one)} />
              <ZoomIcon zoom={one} />
              <span class="hidden">{one}</span>
            </label>
          ))}
        </fieldset>
      </div>
      {stations.length === 0 ? (
        <p class="empty small">
          {all.length === 0 ? 'There are no migrations in this folder yet.' : 'No migration fits the search.'}
        </p>
      ) : (
        <div
          ref={viewport}
          class={`stations ${zoom.value}`}
          role="listbox"
          tabIndex={0}
          aria-label="Migrations, newest first"
          aria-activedescendant={at === -1 ? undefined : `station-${at}`}
          onKeyDown={onKey}
          onScroll={(event) => {
            top.value = event.currentTarget.scrollTop
          }}
        >
          <div
            class="stations-all"
            role="presentation"
            style={{ height: `${stations.length * row}px`, '--digits': `${digits}ch` }}
          >
            <Lanes lanes={lanes} stations={stations} first={first} last={last} row={row} width={width} at={now?.at} />
            {stations.slice(first, last).map((station, i) => (
              <Row
                key={station.key}
                station={station}
                index={first + i}
                total={stations.length}
                top={(first + i) * row}
                left={width}
                chosen={station.key === chosen}
                current={station.key === now?.at}
                running={station.key === now?.running}
                worst={worst.get(station.key)}
                onChoose={() => {
                  go(linkTo('migrations', [station.key, ...route.value.parts.slice(1)]))
                  viewport.current?.focus({ preventScroll: true })
                }}
              />
            ))}
          </div>
        </div>
      )}
      <div class="timeline-sum">
        {sumOf(all, stations.length)}
        {now?.mode !== 'saved' && <EditorChoice />}
      </div>
    </section>
  )
}

// --- internal ---

interface RowProps {
  readonly station: Station
  readonly index: number
  readonly total: number
  readonly top: number
  readonly left: number
  readonly chosen: boolean
  readonly current: boolean
  readonly running: boolean
  /** The most severe finding of `verify`. */
  readonly worst: 'error' | 'warning' | undefined
  readonly onChoose: () => void
}

function Row({ station, index, total, top, left, chosen, current, running, worst, onChoose }: RowProps) {
  const { number, title, appliedAt, appliedBy, durationMs, bytes: size, problem } = station
  const odd = station.state !== undefined && station.state !== 'applied'
  const facts = () =>
    [
      durationMs === null ? '' : duration(durationMs),
      size === null ? '' : bytes(size),
      appliedAt === null ? 'not applied yet' : moment(appliedAt),
      appliedBy ?? '',
    ].filter(Boolean)
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list box that contains the options handles the keys
    <div
      id={`station-${index}`}
      class={`station${chosen ? ' chosen' : ''}${running ? ' running' : ''}${problem === null ? '' : ' broken'}`}
      role="option"
      tabIndex={-1}
      // The overview shows no text.
      aria-label={
        zoom.value === 'overview'
          ? [station.key, current && 'current', odd && station.state].filter(Boolean).join(', ')
          : undefined
      }
      aria-selected={chosen}
      aria-setsize={total}
      aria-posinset={index + 1}
      style={{ transform: `translateY(${top}px)`, paddingLeft: `${left}px` }}
      // Most of these texts are never seen.
      onPointerEnter={({ currentTarget }) => {
        currentTarget.title = [station.key, station.state && STATE_WORDS[station.state], ...facts()]
          .filter(Boolean)
          .join('\n')
      }}
      onClick={onChoose}
    >
      {number && <span class="station-number">{number}</span>}
      <span class="station-title">{title}</span>
      {current && <span class="tag here">current</span>}
      {running && <span class="tag">running</span>}
      {problem !== null && <span class="tag bad">cannot run</span>}
      {worst && <span class={`tag ${worst === 'error' ? 'bad' : 'late'}`}>{worst}</span>}
      {odd && <span class={`tag ${station.state}`}>{station.state}</span>}
      {zoom.value === 'roomy' && <span class="station-facts">{facts().join(' · ')}</span>}
    </div>
  )
}

function ZoomIcon({ zoom: size }: { zoom: Zoom }) {
  const gap = { overview: 3, compact: 4, roomy: 6 }[size]
  const lines = size === 'overview' ? 5 : size === 'compact' ? 4 : 3
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      {Array.from({ length: lines }, (_, i) => {
        const y = 8 + (i - (lines - 1) / 2) * gap
        return <path key={y} d={`M3 ${y}H13`} stroke="currentColor" stroke-width="1.5" />
      })}
    </svg>
  )
}

function fits({ key, state: is }: Station, text: string): boolean {
  const wanted = text.trim().toLowerCase()
  return wanted === '' || key.toLowerCase().includes(wanted) || is === wanted
}

/** The station that a number or name means most likely: the number itself, else what begins so, else the first. */
function bestOf(stations: readonly Station[], text: string): Station | undefined {
  const wanted = text.trim().toLowerCase()
  return (
    stations.find(({ number }) => number !== '' && /^\d+$/.test(wanted) && BigInt(number) === BigInt(wanted)) ??
    stations.find(({ key, title }) => key.toLowerCase() === wanted || title.toLowerCase() === wanted) ??
    stations.find(({ key, title }) => key.toLowerCase().startsWith(wanted) || title.toLowerCase().startsWith(wanted)) ??
    stations[0]
  )
}

function sumOf(all: readonly Station[], shown: number) {
  const states = (['pending', 'edited', 'late', 'missing'] as const)
    .map((state) => ({ state, many: all.filter((station) => station.state === state).length }))
    .filter(({ many }) => many > 0)
  return (
    <>
      <span>
        {shown === all.length ? count(all.length, 'migration') : `${shown} of ${count(all.length, 'migration')}`}
      </span>
      {states.map(({ state, many }) => (
        <button
          key={state}
          type="button"
          class="plain"
          onClick={() => (search.value = search.value === state ? '' : state)}
        >
          <StateIcon state={state} />
          {many} {state}
        </button>
      ))}
    </>
  )
}

function worstByKey(found: FindingsDocument | undefined): ReadonlyMap<string, 'error' | 'warning'> {
  const worst = new Map<string, 'error' | 'warning'>()
  for (const { key, severity, allowed } of found?.findings ?? []) {
    if (key === undefined || allowed || severity === 'notice') continue
    if (severity === 'error' || !worst.has(key)) worst.set(key, severity)
  }
  return worst
}
