/** Arranges the boxes of a diagram. Pure; it runs in a worker, since hundreds of boxes take a moment. */
import { graphlib, layout } from '@dagrejs/dagre'

export interface Size {
  readonly id: string
  readonly width: number
  readonly height: number
}

export interface Link {
  readonly from: string
  readonly to: string
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Arranged {
  /** The upper left corner of each box, by its id. */
  readonly places: Readonly<Record<string, Point>>
  /** The way of each link, in the order of the links. */
  readonly ways: readonly (readonly Point[])[]
  readonly width: number
  readonly height: number
}

/** @param links may contain several between the same boxes, and from a box to itself */
export function arrange(sizes: readonly Size[], links: readonly Link[]): Arranged {
  const parts = componentsOf(sizes, links).map((part) => arrangeConnected(part))
  const places: Record<string, Point> = {}
  const ways = new Map<Link, readonly Point[]>()
  const { offsets, width, height } = pack(parts)
  for (const [i, part] of parts.entries()) {
    const { x, y } = offsets[i] ?? { x: 0, y: 0 }
    for (const [id, at] of part.places) places[id] = { x: at.x + x, y: at.y + y }
    for (const [link, points] of part.ways)
      ways.set(
        link,
        points.map((at) => ({ x: at.x + x, y: at.y + y })),
      )
  }
  return { places, ways: links.map((link) => ways.get(link) ?? []), width, height }
}

// --- internal ---

const GAP = 48
const ROW_GAP = 20
const COLUMN_GAP = 32
const RANK_GAP = 96

interface Part {
  readonly sizes: readonly Size[]
  readonly links: readonly Link[]
}

interface ArrangedPart {
  readonly places: ReadonlyMap<string, Point>
  readonly ways: ReadonlyMap<Link, readonly Point[]>
  readonly width: number
  readonly height: number
}

/** Boxes that lines connect belong together; each group is arranged on its own, which is quicker and easier to read. */
function componentsOf(sizes: readonly Size[], links: readonly Link[]): Part[] {
  const group = new Map(sizes.map(({ id }) => [id, id]))
  const find = (id: string): string => {
    let at = id
    while (group.get(at) !== at) at = group.get(at) ?? at
    group.set(id, at)
    return at
  }
  for (const { from, to } of links) group.set(find(from), find(to))
  const parts = new Map<string, { sizes: Size[]; links: Link[] }>()
  for (const size of sizes) {
    const key = find(size.id)
    const part = parts.get(key) ?? { sizes: [], links: [] }
    part.sizes.push(size)
    parts.set(key, part)
  }
  for (const link of links) parts.get(find(link.from))?.links.push(link)
  return [...parts.values()]
}

function arrangeConnected({ sizes, links }: Part): ArrangedPart {
  const [only, second] = sizes
  if (only && !second && links.length === 0) {
    return { places: new Map([[only.id, { x: 0, y: 0 }]]), ways: new Map(), width: only.width, height: only.height }
  }
  const graph = new graphlib.Graph({ multigraph: true })
  graph.setGraph({
    rankdir: 'LR',
    nodesep: 24,
    ranksep: 72,
    edgesep: 12,
    ranker: sizes.length > 60 ? 'longest-path' : 'network-simplex',
  })
  for (const { id, width, height } of sizes) graph.setNode(id, { width, height })
  // The referenced table stands on the left, where reading begins.
  for (const [i, { from, to }] of links.entries()) graph.setEdge(to, from, {}, String(i))
  layout(graph)
  const places = new Map(
    sizes.map(({ id, width, height }) => {
      const { x = 0, y = 0 } = graph.node(id) as Partial<Point>
      return [id, { x: x - width / 2, y: y - height / 2 }]
    }),
  )
  const ways = new Map(
    links.map(({ from, to }, i) => [
      links[i] as Link,
      ((graph.edge(to, from, String(i)) as { points?: Point[] } | undefined)?.points ?? []).map(({ x, y }) => ({
        x,
        y,
      })),
    ]),
  )
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number }
  const area = sizes.reduce((sum, box) => sum + (box.width + COLUMN_GAP) * (box.height + ROW_GAP), 0)
  const most = Math.max(1200, Math.sqrt(area * 0.9))
  return height > most * 1.3 ? wrapped({ sizes, links }, places, most) : { places, ways, width, height }
}

/**
 * Breaks columns that are too long into several. Where many tables refer to a few, they would otherwise stand in one
 * column that is far too high for any screen.
 */
function wrapped({ sizes, links }: Part, places: ReadonlyMap<string, Point>, most: number): ArrangedPart {
  const columns = new Map<number, Size[]>()
  for (const size of sizes) {
    const middle = Math.round((places.get(size.id)?.x ?? 0) + size.width / 2)
    columns.set(middle, [...(columns.get(middle) ?? []), size])
  }
  const moved = new Map<string, Point>()
  let [x, right, bottom] = [0, 0, 0]
  for (const [, column] of [...columns].sort(([a], [b]) => a - b)) {
    const sorted = column.sort((a, b) => (places.get(a.id)?.y ?? 0) - (places.get(b.id)?.y ?? 0))
    let [y, widest] = [0, 0]
    for (const { id, width, height } of sorted) {
      if (y > 0 && y + height > most) {
        x += widest + COLUMN_GAP
        y = 0
        widest = 0
      }
      moved.set(id, { x, y })
      y += height + ROW_GAP
      widest = Math.max(widest, width)
      right = Math.max(right, x + width)
      bottom = Math.max(bottom, y - ROW_GAP)
    }
    x += widest + RANK_GAP
  }
  const boxes = new Map(sizes.map((size) => [size.id, size]))
  const ways = new Map(
    links.map((link): [Link, readonly Point[]] => {
      const [from, to] = [moved.get(link.to), moved.get(link.from)]
      const [first, second] = [boxes.get(link.to), boxes.get(link.from)]
      if (!from || !to || !first || !second) return [link, []]
      const [start, end] = [
        { x: from.x + first.width, y: from.y + Math.min(first.height / 2, 14) },
        { x: to.x, y: to.y + Math.min(second.height / 2, 14) },
      ]
      const bow = Math.min(60, Math.max(24, Math.abs(end.x - start.x) / 3))
      return [link, [start, { x: start.x + bow, y: start.y }, { x: end.x - bow, y: end.y }, end]]
    }),
  )
  return { places: moved, ways, width: right, height: bottom }
}

/** Places the groups on shelves, the highest first, in a form about as wide as a screen. */
function pack(parts: readonly ArrangedPart[]): { offsets: Point[]; width: number; height: number } {
  const area = parts.reduce((sum, { width, height }) => sum + (width + GAP) * (height + GAP), 0)
  const most = Math.max(Math.sqrt(area * 1.8), ...parts.map(({ width }) => width))
  const offsets: Point[] = []
  let [x, y, shelf, right] = [0, 0, 0, 0]
  const order = parts.map((_, i) => i).sort((a, b) => (parts[b]?.height ?? 0) - (parts[a]?.height ?? 0))
  for (const i of order) {
    const { width, height } = parts[i] as ArrangedPart
    if (x > 0 && x + width > most) {
      x = 0
      y += shelf + GAP
      shelf = 0
    }
    offsets[i] = { x, y }
    x += width + GAP
    right = Math.max(right, x - GAP)
    shelf = Math.max(shelf, height)
  }
  return { offsets, width: right, height: y + shelf }
}
