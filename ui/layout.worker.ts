/** Arranges diagrams beside the page, so that it stays responsive. */
import { arrange, type Link, type Size } from './layout.ts'

addEventListener('message', ({ data }: MessageEvent<{ id: number; sizes: Size[]; links: Link[] }>) => {
  const { id, sizes, links } = data
  try {
    postMessage({ id, arranged: arrange(sizes, links) })
  } catch (error) {
    postMessage({ id, problem: String(error) })
  }
})
